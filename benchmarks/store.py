"""Speed and memory of the training store: python benchmarks/store.py [--events N] [--folder DIR].

Events of 6,480 voxels with 9 % of them filled, as calochallenge-2 has them from 1 to 100 GeV. Each row is read from a
warm cache; the peak is of the whole process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from moliere.detectors import Calorimeter, catalog
from moliere.events import Events
from moliere.events.formats import create_events, open_events
from moliere.events.store import EventStore
from moliere.training.batches import batch_positions

_BATCH = 256


def make_file(path: Path, detector: Calorimeter, n: int) -> None:
    """Random showers with the occupancy of real ones."""
    rng = np.random.default_rng(0)
    with create_events(path, detector) as writer:
        for start in range(0, n, 1000):
            size = (min(1000, n - start), detector.n_channels)
            signals = np.where(rng.random(size) < 0.09, rng.exponential(10, size), 0).astype(np.float32)
            writer.append(
                Events(detector, {"energy": signals.sum(axis=1) * rng.normal(1, 0.05, len(signals))}, signals)
            )


def rate(read: Callable[[], int]) -> float:
    """Events a second, the better of two readings, of which the first warms the cache."""
    rates = []
    for _ in range(2):
        start = time.perf_counter()
        n = read()
        rates.append(n / (time.perf_counter() - start))
    return max(rates)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    detector = catalog.get("calochallenge-2")
    assert isinstance(detector, Calorimeter)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "events.h5"
        make_file(path, detector, arguments.events)
        source = open_events(path)
        start = time.perf_counter()
        store = EventStore(Path(folder) / "events.store", source)
        seconds = time.perf_counter() - start
        size = store.path.stat().st_size / 1e6
        print(f"{arguments.events:,} events of {detector.n_channels} voxels")
        print(f"HDF5 (gzip) {path.stat().st_size / 1e6:.0f} MB, store {size:.0f} MB, written in {seconds:.1f} s")
        batches = [batch_positions(len(store), _BATCH, 1, k, 2**15).numpy() for k in range(len(store) // _BATCH)]
        random = rate(lambda: sum(len(store.take(np.sort(batch))) for batch in batches))
        ordered = rate(lambda: sum(map(len, store.chunks(2000))))
        few = batches[:4]
        hdf5 = rate(lambda: sum(len(source.take(np.sort(batch))) for batch in few))
        print(f"shuffled batches of {_BATCH}, store   {random:10,.0f} events/s")
        print(f"shuffled batches of {_BATCH}, HDF5    {hdf5:10,.0f} events/s")
        print(f"in order, store                {ordered:10,.0f} events/s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
