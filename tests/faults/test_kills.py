"""Runs that are killed without a word, again and again, end as if nobody had killed them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.errors import OutputExists
from moliere.events.formats import read_events
from moliere.production import produce
from moliere.simulators import Gflash, Production

_SIMULATE = """
import sys, time
from pathlib import Path
import numpy as np
from moliere.detectors import catalog
from moliere.production import produce
from moliere.simulators import Gflash, Production
gflash = Gflash(catalog.get("calochallenge-1-photons"))
job = Production(gflash, {"energy": np.full(2300, 2e3)}, 1, Path(sys.argv[1]))
steps = iter(range(100))

def wait(n):
    if next(steps) == int(sys.argv[3]):
        print("here", flush=True)
        time.sleep(60)

produce(job, resume=sys.argv[2] == "resume", overwrite=sys.argv[2] == "overwrite", progress=wait)
"""


def kill_after(steps: int, path: Path, how: str) -> None:
    """Simulate, and kill the process after so many reports of progress."""
    command = [sys.executable, "-c", _SIMULATE, str(path), how, str(steps)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.communicate()


def test_simulations(tmp_path: Path) -> None:
    gflash = Gflash(catalog.get("calochallenge-1-photons"))
    whole, path = tmp_path / "whole.h5", tmp_path / "killed.h5"
    produce(Production(gflash, {"energy": np.full(2300, 2e3)}, 1, whole))
    path.write_text("old")
    kill_after(1, path, "overwrite")
    for steps in (0, 1, 2):
        assert path.read_text() == "old"
        kill_after(steps, path, "resume")
    job = Production(gflash, {"energy": np.full(2300, 2e3)}, 1, path)
    with pytest.raises(OutputExists, match="interrupted run"):
        produce(job)
    produce(job, resume=True)
    assert np.array_equal(read_events(path).signals, read_events(whole).signals)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["killed.h5", "whole.h5"]
