"""One pass over a sample, in pieces: everything the figures need, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.evaluation.observables import Showers, calochallenge_features, observe
from moliere.events import EventSource
from moliere.events.events import piece_rows
from moliere.seeding import derive_seed

Floats = NDArray[np.float64]

#: signals kept for voxel figures and low-level classifiers, of each sample
KEPT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Collected:
    """What is kept of one sample.

    Args:
        n_events: in the source.
        energy: incident energies of the events used, in MeV.
        observables: name → (n_used,).
        features: the community's high-level vector, (n_used, d).
        feature_names: of its columns.
        showers: the first of the events used, with signals, as many as memory allows.
        mean_signals: (1 + n_bins, n_channels): over all events, then in each energy bin.
    """

    n_events: int
    energy: Floats
    observables: dict[str, Floats]
    features: NDArray[np.float32]
    feature_names: tuple[str, ...]
    showers: Showers
    mean_signals: Floats


def choose(n_events: int, max_events: int, seed: int) -> NDArray[np.int64]:
    """Positions of the events used, in random order: any number of the first ones is a fair sample."""
    rng = np.random.default_rng(seed)
    return rng.permutation(n_events)[:max_events]


def collect(
    source: EventSource,
    detector: Calorimeter,
    bins: Sequence[tuple[float, float]],
    max_events: int,
    seed: int,
    threshold: float | None,
) -> Collected:
    """Read at most ``max_events`` of a sample and compute all observables.

    Args:
        source: the events.
        detector: theirs.
        bins: closed energy intervals in MeV for mean showers.
        max_events: bounds memory.
        seed: of the choice.
        threshold: in MeV; ``None`` takes the detector's.
    """
    chosen = choose(len(source), max_events, derive_seed(seed, 0))
    kept_rows = min(len(chosen), max(1, KEPT_BYTES // (4 * detector.n_channels)))
    rows = piece_rows(detector)
    # read in the order of the file: compressed chunks are unpacked once, and random ones for every event
    order = np.argsort(chosen)
    pieces, kept = [], []
    sums, counts = np.zeros((1 + len(bins), detector.n_channels)), np.zeros(1 + len(bins))
    for start in range(0, len(chosen), rows):
        part = order[start : start + rows]
        events = source.take(_as_slice(chosen[part]))
        showers = Showers.cut(detector, events.energy, events.signals, threshold)
        pieces.append((events.energy, observe(showers), *calochallenge_features(showers)))
        _accumulate(showers, bins, sums, counts)
        keep = part < kept_rows
        kept.append((part[keep], events.energy[keep], showers.signals[keep]))
    energies, observed, features, columns = zip(*pieces, strict=True)
    back = np.argsort(order)
    return Collected(
        n_events=len(source),
        energy=np.concatenate(energies)[back],
        observables={name: np.concatenate([piece[name] for piece in observed])[back] for name in observed[0]},
        features=np.concatenate(features)[back],
        feature_names=tuple(columns[0]),
        showers=_join(detector, kept),
        mean_signals=sums / np.maximum(counts, 1)[:, None],
    )


def _accumulate(showers: Showers, bins: Sequence[tuple[float, float]], sums: Floats, counts: Floats) -> None:
    sums[0] += showers.signals.sum(axis=0, dtype=np.float64)
    counts[0] += len(showers.signals)
    for k, (low, high) in enumerate(bins, start=1):
        inside = (showers.energy >= low) & (showers.energy <= high)
        sums[k] += showers.signals[inside].sum(axis=0, dtype=np.float64)
        counts[k] += np.count_nonzero(inside)


def _as_slice(rows: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Increasing positions as a slice where they have no gaps: HDF5 reads those many times faster."""
    gapless = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if gapless else rows


def _join(detector: Calorimeter, kept: list[tuple[NDArray[np.int64], Floats, NDArray[np.float32]]]) -> Showers:
    ranks, energies, signals = (np.concatenate(column) for column in zip(*kept, strict=True))
    back = np.argsort(ranks)
    return Showers(detector, energies[back], signals[back])
