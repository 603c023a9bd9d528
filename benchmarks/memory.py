"""Peak memory of the long commands: python benchmarks/memory.py [--dataset3] [--folder DIR].

Each row is a process of its own; its peak resident memory is what the operating system says. ``--dataset3`` makes a
file of the size of CaloChallenge dataset 3 (50,000 × 40,500; 8 GB unpacked, GFLASH showers repeated) and trains on it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from moliere.detectors import catalog
from moliere.events import Events
from moliere.events.formats import create_events
from moliere.simulators import Gflash

MOLIERE = [sys.executable, "-m", "moliere.cli"]


def peak(arguments: list[str]) -> float:
    """Run a command line and return its peak resident memory in MB."""
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.execv(sys.executable, [*MOLIERE, *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"moliere {' '.join(arguments)} failed")
    return usage.ru_maxrss / 1e3


def repeat_showers(path: Path, detector: str, n: int, n_different: int) -> None:
    """A file of n showers of which ``n_different`` are simulated and the rest repeat them."""
    layout = catalog.get(detector)
    rng = np.random.default_rng(0)
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n_different))
    block = Gflash(layout).simulate({"energy": energy}, rng)  # type: ignore[arg-type]
    with create_events(path, layout, overwrite=True) as writer:
        for _ in range(n // n_different):
            writer.append(Events(layout, {"energy": block.energy}, block.signals))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset3", action="store_true")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        print(f"{'command':<46}{'events':>10}{'peak MB':>10}")
        if arguments.dataset3:
            _dataset3(folder)
        else:
            _generate_and_evaluate(folder)


def _row(name: str, n: int, arguments: list[str]) -> None:
    print(f"{name:<46}{n:>10,}{peak(arguments):>10.0f}", flush=True)


def _generate_and_evaluate(folder: Path) -> None:
    for n in (5_000, 50_000):
        options = ["-n", str(n), "--energy", "256MeV:32GeV", "-o", str(folder / f"{n}.h5")]
        _row("generate flow-photons-hour", n, ["generate", "flow-photons-hour", *options])
    for n in (5_000, 50_000):
        options = ["--max-events", "5000", "--classifier-seeds", "1", "-o", str(folder / f"r{n}")]
        _row("evaluate --max-events 5000", n, ["evaluate", *[str(folder / f"{n}.h5")] * 2, *options])


def _dataset3(folder: Path) -> None:
    path, n = folder / "dataset3.h5", 50_000
    repeat_showers(path, "calochallenge-3", n, 500)
    recipe = folder / "dataset3.toml"
    recipe.write_text(
        f'name = "dataset3"\n[data]\nevents = "{path}"\n[model]\nkind = "two-stage-flow"\nwidth = 64\n'
        "[training]\niterations = 20\nbatch_size = 128\nvalidations = 1\n"
    )
    _row("train: open, split, unpack, 20 iterations of 128", n, ["train", str(recipe), "-o", str(folder / "run")])


if __name__ == "__main__":
    main()
