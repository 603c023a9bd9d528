"""How long a billion showers take a site: a discrete-event simulation of shards, stragglers and failures.

python benchmarks/scale.py                 # the table of docs/scale.md
python benchmarks/scale.py --check         # predicts and makes GFLASH showers with 1 and 2 workers here (minutes)
"""

from __future__ import annotations

import argparse
import heapq
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

#: what one core does, from RESULTS.md, packing into HDF5 included: ms a shower, seconds until a process has begun, MB a
#: shower on disk, as in the shared samples
RATES = {
    "Geant4, e- of 1 to 100 GeV, 6,480 cells": (260.0, 4.0, 0.0034),
    "GFLASH, the same": (0.25, 3.0, 0.0034),
    "photons (one step, torch), 368 cells": (0.71, 4.0, 0.0008),
    "photons (one step, ONNX Runtime)": (0.35, 1.5, 0.0008),
}


@dataclass(frozen=True)
class Site:
    """Who works, and what goes wrong.

    Args:
        workers: cores, or GPUs.
        milliseconds: of one of them for a shower.
        start: seconds until a shard's process has begun: Python, the bundle, the detector.
        spread: of the speeds of the nodes, as the width of a log-normal distribution.
        slow: share of shards that meet a node which others load.
        slowness: by how much those are slower.
        failures: of each worker, an hour; a shard that fails is found and queued again.
        notice: seconds until a batch system has queued a failed shard again.
        block: showers that are kept together; a shard that failed goes on after its last whole block.
    """

    workers: int = 1000
    milliseconds: float = 1.0
    start: float = 4.0
    spread: float = 0.1
    slow: float = 0.01
    slowness: float = 3.0
    failures: float = 0.001
    notice: float = 60.0
    block: int = 500


@dataclass(frozen=True)
class Run:
    """What came of it.

    Args:
        seconds: until the last shard is done.
        efficiency: what an ideal site needs, over what this one had.
        failures: shards that failed.
        tail: seconds between the end of 95 % of the shards and the last one.
    """

    seconds: float
    efficiency: float
    failures: int
    tail: float


def simulate(site: Site, showers: int, shards: int, seed: int = 0) -> Run:
    """Workers take shards from one queue until all are done."""
    rng = np.random.default_rng(seed)
    speed = rng.lognormal(0.0, site.spread, site.workers)
    whole = showers / shards * site.milliseconds / 1e3
    # free at, worker; queued shards: ready at, seconds of work that are left
    free = [(0.0, worker) for worker in range(site.workers)]
    heapq.heapify(free)
    queue = [(0.0, whole)] * shards
    ends: list[float] = []
    failures = 0
    while queue:
        now, worker = heapq.heappop(free)
        ready, work = heapq.heappop(queue)
        begin = max(now, ready)
        pace = speed[worker] * (site.slowness if rng.random() < site.slow else 1.0)
        needed = site.start + work * pace
        lasts = rng.exponential(3600 / site.failures) if site.failures else np.inf
        if lasts >= needed:
            heapq.heappush(free, (begin + needed, worker))
            ends.append(begin + needed)
            continue
        failures += 1
        blocks = site.block * site.milliseconds / 1e3
        kept = np.floor(max(0.0, lasts - site.start) / pace / blocks) * blocks
        heapq.heappush(free, (begin + lasts + site.notice, worker))
        heapq.heappush(queue, (begin + lasts + site.notice, max(work - kept, 0.0)))
    ends.sort()
    last = ends[-1]
    ideal = showers * site.milliseconds / 1e3 / site.workers
    return Run(last, ideal / last, failures, last - ends[int(0.95 * (len(ends) - 1))])


def table(showers: int, workers: int) -> None:
    """For every rate: the best of some numbers of shards, and what it costs to choose badly."""
    print(f"{showers:,} showers, {workers:,} cores")
    print(f"{'':46}{'shards':>8}{'hours':>9}{'efficiency':>12}{'failed':>8}{'tail, min':>11}{'TB':>8}")
    for name, (milliseconds, start, size) in RATES.items():
        for each in (1, 10, 100):
            run = simulate(Site(workers, milliseconds, start), showers, workers * each)
            row = f"{run.seconds / 3600:>9.2f}{run.efficiency:>12.2f}{run.failures:>8}{run.tail / 60:>11.1f}"
            print(f"{name:46}{workers * each:>8,}{row}{showers * size / 1e6:>8.2f}")


def check(showers: Sequence[int], detector: str) -> None:
    """What is predicted and what is measured, for one worker and for two.

    The pace of a worker is that of commands that share nothing, as many at once as there are workers: two threads of
    one core slow each other down, which no queue can know. What it takes to begin is that of a short command.
    """
    few, more, n = showers
    with tempfile.TemporaryDirectory() as scratch:
        make = partial(_made, Path(scratch), detector)
        for workers in (1, 2):
            pace = (make(more, 1, at_once=workers) - make(few, 1, at_once=workers)) / (more - few)
            site = Site(workers, 1e3 * pace, start=0.0, spread=0.0, slow=0.0, failures=0.0)
            begin = make(few, workers) - _in_blocks(site, few)
            predicted, wall = begin + _in_blocks(site, n), make(n, workers)
            print(f"{workers} workers: {1e3 * pace:.3f} ms of each a shower, {begin:.2f} s to begin")
            more_than = 100 * (wall / predicted - 1)
            print(
                f"  {n:,} showers: predicted {predicted:.1f} s, measured {wall:.1f} s ({more_than:+.0f} %)", flush=True
            )


def _in_blocks(site: Site, showers: int) -> float:
    """Seconds: blocks of 500 are handed to workers as they become free."""
    return simulate(site, showers, max(1, showers // 500)).seconds


def _made(folder: Path, detector: str, n: int, workers: int, at_once: int = 1) -> float:
    """Wall seconds of equal commands, begun together; their CPU seconds are printed: they show a loaded machine."""
    command = [sys.executable, "-m", "moliere.cli", "simulate", "gflash", "--detector", detector, "--overwrite"]
    command += ["--energy", "1GeV:100GeV", "-n", str(n), "--workers", str(workers), "-o"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = [subprocess.Popen([*command, folder / f"{k}.h5"], stdout=subprocess.DEVNULL) for k in range(at_once)]
    if max(process.wait() for process in running):  # of all of them
        raise SystemExit("the simulation failed")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"  {at_once} x {n:,} showers, {workers} workers: {wall:.1f} s by the clock, {cpu:.1f} s of CPU")
    return wall


def main() -> None:
    """Print a table, or check the simulation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showers", type=int, default=10**9)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--made", type=int, nargs=3, default=(2000, 12000, 40000), help="showers of the three checks")
    parser.add_argument("--detector", default="calochallenge-2")
    given = parser.parse_args()
    if given.check:
        check(given.made, given.detector)
    else:
        table(given.showers, given.workers)


if __name__ == "__main__":
    main()
