"""Peak memory of the long commands: python benchmarks/memory.py [--dataset3] [--folder DIR].

Each row is a process of its own; its peak resident memory is what the operating system says. ``--dataset3`` goes from
the simulation to the page at the size of CaloChallenge dataset 3 (50,000 × 40,500; 8 GB unpacked).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

MOLIERE = [sys.executable, "-m", "moliere.cli"]


def peak(arguments: list[str]) -> tuple[float, float]:
    """Run a command line and return its peak resident memory in MB and its CPU seconds."""
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.execv(sys.executable, [*MOLIERE, *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"moliere {' '.join(arguments)} failed")
    return usage.ru_maxrss / 1e3, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset3", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--events", type=int, default=50_000, help="of dataset 3")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--made", type=int, default=1_000, help="generated showers of dataset 3")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        print(f"{'command':<46}{'events':>10}{'peak MB':>10}{'CPU s':>10}")
        if arguments.dataset3:
            _dataset3(folder, arguments.events, arguments.iterations, arguments.made)
        else:
            _generate_and_evaluate(folder)


def _row(name: str, n: int, arguments: list[str]) -> None:
    memory, seconds = peak(arguments)
    print(f"{name:<46}{n:>10,}{memory:>10.0f}{seconds:>10.0f}", flush=True)


def _generate_and_evaluate(folder: Path) -> None:
    for n in (5_000, 50_000):
        options = ["-n", str(n), "--energy", "256MeV:32GeV", "-o", str(folder / f"{n}.h5")]
        _row("generate photons", n, ["generate", "photons", *options])
    for n in (5_000, 50_000):
        options = ["--max-events", "5000", "--classifier-seeds", "1", "-o", str(folder / f"r{n}")]
        _row("evaluate --max-events 5000", n, ["evaluate", *[str(folder / f"{n}.h5")] * 2, *options])


def _dataset3(folder: Path, n: int, iterations: int, made: int) -> None:
    """Simulated, trained, generated, evaluated: each a process of its own."""
    events, generated = folder / "dataset3.h5", folder / "generated.h5"
    gflash = ["simulate", "gflash", "--detector", "calochallenge-3", "--energy", "1GeV:100GeV", "-n", str(n)]
    _row("simulate gflash", n, [*gflash, "-o", str(events)])
    train = ["train", "electrons", str(events), "-o", str(folder / "run"), "--iterations", str(iterations)]
    _row(f"train electrons, {iterations} iterations of 64", n, [*train, "--set", "training.validations=1"])
    bundle = str(folder / "run" / "electrons.bundle")
    _row("generate", made, ["generate", bundle, "-n", str(made), "--energy", "1GeV:100GeV", "-o", str(generated)])
    judge = ["evaluate", str(events), str(generated), "--classifier-seeds", "1", "-o", str(folder / "page")]
    _row(f"evaluate {n:,} against", made, judge)


if __name__ == "__main__":
    main()
