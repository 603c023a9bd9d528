"""Where the seconds of an evaluation go: 20,000 showers of 368 voxels against as many of the shipped bundle.

python benchmarks/evaluation.py [--data ../shared/data/photons.h5] [--events 20000] [--threads 2]
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from moliere.detectors import catalog
from moliere.evaluation import evaluate
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.generation import generate
from moliere.models import load_bundle
from moliere.weights import find_bundle

DETECTOR = "calochallenge-1-photons"


class Stopwatch:
    """Told the name of each phase as it begins; prints what the one before it took."""

    def __init__(self) -> None:
        self._start = self._since = clocks()
        self._name = "opening"
        print(f"{'phase':40}{'wall s':>10}{'CPU s':>10}")

    def __call__(self, name: str, share: float = 0.0) -> None:
        now = clocks()
        self._print(self._name, now - self._since)
        self._name, self._since = name, now

    def stop(self) -> None:
        """Close the last phase and print the sum."""
        self("")
        self._print("whole (reach: 90 s on 2 free cores)", self._since - self._start)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")

    @staticmethod
    def _print(name: str, seconds: np.ndarray) -> None:
        print(f"{name:40}{seconds[0]:10.1f}{seconds[1]:10.1f}", flush=True)


def clocks() -> np.ndarray:
    """Wall and CPU seconds: where they differ much, the machine was not free and the wall time says little."""
    return np.array([time.perf_counter(), time.process_time()])


def build(path: Path, n: int, seed: int) -> Events:
    """Rows of a file, none of them twice; random showers where there is no file."""
    rng = np.random.default_rng(seed)
    if path.is_file():
        events = read_events(path, catalog.get(DETECTOR))
        return events.take(rng.permutation(len(events))[:n])
    detector = catalog.get(DETECTOR)
    energy = 256.0 * 2.0 ** rng.integers(0, 8, size=n)
    shares = rng.exponential(size=(n, detector.n_channels)) * (rng.random((n, detector.n_channels)) < 0.3)
    return Events(detector, {"energy": energy}, shares / shares.sum(axis=1, keepdims=True) * energy[:, None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/photons.h5"), help="Geant4 photons")
    parser.add_argument("--events", type=int, default=20_000, help="of each sample")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    reference = build(options.data, options.events, 1)
    generated = generate(load_bundle(find_bundle("photons")), reference.incident, seed=2)
    stopwatch = Stopwatch()
    report = evaluate(reference, generated, threads=options.threads, progress=stopwatch)
    stopwatch.stop()
    print(report.verdict)


if __name__ == "__main__":
    main()
