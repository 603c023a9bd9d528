"""Two processes that share every batch against one with one thread: python benchmarks/ddp.py EVENTS.

Seconds are those of the iterations, as the run's log has them. On a machine that others use the wall time says little;
the CPU time of both processes over that of one says what sharing costs, and so how fast two free cores can be.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def trained(recipe: str, events: str, iterations: int, devices: int) -> tuple[float, float, float]:
    """Wall seconds of the iterations, CPU seconds of the whole command, and the last loss, summed over objectives."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "moliere.cli", "train", recipe, events, "-o", folder, "--device", "cpu"]
        command += ["--iterations", str(iterations), "--threads", "1", "--devices", str(devices), "--select", "last"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        subprocess.run([*command, "--set", "training.validations=1"], check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with (Path(folder) / "metrics.csv").open() as lines:
            rows = list(csv.DictReader(lines))
    loss = sum(float(row["value"]) for row in rows if row["name"].startswith("train/"))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(rows[-1]["seconds"]), cpu, loss


def main() -> None:
    """Print a row for each number of processes: a few iterations less than many, without what a start takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--recipe", default="electrons")
    parser.add_argument("--iterations", type=int, nargs=2, default=(5, 45))
    given = parser.parse_args()
    few, more = given.iterations
    print(f"load {os.getloadavg()[0]:.1f}\n{'processes':>9}{'wall s/iteration':>18}{'CPU s/iteration':>18}{'loss':>10}")
    walls, cpus = [], []
    for devices in (1, 2):
        (wall, cpu, _), (long_wall, long_cpu, loss) = (
            trained(given.recipe, given.events, n, devices) for n in given.iterations
        )
        walls.append((long_wall - wall) / (more - few))
        cpus.append((long_cpu - cpu) / (more - few))
        print(f"{devices:>9}{walls[-1]:>18.3f}{cpus[-1]:>18.3f}{loss:>10.4f}", flush=True)
    print(
        f"two are {walls[0] / walls[1]:.2f} times as fast; on free cores they can be {2 * cpus[0] / cpus[1]:.2f} times"
    )


if __name__ == "__main__":
    main()
