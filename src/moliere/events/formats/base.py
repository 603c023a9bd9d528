"""What a file format offers: recognise a file, open it lazily, write events piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.events.events import Events, EventSource, Index, describe_source, rows_at
from moliere.events.formats.foreign import foreign
from moliere.notebook import Shown
from moliere.registry import Registry

#: rows of a file as readers are asked for them: a slice that goes forward, or increasing positions
Rows = slice | Ints


class FileSource(Shown, ABC):
    """Events of one file: incident columns are in memory, everything else is read when asked for.

    A reader checks keys and shapes when it is built, and says how rows of signals are read.

    Args:
        path: the file.
        detector: what was read out.
        n_events: how many there are.
        incident: named columns (n,) in MeV, mm and rad.
        weights: (n,), where there are any.
        metadata: provenance, as the file tells it.
        passed_over: what else the file holds, that is not read, in words.
    """

    def __init__(
        self,
        path: Path,
        detector: Detector,
        n_events: int,
        incident: Mapping[str, NDArray[Any]],
        weights: NDArray[np.float64] | None = None,
        metadata: Mapping[str, Any] | None = None,
        passed_over: Iterable[str] = (),
    ) -> None:
        self.path = path
        self.detector = detector
        self.incident: Mapping[str, NDArray[Any]] = MappingProxyType(dict(incident))
        self.weights = weights
        self.metadata: Mapping[str, Any] = MappingProxyType(dict(metadata or {}))
        self.passed_over = tuple(passed_over)
        self._length = n_events

    @abstractmethod
    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals (n_rows, n_channels) in the detector's unit, as they stand in the file, sound or broken."""

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """What else was recorded, a row an event; nothing by default."""
        del rows
        return {}

    def __len__(self) -> int:
        """Number of events."""
        return self._length

    def __repr__(self) -> str:
        """Path, number, detector and energy range."""
        return f"{type(self).__name__}({self.path}: {describe_source(self)})"

    def take(self, index: Index) -> Events:
        """Read the events at ``index``, in that order (files want increasing rows, so they are sorted on the way)."""
        at = rows_at(index, len(self))
        if isinstance(at, slice) and (at.step or 1) > 0:
            return self._events(at)
        rows = np.arange(len(self))[at]
        unique, back = np.unique(rows, return_inverse=True)
        return self._events(unique)[back]

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        """Read consecutive pieces of at most ``size`` events."""
        for start in range(0, len(self), size):
            yield self._events(slice(start, start + size))

    def _events(self, rows: Rows) -> Events:
        with foreign(self.path, "events"):
            return Events(
                detector=self.detector,
                incident={name: column[rows] for name, column in self.incident.items()},
                signals=self.read_signals(rows),
                weights=None if self.weights is None else self.weights[rows],
                metadata=self.metadata,
                extras=self.read_extras(rows),
            )


def signals_of(source: EventSource, rows: Rows) -> NDArray[np.float32]:
    """Signals as they stand in a file, sound or broken, (n_rows, n_channels); those in memory are sound."""
    return source.read_signals(rows) if isinstance(source, FileSource) else source.take(rows).signals


def extras_of(source: EventSource, rows: Rows) -> Mapping[str, NDArray[Any]]:
    """What else was recorded, a row an event."""
    return source.read_extras(rows) if isinstance(source, FileSource) else source.take(rows).extras


class Writer(Protocol):
    """Takes events piece by piece."""

    def append(self, events: Events) -> None:
        """Write some more events."""


class Collector:
    """Collects events, for files that are written in one go."""

    def __init__(self) -> None:
        self.parts: list[Events] = []

    def append(self, events: Events) -> None:
        """Keep some more events."""
        self.parts.append(events)


def _loses_nothing(source: EventSource) -> list[str]:
    del source
    return []


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        summary: one line for ``moliere list formats``.
        extensions: file name endings.
        sniff: whether a file looks like this format.
        open: path and, where the file does not say it, the detector → events that are read when asked for.
        create: path, detector, keyword ``overwrite`` → context manager around a writer; the file appears, whole,
            when the block ends well. ``None``: read-only.
        kinds: the kinds of detector whose events it can hold.
        losses: what of a source's events would not come back, in words; empty where nothing is lost.
    """

    summary: str
    extensions: tuple[str, ...]
    sniff: Callable[[Path], bool]
    open: Callable[[Path, Detector | None], EventSource]
    create: Callable[..., AbstractContextManager[Writer]] | None = None
    kinds: tuple[str, ...] = ("calorimeter",)
    losses: Callable[[EventSource], list[str]] = _loses_nothing


#: name → format
formats: Registry[Format] = Registry("format")
