"""What executors cost, and how much faster two workers are than one.

python benchmarks/cluster.py costs FOLDER   # blocks of a second of processor time: what is beyond it is the machinery
python benchmarks/cluster.py speed FOLDER   # moliere with one worker and with two, and two at once that share nothing
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from moliere.cluster import find_engine
from moliere.detectors import Detector, catalog
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.production import Engine, Job, Workers, produce

_PHOTONS = "--detector calochallenge-1-photons --particle gamma --energy 1GeV:2GeV"
#: command, and two numbers of events: what the start takes is in both
_SPEED = {
    "GFLASH, 6,480 cells": ("simulate gflash --detector calochallenge-2 --energy 1GeV:100GeV", 3000, 13000),
    "GFLASH, 368 cells": (f"simulate gflash {_PHOTONS}", 5000, 25000),
    "Geant4, 368 cells": (f"simulate geant4 {_PHOTONS}", 100, 500),
    "generate photons": ("generate photons --energy 256MeV:32GeV --threads 1", 4096, 12288),
    "airshower": ("simulate airshower", 2000, 12000),
}


@dataclass(frozen=True)
class Seconds(Job):
    """Blocks of one event that take a second of processor time, and say how long that was by the clock."""

    n: int
    output: Path
    seed: int = 0
    block_size: int = 1
    mark: str = "seconds"

    def __len__(self) -> int:
        return self.n

    @property
    def detector(self) -> Detector:
        return catalog.get("calochallenge-1-photons")

    def make(self, block: int) -> Events:
        begin, end = time.perf_counter(), time.thread_time() + 1
        while time.thread_time() < end:
            sum(range(1000))
        signals = np.full((1, self.detector.n_channels), time.perf_counter() - begin, np.float32)
        return Events(self.detector, {"energy": np.full(1, 1e3)}, signals)


def costs(folder: Path, only: str) -> None:
    """A line for each executor and number of workers."""
    begin = time.perf_counter()
    find_engine("dask", 1)
    print(f"Dask imported in {time.perf_counter() - begin:.2f} s, which no start below has in it")
    for workers, shards in ((1, 15), (2, 30)):
        for name, engine in (("local", partial(Workers, workers)), ("dask", find_engine("dask", workers))):
            if only in (title := f"{name}, {workers} workers"):
                print(f"{title}: {_cost(engine, workers, shards, folder)}", flush=True)


def _cost(engine: Engine, workers: int, shards: int, folder: Path) -> str:
    """What is beyond the blocks' own seconds, by the clock and of the processor; time and memory of the start."""
    job = Seconds(shards, folder / "seconds.h5")
    start, done, memory, processor = time.perf_counter(), list[float](), list[int](), list[float]()

    def watch(n: int) -> None:
        if n:
            done.append(time.perf_counter())
            processor.append(_processor())
        if len(done) == workers and not memory:  # reading it takes time, too
            memory.append(_memory())

    produce(job, engine=engine, overwrite=True, progress=watch)
    own = read_events(job.output).signals[:, 0]
    # from the first block of each worker on: the start is a number of its own
    took, ideal = done[-1] - done[workers - 1], own.mean() * (shards / workers - 1)
    each = (processor[-1] - processor[workers - 1]) / (shards - workers)
    return (
        f"start {done[0] - start - own[0]:.2f} s, {memory[0]} MB in all; {took:.2f} s for blocks of {ideal:.2f} s, "
        f"{100 * (took / ideal - 1):.1f} % more; processor {100 * (each - 1):.1f} % more than the blocks' own"
    )


def speed(folder: Path, only: str) -> None:
    """A line for each simulator: events a second of two workers over those of one, and what the machine has to give."""
    for name, (words, few, more) in _SPEED.items():
        if only not in name:
            continue
        alone, both, pair = (
            (more - few) / (_wall(folder, words, more, *how) - _wall(folder, words, few, *how))
            for how in ((1, 1), (2, 1), (1, 2))
        )
        print(
            f"{name}: {alone:.0f} events a second with one worker, {both / alone:.2f} times as many with two; "
            f"ceiling {2 * pair / alone:.2f} (two commands at once that share nothing)",
            flush=True,
        )


def _wall(folder: Path, words: str, n: int, workers: int, at_once: int) -> float:
    """Seconds until some equal commands, begun together, have ended."""
    begin = time.perf_counter()
    how = [*words.split(" "), "-n", str(n), "--seed", "3", "--workers", str(workers), "--overwrite", "-o"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "moliere.cli", *how, folder / f"{k}.h5"], stdout=subprocess.DEVNULL, env=environment
        )
        for k in range(at_once)
    ]
    if max(process.wait() for process in running):  # of all of them
        raise SystemExit(f"moliere {words} failed")
    return time.perf_counter() - begin


def _processor() -> float:
    """Seconds of processor time of this process and its children."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


def _memory() -> int:
    """Of this process and its children, MB, what they share counted once."""
    me = psutil.Process()
    return sum(process.memory_full_info().pss for process in (me, *me.children(recursive=True))) >> 20


_WHAT = {"costs": costs, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(_WHAT))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="lines with this in their name")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    _WHAT[arguments.what](arguments.folder, arguments.only)


if __name__ == "__main__":
    # workers import this file by its name
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    import cluster

    cluster.main()
