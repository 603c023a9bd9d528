"""All observables of 100,000 showers of 6,480 voxels: seconds and memory.

python benchmarks/observables.py [--events 100000] [--threads 2]

The showers are 1,000 random ones, read again and again, so that neither a disk nor their own size is measured.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from moliere.detectors import Calorimeter, Detector, catalog
from moliere.evaluation.collect import Choice, collect
from moliere.evaluation.suites import suites
from moliere.events import Events
from moliere.threads import limited_threads

_DISTINCT = 1_000


@dataclass(frozen=True)
class Repeated:
    """A sample that says that it is longer than it is: an event source."""

    events: Events
    n_events: int

    def __len__(self) -> int:
        return self.n_events

    @property
    def detector(self) -> Detector:
        return self.events.detector

    @property
    def incident(self) -> dict[str, Any]:
        return {name: np.resize(column, self.n_events) for name, column in self.events.incident.items()}

    @property
    def weights(self) -> None:
        return None

    @property
    def metadata(self) -> dict[str, Any]:
        return {}

    def take(self, index: Any) -> Events:
        rows = np.arange(self.n_events)[index] % len(self.events)
        return self.events.take(rows)

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        for start in range(0, self.n_events, size):
            yield self.take(slice(start, start + size))


def build() -> Events:
    """Random showers with a quarter of the cells lit."""
    detector, rng = catalog.get("calochallenge-2"), np.random.default_rng(0)
    assert isinstance(detector, Calorimeter)
    signals = rng.exponential(size=(_DISTINCT, detector.n_channels)).astype(np.float32)
    signals *= rng.random(signals.shape) < 0.25
    energy = rng.uniform(1e3, 1e5, _DISTINCT)
    return Events(detector, {"energy": energy}, signals * (energy / signals.sum(axis=1))[:, None])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    source = Repeated(build(), options.events)
    print(f"before: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    before, start = time.process_time(), time.perf_counter()
    with limited_threads(options.threads):
        found = collect(source, source.detector, suites["calorimeter"], [], Choice(options.events, 0), None)
    wall, cpu = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(found.observables)} observables and {found.features.shape[1]} features of {len(found):,} showers")
    print(f"wall {wall:.1f} s, CPU {cpu:.1f} s, peak memory {peak:.2f} GiB (reach: 20 s on 2 cores, 1 GB)")


if __name__ == "__main__":
    main()
