"""Several files of one production as one sample, named by a pattern such as ``run-*.h5``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import FormatError
from moliere.events.events import Events, EventSource
from moliere.events.formats.base import FileSource, Rows


class Chain(FileSource):
    """The events of several files, one file after the other.

    Args:
        path: the pattern, for messages.
        parts: the files, at least one.

    Raises:
        FormatError: files of different detectors or with different columns.
    """

    def __init__(self, path: Path, parts: Sequence[EventSource]) -> None:
        first = parts[0]
        for number, part in enumerate(parts):
            if part.detector != first.detector or set(part.incident) != set(first.incident):
                raise FormatError(
                    f"{path}: file {number + 1} is of {part.detector.name} with columns {sorted(part.incident)}, the "
                    f"first of {first.detector.name} with {sorted(first.incident)}; they must be the same"
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
        self._first = np.cumsum([0, *map(len, parts)])

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in the detector's unit, (n_rows, n_channels)."""
        return self._events(rows).signals

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Extras that all files have."""
        return dict(self._events(rows).extras)

    def _events(self, rows: Rows) -> Events:
        wanted = np.arange(len(self))[rows]
        of = np.searchsorted(self._first, wanted, side="right") - 1
        parts = [self._parts[k].take(wanted[of == k] - self._first[k]) for k in np.unique(of)]
        return Events.concatenate(parts) if parts else self._parts[0].take(slice(0))
