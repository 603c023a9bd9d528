"""Files whose signals and extras come out of one reading: hits put into cells or left over, branches of a tree."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.events.formats.base import FileSource, Rows

Extras = dict[str, NDArray[Any]]


class JointFile(FileSource):
    """Events of a file that is opened once for signals and extras."""

    _unclaimed: tuple[Rows, Extras] | None = None

    @abstractmethod
    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals (n_rows, n_channels) and extras, a row an event."""

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in the detector's unit, (n_rows, n_channels)."""
        signals, extras = self.read_both(rows)
        self._unclaimed = rows, extras
        return signals

    def read_extras(self, rows: Rows) -> Extras:
        """What else was recorded, a row an event."""
        # events ask for signals, then for extras of the same rows
        last, self._unclaimed = self._unclaimed, None
        return last[1] if last is not None and last[0] is rows else self.read_both(rows)[1]
