"""One pass over a file: a few numbers an event, on which all checks work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats, Ints
from moliere.events.events import EventSource, piece_rows
from moliere.events.formats.base import extras_of, signals_of
from moliere.events.quality import MUON, noise_floor
from moliere.events.voxelise import OUTSIDE

Bools = NDArray[np.bool_]
Columns = Mapping[str, NDArray[Any]]

#: extras of energy that lay in no cell
_OUTSIDE = (OUTSIDE, "overflow")
#: relative slack at the ends of ranges
_SLACK = 1e-4
#: a grid has at most so many energies, on which this share of the events lies
_MOST_ENERGIES, _ON_GRID = 64, 0.98
#: an energy of the grid has at least so many events
_FEWEST = 5
#: of a continuous spectrum: events a group, and groups
_GROUP, _MOST_GROUPS = 100, 50


def energy_grid(energy: Floats) -> Floats:
    """The energies of a sample that was simulated at a few of them; empty for a continuous spectrum.

    Args:
        energy: of sound events, (n,).

    Example:
        >>> energy_grid(np.repeat([256.0, 512.0, 300.0], [60, 60, 1]))
        array([256., 512.])
    """
    values, counts = np.unique(energy, return_counts=True)
    frequent = counts >= _FEWEST
    covered = counts[frequent].sum() / max(len(energy), 1)
    return (
        values[frequent] if frequent.any() and frequent.sum() <= _MOST_ENERGIES and covered >= _ON_GRID else values[:0]
    )


def group_energies(energy: Floats, sound: Bools) -> Ints:
    """Number of the group of each event: its energy's on a grid (the nearest), else its quantile; -1 if not sound."""
    group = np.full(len(energy), -1)
    known = energy[sound]
    grid = energy_grid(known)
    if len(grid):
        edges = np.sqrt(grid[:-1] * grid[1:])
    else:
        n_groups = int(np.clip(len(known) // _GROUP, 1, _MOST_GROUPS))
        edges = np.quantile(known, np.linspace(0, 1, n_groups + 1)[1:-1]) if len(known) else np.zeros(0)
    group[sound] = np.searchsorted(edges, known, side="right")
    return group


@dataclass(frozen=True, eq=False)
class Overview:
    """The quantities that one pass over a file collects; arrays have one row for each event.

    Args:
        detector: what was read out.
        incident: named columns.
        weights: where there are any.
        not_finite: whether a signal is NaN or infinite.
        negative: whether an amount is negative by more than numerical noise.
        noisy: whether an amount is negative, and so little that it is numerical noise.
        beyond: number of channels whose signal is outside the limits that the detector gives them.
        outside: energy that a reader found in no cell, in MeV; 0 where the reader knows of none.
        above: sum of the amounts that reach the detector's threshold.
        total: sum of the signals.
        brightest: largest signal.
        where: position of the largest signal among the amounts.
        hits: number of signals above 0.
        faintest: smallest signal above 0, infinite where there is none.
        digest: eight bytes that equal signals and energies share.
        layer_energies: (n, n_layers), (n, 0) where there are no layers.
        layer_brightest: largest signal of each layer, (n, n_layers) or (n, 0).
    """

    detector: Detector
    incident: Mapping[str, NDArray[Any]]
    weights: Floats | None
    not_finite: Bools
    negative: Bools
    noisy: Bools
    beyond: Ints
    outside: Floats
    above: Floats
    total: Floats
    brightest: Floats
    where: Ints
    hits: Ints
    faintest: Floats
    digest: Ints
    layer_energies: NDArray[np.float32]
    layer_brightest: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of events."""
        return len(self.total)

    @cached_property
    def energy(self) -> Floats:
        """Incident energy in MeV, NaN where it is missing or makes no sense."""
        energy = np.asarray(self.incident.get("energy", np.full(len(self), np.nan)), np.float64)
        return np.where(np.isfinite(energy) & (energy > 0), energy, np.nan)

    @cached_property
    def sound(self) -> Bools:
        """Whether an event's signals and energy are numbers that can be worked with."""
        return ~self.not_finite & ~self.negative & np.isfinite(self.energy)

    @cached_property
    def response(self) -> Floats:
        """Total signal over incident energy; NaN where the event is not sound."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(self.sound, self.total / self.energy, np.nan)

    @cached_property
    def group(self) -> Ints:
        """Number of the group of like incident energy, -1 for events that are not sound."""
        return group_energies(self.energy, self.sound)

    @cached_property
    def usual_hits(self) -> Floats:
        """Median number of hits of an event's group; 0 for events that are not sound."""
        usual = np.zeros(len(self))
        for number in range(self.group.max(initial=-1) + 1):
            inside = self.group == number
            usual[inside] = np.median(self.hits[inside]) if inside.any() else 0
        return usual

    @cached_property
    def has_muons(self) -> bool:
        """Whether there are muons, which leave next to nothing in a calorimeter, whatever their energy."""
        return bool((np.abs(self.incident.get("pdg_id", np.zeros(1))) == MUON).any())


def look(source: EventSource) -> Overview:
    """Read a source once, in pieces of bounded size."""
    pieces = [_look_at(source.detector, *piece) for piece in _unchecked(source)]
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return Overview(detector=source.detector, incident=source.incident, weights=source.weights, **joined)


def _unchecked(source: EventSource) -> Iterator[tuple[Columns, NDArray[np.float32], Columns]]:
    """Incident columns, signals and extras as they stand in the file; events in memory were checked when made."""
    size = piece_rows(source.detector)
    for start in range(0, max(len(source), 1), size):
        rows = slice(start, start + size)
        signals = signals_of(source, rows)
        yield {name: column[rows] for name, column in source.incident.items()}, signals, extras_of(source, rows)


def _look_at(
    detector: Detector, incident: Columns, signals: NDArray[np.float32], extras: Columns
) -> dict[str, NDArray[Any]]:
    amounts = detector.amounts(signals)
    with np.errstate(invalid="ignore", over="ignore"):
        total, positive = amounts.sum(axis=1, dtype=np.float64), amounts > 0
    rows = np.arange(len(amounts))
    where = np.argmax(np.where(np.isfinite(amounts), amounts, -np.inf), axis=1)
    return {
        "not_finite": ~np.isfinite(signals).all(axis=1),
        "negative": (amounts < -noise_floor(detector)).any(axis=1),
        "noisy": ((amounts < 0) & (amounts >= -noise_floor(detector))).any(axis=1),
        "beyond": _count_beyond(detector, signals),
        "outside": _sum_outside(len(signals), extras),
        "above": np.sum(amounts, axis=1, where=amounts >= detector.threshold, dtype=np.float64),
        "total": total,
        "brightest": amounts[rows, where].astype(np.float64),
        "where": where,
        "hits": positive.sum(axis=1),
        "faintest": np.min(amounts, axis=1, where=positive, initial=np.inf).astype(np.float64),
        "digest": _digests(incident, signals),
        **_look_at_layers(detector, signals),
    }


def _count_beyond(detector: Detector, signals: NDArray[np.float32]) -> Ints:
    if detector.limits is None:
        return np.zeros(len(signals), np.int64)
    # ends of ranges are written with fewer digits than signals have
    low, high = (end + sign * (_SLACK * np.abs(end)) for sign, end in zip((-1, 1), detector.limits, strict=True))
    with np.errstate(invalid="ignore"):
        return np.asarray(((signals < low) | (signals > high)).sum(axis=1))


def _sum_outside(n: int, extras: Columns) -> Floats:
    """Energy that the reader found in no cell: of hits outside all cells, or beyond a layer's edge."""
    found = [np.asarray(extras[name], np.float64).reshape(n, -1).sum(axis=1) for name in _OUTSIDE if name in extras]
    return np.asarray(np.sum([np.zeros(n), *found], axis=0))


def _digests(incident: Mapping[str, NDArray[Any]], signals: NDArray[np.float32]) -> Ints:
    energy = np.asarray(incident.get("energy", np.zeros(len(signals))), np.float64)
    both = zip(np.ascontiguousarray(signals), energy, strict=True)
    digests = (hashlib.blake2b(row.tobytes() + e.tobytes(), digest_size=8).digest() for row, e in both)
    return np.frombuffer(b"".join(digests), np.int64)


def _look_at_layers(detector: Detector, signals: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    brightest = np.zeros((len(signals), len(detector.slices)), np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for k, part in enumerate(detector.slices):
            brightest[:, k] = signals[:, part].max(axis=1)
        return {"layer_energies": detector.layer_energies(signals), "layer_brightest": brightest}
