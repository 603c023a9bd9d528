"""The container that every room passes on: what came in, what the detector answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Detector
from moliere.errors import InvalidEvents
from moliere.events.quality import check_events, without_noise
from moliere.notebook import Shown

#: the extra with the arrival times of stations in ns, NaN for silent ones (n, n_stations)
ARRIVAL_TIMES = "arrival_times"

Index = int | slice | NDArray[np.integer[Any]] | NDArray[np.bool_] | Sequence[int]


def rows_at(index: Index, n: int) -> slice | NDArray[Any]:
    """The rows that an index means, so that every source of events understands the same.

    Args:
        index: a position, counted from the end where it is negative; a slice; positions; or a mask.
        n: number of events.

    Raises:
        IndexError: a position that does not exist, a mask of another length, or something that is no index.

    Example:
        >>> rows_at(-1, 5), rows_at([], 5)
        (slice(4, 5, None), array([], dtype=int64))
    """
    if isinstance(index, slice):
        return index
    rows = np.asarray(index)
    if rows.size == 0 and rows.dtype != bool:
        rows = rows.astype(np.int64)
    if rows.ndim == 0 and rows.dtype.kind in "iu":
        if not -n <= rows < n:
            raise IndexError(f"event {rows} of {n}; events are counted from 0 to {n - 1}")
        return slice(int(rows) % n, int(rows) % n + 1)
    if rows.ndim != 1 or rows.dtype.kind not in "iub":
        raise IndexError(f"expected a position, a slice, whole numbers or a mask of {n} events, got {repr(index)[:80]}")
    return rows


def _frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.asarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Events(Shown):
    """n events seen by one detector; validated once, immutable, sliceable.

    Args:
        detector: what was read out.
        incident: named columns (energy in MeV, theta and phi in rad, eta, pdg_id, mass in MeV, …), each (n,).
        signals: detector response (n, n_channels) in the detector's unit; negative signals far below the detector's
            threshold are numerical noise and become 0.
        weights: optional statistical weights (n,).
        extras: what else was recorded, a row an event: arrival times (n, n_stations) in ns, energy outside the
            readout window; NaN where there is nothing.
        metadata: provenance: seeds, program versions, physics lists.

    Raises:
        InvalidEvents: shapes that do not fit, values that are not finite or negative, energies in the wrong unit.

    Example:
        >>> import moliere
        >>> events = moliere.samples.open("photons-mini")
        >>> events
        Events(5000 in calochallenge-1-photons; energy 256 MeV – 32.8 GeV)
        >>> events[:3].signals.shape, len(events[0])
        ((3, 368), 1)
    """

    detector: Detector
    incident: Mapping[str, NDArray[Any]]
    signals: NDArray[np.float32]
    weights: NDArray[np.float64] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the arrays and check them once."""
        set_ = object.__setattr__
        columns = {name: _frozen(v, np.int64 if name == "pdg_id" else np.float64) for name, v in self.incident.items()}
        set_(self, "incident", MappingProxyType(columns))
        set_(self, "signals", _frozen(without_noise(self.detector, np.asarray(self.signals, np.float32)), np.float32))
        set_(self, "weights", None if self.weights is None else _frozen(self.weights, np.float64))
        set_(self, "metadata", MappingProxyType(dict(self.metadata)))
        set_(self, "extras", MappingProxyType({name: _frozen(v, None) for name, v in self.extras.items()}))
        check_events(self.detector, self.incident, self.signals, self.weights, self.extras)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.signals)

    def __repr__(self) -> str:
        """Number, detector and energy range."""
        return f"Events({describe_source(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes; read-only mappings do not by themselves."""
        mappings = dict(self.incident), dict(self.metadata), dict(self.extras)
        return Events, (self.detector, mappings[0], self.signals, self.weights, *mappings[1:])

    @property
    def energy(self) -> NDArray[np.float64]:
        """Incident energy in MeV, shape (n,)."""
        return energy_of(self.incident)

    @property
    def response(self) -> NDArray[np.float64]:
        """Total signal over incident energy, shape (n,)."""
        return np.asarray(self.detector.amounts(self.signals).sum(axis=1, dtype=np.float64) / self.energy)

    def take(self, index: Index) -> Events:
        """The events at ``index`` (position, slice, integers or mask), in that order."""
        return self[index]

    def __iter__(self) -> Iterator[Events]:
        """One event after the other, each as events of length 1."""
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: Index) -> Events:
        """The events at ``index``; what was valid stays valid, so nothing is checked again.

        A single position gives events of length 1, so that whatever takes events takes one event, too. Positions and
        slices give views.

        Raises:
            IndexError: a position that does not exist, a mask of another length, or something that is no index.
        """
        at = rows_at(index, len(self))
        incident, extras = ({name: v[at] for name, v in rows.items()} for rows in (self.incident, self.extras))
        weights = None if self.weights is None else self.weights[at]
        return checked_events(self.detector, incident, self.signals[at], weights, self.metadata, extras)

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        """Consecutive pieces of at most ``size`` events."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    @staticmethod
    def concatenate(parts: Sequence[Events]) -> Events:
        """One container from several of the same detector.

        Raises:
            InvalidEvents: the detectors or the incident columns differ.
        """
        first = parts[0]
        for part in parts[1:]:
            if part.detector != first.detector or set(part.incident) != set(first.incident):
                raise InvalidEvents(
                    f"cannot join events of {first.detector.name} with columns {sorted(first.incident)} and events of "
                    f"{part.detector.name} with columns {sorted(part.incident)}; they must be the same"
                )
        weighted = first.weights is not None and all(part.weights is not None for part in parts)
        return Events(
            detector=first.detector,
            incident={name: np.concatenate([part.incident[name] for part in parts]) for name in first.incident},
            signals=np.concatenate([part.signals for part in parts]),
            weights=np.concatenate([part.weights for part in parts if part.weights is not None]) if weighted else None,
            metadata=first.metadata,
            extras={name: np.concatenate([part.extras[name] for part in parts]) for name in _shared_extras(parts)},
        )


def _shared_extras(parts: Sequence[Events]) -> list[str]:
    """Names of the extras that all parts have; what only some recorded cannot be joined."""
    return [name for name in parts[0].extras if all(name in part.extras for part in parts)]


def checked_events(
    detector: Detector,
    incident: Mapping[str, NDArray[Any]],
    signals: NDArray[np.float32],
    weights: NDArray[np.float64] | None,
    metadata: Mapping[str, Any],
    extras: Mapping[str, NDArray[Any]] | None = None,
) -> Events:
    """Events from parts of others: what was valid stays valid and is not checked again."""
    events = object.__new__(Events)
    values = {
        "detector": detector,
        "incident": MappingProxyType({name: _frozen(column, column.dtype) for name, column in incident.items()}),
        "signals": _frozen(signals, np.float32),
        "weights": None if weights is None else _frozen(weights, np.float64),
        "metadata": metadata,
        "extras": MappingProxyType({name: _frozen(rows, rows.dtype) for name, rows in (extras or {}).items()}),
    }
    for name, value in values.items():
        object.__setattr__(events, name, value)
    return events


class EventSource(Protocol):
    """Events in memory or on disk: what training, evaluation and splitting need to know of either."""

    @property
    def detector(self) -> Detector:
        """What was read out."""

    @property
    def incident(self) -> Mapping[str, NDArray[Any]]:
        """Incident columns of all events, always in memory (a few numbers an event)."""

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Statistical weights of all events, where there are any."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Provenance."""

    def __len__(self) -> int:
        """Number of events."""

    def take(self, index: Index) -> Events:
        """The events at ``index``, in that order."""

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        """Consecutive pieces of at most ``size`` events."""


#: signals that are in memory together, whatever the size of a file
_PIECE_SIGNALS = 2**22


def piece_rows(detector: Detector) -> int:
    """The number of events of a detector that are processed together, so that memory does not grow with the file."""
    return max(1, _PIECE_SIGNALS // detector.n_channels)


def provenance_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without the detector, which files and bundles hold in a place of its own."""
    return {key: value for key, value in metadata.items() if key not in {"detector", "detector_spec"}}


def energy_of(incident: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """The energy column in MeV.

    Raises:
        InvalidEvents: there is none.
    """
    if "energy" not in incident:
        raise InvalidEvents(f"these events have no incident energy; columns: {sorted(incident)}")
    return incident["energy"]


def describe_source(source: EventSource) -> str:
    """Number, detector and energy range of a source, in words."""
    from moliere.units import format_energy

    text = f"{len(source)} in {source.detector.name}"
    if "energy" in source.incident and len(source):
        energy = source.incident["energy"]
        text += f"; energy {format_energy(float(energy.min()))} – {format_energy(float(energy.max()))}"
    return text
