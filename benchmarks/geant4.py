"""Cost of Geant4: python benchmarks/geant4.py [--events N] [--install].

CPU time is of the whole command, Python's start and Geant4's tables included, per GeV of incident energy; the speed-up
of two workers is of wall time and needs two idle cores. ``--install`` makes a fresh virtual environment, installs
``moliere[geant4]`` from this folder and simulates 100 showers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moliere.events.formats import open_events
from moliere.units import GeV

_SHOWERS = ["--particle", "e-", "--energy", "1GeV:20GeV", "--spectrum", "flat", "--seed", "3"]
_TORCH = "torch==2.13.0"  # the CPU build; without the pin pip fetches gigabytes of CUDA


def run(moliere: list[str], output: Path, *more: str) -> tuple[float, float]:
    """Simulate; returns wall and CPU seconds of the command and its workers."""
    start, before = time.perf_counter(), os.times()
    command = [*moliere, "simulate", "geant4", *_SHOWERS, "-o", str(output), "--overwrite", *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, cpu


def cost(folder: Path, detector: str, n: int) -> float:
    """CPU milliseconds a GeV."""
    path = folder / f"{detector}.h5"
    _, cpu = run([sys.executable, "-m", "moliere.cli"], path, "--detector", detector, "-n", str(n))
    return 1e3 * cpu / float(open_events(path).incident["energy"].sum() / GeV)


def install(folder: Path) -> float:
    """Seconds from an empty folder to 100 showers."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv" / "bin" / "pip"), "install", "-q"]
    subprocess.run([*pip, _TORCH], check=True)
    subprocess.run([*pip, f"{Path(__file__).parents[1]}[geant4]"], check=True)
    os.environ["MOLIERE_CACHE"] = str(folder / "cache")
    moliere = [str(folder / "venv" / "bin" / "moliere")]
    run(moliere, folder / "first.h5", "--detector", "calogan", "-n", "100", "--workers", "2")
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if arguments.install:
            print(f"install and first 100 showers: {install(folder):.0f} s")
            return
        for detector in ("calogan", "calochallenge-2", "calochallenge-1-photons", "3dgan"):
            print(f"{detector:<26}{cost(folder, detector, arguments.events):6.1f} ms of CPU a GeV")
        moliere = [sys.executable, "-m", "moliere.cli"]
        shared = "--detector", "calogan", "-n", str(arguments.events), "--workers"
        one, two = (run(moliere, folder / "w.h5", *shared, workers)[0] for workers in ("1", "2"))
        print(f"two workers: {one / two:.2f} times as fast as one ({one:.1f} s, {two:.1f} s)")


if __name__ == "__main__":
    main()
