"""A disk that is full while something is written: one typed error, the old file stays, and the process ends well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: a limit on the size of files is the full disk that needs no root
_TRY = """
import resource, sys
from pathlib import Path
import numpy as np
import torch
from moliere import samples
from moliere.detectors import load
from moliere.errors import WriteError
from moliere.events import Events
from moliere.events.formats import write_events
from moliere.events.store import EventStore
from moliere.models import load_bundle, save_bundle
from moliere.production import produce
from moliere.simulators import Production, build_simulator
from moliere.training.checkpoint import Progress, save_checkpoint

folder, limit = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(1)

photons = samples.open("photons-mini")[:400]
noise = Events(photons.detector, photons.incident, rng.uniform(0.1, 9, photons.signals.shape).astype(np.float32))
bundle = load_bundle("WEIGHTS")
gflash = build_simulator("gflash", load("calochallenge-1-photons"), {})
writers = {
    "calochallenge": lambda path: write_events(path, noise, overwrite=True),
    "showerdata": lambda path: write_events(path, noise, "showerdata", overwrite=True),
    "bundle": lambda path: save_bundle(bundle, path, overwrite=True),
    "checkpoint": lambda path: save_checkpoint(path, Progress(), {}, {"model": {"x": torch.rand(10**6)}}),
    "store": lambda path: EventStore(path, noise),
    "simulation": lambda path: produce(Production(gflash, noise.incident, 1, path), overwrite=True),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for name, write in writers.items():
    path = folder / name
    path.write_text("old")
    try:
        write(path)
        print("WRONG: no error", name, flush=True)
    except WriteError as error:
        print("ok" if "free some space" in str(error) else f"WRONG {error}", flush=True)
    if path.read_text() != "old":
        print("WRONG: the old file is gone", name, flush=True)
"""


def test_every_writer(tmp_path: Path) -> None:
    weights = Path(__file__).parents[2] / "src" / "moliere" / "weights" / "photons.bundle"
    for limit in (20_000, 150_000):
        folder = tmp_path / str(limit)
        folder.mkdir()
        command = [sys.executable, "-c", _TRY.replace("WEIGHTS", str(weights)), str(folder), str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.split()) == (0, ["ok"] * 6), done.stdout + done.stderr
        assert sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial")) == []
