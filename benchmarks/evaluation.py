"""Where the seconds of an evaluation go: 20,000 against 20,000 showers of 368 voxels, classifiers included.

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

DETECTOR = "calochallenge-1-photons"


class Stopwatch:
    """Told the name of each phase as it begins; adds up the seconds of phases of the same name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._since = "opening", time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._since
        self._name, self._since = name, now


def build(path: Path, n: int, seed: int) -> Events:
    """Rows of a file, drawn with replacement; random showers where there is no file."""
    rng = np.random.default_rng(seed)
    if path.is_file():
        events = read_events(path, catalog.get(DETECTOR))
        return events.take(rng.integers(len(events), size=n))
    detector = catalog.get(DETECTOR)
    energy = 256.0 * 2.0 ** rng.integers(0, 8, size=n)
    shares = rng.exponential(size=(n, detector.n_channels)) * (rng.random((n, detector.n_channels)) < 0.3)
    return Events(detector, {"energy": energy}, shares / shares.sum(axis=1, keepdims=True) * energy[:, None])


def perturbed(events: Events, seed: int) -> Events:
    """What a good model makes: voxels a few percent off, so that no classifier stops at once."""
    factors = np.random.default_rng(seed).normal(1.0, 0.03, size=events.signals.shape).clip(0.5)
    return Events(events.detector, events.incident, events.signals * factors)


def print_table(seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        print(f"{name:40}{value:8.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'whole':40}{sum(seconds.values()):8.1f} s, peak memory {peak:.2f} GiB (reach: 180 s on 2 threads)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/photons.h5"), help="Geant4 photons")
    parser.add_argument("--events", type=int, default=20_000, help="of each sample")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    reference = build(options.data, options.events, 1)
    generated = perturbed(build(options.data, options.events, 2), 3)
    stopwatch = Stopwatch()
    report = evaluate(reference, generated, threads=options.threads, progress=stopwatch)
    stopwatch("")
    print_table(stopwatch.seconds)
    print(report.verdict)


if __name__ == "__main__":
    main()
