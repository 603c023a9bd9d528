"""One pass over a sample, in pieces: everything the figures need, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.evaluation.suites import Kept, Suite
from moliere.evaluation.suites.base import Measured
from moliere.events import Events, EventSource
from moliere.events.events import checked_events, piece_rows
from moliere.events.resample import matching_weights, unweighted_rows
from moliere.seeding import derive_seed

#: signals kept for figures of single channels and low-level classifiers, of each sample
KEPT_BYTES = 192 * 2**20


@dataclass(frozen=True)
class Collected:
    """What is kept of one sample.

    Args:
        n_events: in the source.
        scale: incident energies, or momenta, of the events used, in MeV.
        observables: name → (n_used,).
        features: the classifiers' high-level vector, (n_used, d).
        feature_names: of its columns.
        kept: the first of the events used, with signals, as many as memory allows.
        mean_signals: (1 + n_bins, n_channels): over all events, then in each bin of the scale.
        particles: PDG identifiers of what came in, (n_used,); ``None`` where nobody says.
    """

    n_events: int
    scale: Floats
    observables: dict[str, Floats]
    features: NDArray[np.float32]
    feature_names: tuple[str, ...]
    kept: Kept
    mean_signals: Floats
    particles: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Events used."""
        return len(self.scale)


@dataclass(frozen=True)
class Choice:
    """Which events of a sample are used.

    Args:
        max_events: bounds memory and time.
        seed: of the choice, random without replacement; weights decide how likely an event is used at all.
        like: incident energies in MeV that the events used shall have; ``None`` takes them as they come.
    """

    max_events: int
    seed: int
    like: Floats | None = None

    def rows(self, source: EventSource) -> NDArray[np.int64]:
        """Positions in random order: any number of the first ones is a fair sample."""
        rng = np.random.default_rng(derive_seed(self.seed, 0))
        order = rng.permutation(len(source))
        for weights in (source.weights, self._matching(source)):
            if weights is not None:
                order = order[np.isin(order, unweighted_rows(weights, rng))]
        return order[: self.max_events]

    def _matching(self, source: EventSource) -> Floats | None:
        return None if self.like is None else matching_weights(source.incident["energy"], self.like)


def collect(
    source: EventSource,
    detector: Detector,
    suite: Suite,
    bins: Sequence[tuple[float, float]],
    choice: Choice,
    threshold: float | None,
) -> Collected:
    """Read what is used of a sample and compute all observables.

    Args:
        source: the events.
        detector: by which both samples are looked at.
        suite: which observables.
        bins: closed intervals of the scale in MeV for mean signals.
        choice: which events.
        threshold: in the detector's unit; ``None`` takes the detector's.
    """
    chosen = choice.rows(source)
    kept_rows = min(len(chosen), max(1, KEPT_BYTES // (4 * detector.n_channels)))
    rows = piece_rows(detector)
    # read in the order of the file: compressed chunks are unpacked once, and random ones for every event
    order = np.argsort(chosen)
    table, means = _Table(len(chosen), kept_rows, detector.n_channels), _Means(bins, detector.n_channels)
    for start in range(0, len(chosen), rows):
        part = order[start : start + rows]
        events = _seen_by(detector, source.take(_as_slice(chosen[part])))
        measured = suite.look(events, threshold)
        table.put(part, measured, events.incident)
        means.add(measured)
    return Collected(
        n_events=len(source),
        scale=table.scale,
        observables=table.observables,
        features=table.features,
        feature_names=table.feature_names,
        kept=Kept(detector, table.scale[:kept_rows], table.signals, table.times, table.theta),
        mean_signals=means.values(),
        particles=table.particles,
    )


class _Table:
    """Columns of all events, filled piece by piece: two copies of them at once would be too much.

    Args:
        n_events: rows.
        n_kept: of them have their signals kept, the first ones.
        n_channels: of the detector.
    """

    def __init__(self, n_events: int, n_kept: int, n_channels: int) -> None:
        self._n_events = n_events
        self.scale = np.zeros(n_events)
        self.signals = np.zeros((n_kept, n_channels), np.float32)
        self.times: Floats | None = None
        self.theta: Floats | None = None
        self.particles: NDArray[np.int64] | None = None
        self.observables: dict[str, Floats] = {}
        self.features = np.zeros((n_events, 0), np.float32)
        self.feature_names: tuple[str, ...] = ()

    def put(self, rows: NDArray[np.int64], measured: Measured, incident: Mapping[str, NDArray[Any]]) -> None:
        """The events of these rows, with the angles and the kinds of what came in where these are known."""
        if not self.observables:
            self.observables = {name: np.zeros(self._n_events) for name in measured.observables}
            self.features = np.zeros((self._n_events, measured.features.shape[1]), np.float32)
            self.feature_names = measured.feature_names
        self.scale[rows] = measured.scale
        self.features[rows] = measured.features
        for name in [*self.observables]:
            if name in measured.observables:
                self.observables[name][rows] = measured.observables[name]
            else:  # not every part of a source need have recorded it
                del self.observables[name]
        keep = rows < len(self.signals)
        self.signals[rows[keep]] = measured.signals[keep]
        if measured.times is not None:
            if self.times is None:
                self.times = np.full((len(self.signals), measured.times.shape[1]), np.nan)
            self.times[rows[keep]] = measured.times[keep]
        if (theta := incident.get("theta")) is not None:
            self.theta = np.full(len(self.signals), np.nan) if self.theta is None else self.theta
            self.theta[rows[keep]] = theta[keep]
        if (particles := incident.get("pdg_id")) is not None:
            self.particles = np.zeros(self._n_events, np.int64) if self.particles is None else self.particles
            self.particles[rows] = particles


class _Means:
    """Mean signals over all events, then in each bin of the scale."""

    def __init__(self, bins: Sequence[tuple[float, float]], n_channels: int) -> None:
        self._bins = bins
        self._sums, self._counts = np.zeros((1 + len(bins), n_channels)), np.zeros(1 + len(bins))

    def add(self, measured: Measured) -> None:
        """Some events more."""
        everywhere = np.ones(len(measured.scale), dtype=bool)
        for k, (low, high) in enumerate([(-np.inf, np.inf), *self._bins]):
            inside = (measured.scale >= low) & (measured.scale <= high) if k else everywhere
            part = measured.signals if inside.all() else measured.signals[inside]
            self._sums[k] += part.sum(axis=0, dtype=np.float64)
            self._counts[k] += len(part)

    def values(self) -> Floats:
        """(1 + n_bins, n_channels)."""
        return np.asarray(self._sums / np.maximum(self._counts, 1)[:, None])


def align(samples: Sequence[Collected]) -> tuple[list[Collected], list[str]]:
    """Samples with the observables and features that all of them have, and the names of what had to go.

    A sample without arrival times has no observables of them, and one without labels no incident energy.
    """
    names = [name for name in samples[0].observables if all(name in sample.observables for sample in samples)]
    columns = [name for name in samples[0].feature_names if all(name in sample.feature_names for sample in samples)]
    known = {name for sample in samples for name in (*sample.observables, *sample.feature_names)}
    return [_restrict(sample, names, columns) for sample in samples], sorted(known - {*names, *columns})


def _restrict(sample: Collected, names: Sequence[str], columns: Sequence[str]) -> Collected:
    if len(columns) == len(sample.feature_names) and len(names) == len(sample.observables):
        return sample
    return replace(
        sample,
        observables={name: sample.observables[name] for name in names},
        features=sample.features[:, [sample.feature_names.index(name) for name in columns]],
        feature_names=tuple(columns),
    )


def _seen_by(detector: Detector, events: Events) -> Events:
    """The same events read out by the reference's detector, whose cells differ in the last bit, or in name only."""
    return checked_events(detector, events.incident, events.signals, events.weights, events.metadata, events.extras)


def _as_slice(rows: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Increasing positions as a slice where they have no gaps: HDF5 reads those many times faster."""
    gapless = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if gapless else rows
