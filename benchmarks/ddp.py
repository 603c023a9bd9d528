"""Two processes that share every batch against one with one thread: python benchmarks/ddp.py EVENTS.

Seconds are those of the second half of the iterations, as the run's log has them. The ceiling is what the machine has
to give: two independent trainings at the same time against one alone; two threads of one core are not two cores.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Training:
    """One command, as long as it runs and after.

    Args:
        given: options of this benchmark.
        devices: processes that share every batch.
    """

    def __init__(self, given: argparse.Namespace, devices: int) -> None:
        self._scratch = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "moliere.cli", "train", given.recipe, given.events, "--device", "cpu"]
        command += [
            "-o",
            self._scratch.name,
            "--iterations",
            str(given.iterations),
            "--select",
            "last",
            "--threads",
            "1",
        ]
        command += ["--devices", str(devices), "--overwrite", "--set", "training.validations=2"]
        command += [word for setting in given.set for word in ("--set", setting)]
        self._process = subprocess.Popen(command, env=_ALONE, stdout=subprocess.DEVNULL)

    def result(self) -> tuple[float, dict[str, float]]:
        """Milliseconds an iteration, and the last losses."""
        if self._process.wait():
            raise SystemExit("the training failed")
        with (Path(self._scratch.name) / "metrics.csv").open() as lines:
            rows = list(csv.DictReader(lines))
        at = {int(row["iteration"]): float(row["seconds"]) for row in rows}
        (few, start), (more, end) = min(at.items()), max(at.items())
        losses = {row["name"]: float(row["value"]) for row in rows if int(row["iteration"]) == more}
        return 1e3 * (end - start) / (more - few), losses


def main() -> None:
    """Print a row for one process, for two, and for two that know nothing of each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--recipe", default="electrons")
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--set", action="append", default=[], help="as of moliere train")
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}; {given}", flush=True)
    alone, losses = Training(given, 1).result()
    print(f"one process: {alone:.0f} ms an iteration, {losses}", flush=True)
    shared, losses = Training(given, 2).result()
    print(f"two processes, the same batch: {shared:.0f} ms, {alone / shared:.2f} times as fast, {losses}", flush=True)
    pair = [training.result()[0] for training in (Training(given, 1), Training(given, 1))]
    print(f"ceiling: two independent trainings, {pair[0]:.0f} and {pair[1]:.0f} ms an iteration, do "
          f"{alone / pair[0] + alone / pair[1]:.2f} times the work of one")  # fmt: skip


if __name__ == "__main__":
    main()
