"""Several files of one production as one sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Ints
from moliere.errors import FormatError
from moliere.events.events import EventSource
from moliere.events.formats.base import FileSource, Rows, extras_of, signals_of


class Chain(FileSource):
    """The events of several files, one file after the other.

    Args:
        path: a name for all of them, for messages.
        parts: the files, at least one.

    Raises:
        FormatError: files of different detectors or with different columns.
    """

    def __init__(self, path: Path, parts: Sequence[EventSource]) -> None:
        first = parts[0]
        for number, part in enumerate(parts):
            if part.detector != first.detector or set(part.incident) != set(first.incident):
                raise FormatError(
                    f"{getattr(part, 'path', path)}, file {number + 1}, is of {part.detector.name} with columns "
                    f"{sorted(part.incident)}, the first of {first.detector.name} with {sorted(first.incident)}; they "
                    "must be the same"
                )
        weights = [part.weights for part in parts if part.weights is not None]
        if 0 < len(weights) < len(parts):
            raise FormatError(f"{path}: some files have weights, others do not; they must be the same")
        super().__init__(
            path,
            first.detector,
            sum(map(len, parts)),
            {name: np.concatenate([part.incident[name] for part in parts]) for name in first.incident},
            np.concatenate(weights) if weights else None,
            first.metadata,
            dict.fromkeys(name for part in parts for name in getattr(part, "passed_over", ())),
        )
        self._parts = parts
        self._last: tuple[Rows, list[tuple[EventSource, Ints]]] | None = None
        self._first = np.cumsum([0, *map(len, parts)])

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in the detector's unit as they stand in the files, (n_rows, n_channels)."""
        return np.concatenate([signals_of(part, at) for part, at in self._shares(rows)])

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Extras that all files have."""
        parts = [extras_of(part, at) for part, at in self._shares(rows)]
        names = [name for name in parts[0] if all(name in extras for extras in parts)]
        return {name: np.concatenate([extras[name] for extras in parts]) for name in names}

    def _shares(self, rows: Rows) -> list[tuple[EventSource, Ints]]:
        """Each file that has some of the rows, and which of its own rows these are; at least one file."""
        if self._last is not None and self._last[0] is rows:  # extras are asked for after signals of the same rows
            return self._last[1]
        wanted = np.arange(len(self))[rows]
        of = np.searchsorted(self._first, wanted, side="right") - 1
        files = np.unique(of) if len(of) else [0]
        self._last = rows, [(self._parts[k], wanted[of == k] - self._first[k]) for k in files]
        return self._last[1]
