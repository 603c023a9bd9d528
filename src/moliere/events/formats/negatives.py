"""Negative amounts, which the subtraction of noise or a pedestal leaves: refused, clipped or kept, as a user says."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moliere.errors import ConfigError
from moliere.events.events import EventSource
from moliere.events.formats.base import FileSource, Rows

#: ``refuse``: events with negative amounts are faults; ``clip``: negative amounts count as 0; ``keep``: they stay
Negative = Literal["refuse", "clip", "keep"]


class WithNegatives(FileSource):
    """The events of a file, with its negative amounts clipped or kept.

    Where they are kept, the detector is signed: it says so itself in every file that is written of these events.

    Args:
        source: the file as it is.
        negative: what to do.

    Raises:
        ConfigError: amounts of this kind of detector cannot be signed.
    """

    def __init__(self, source: FileSource, negative: Literal["clip", "keep"]) -> None:
        detector: Any = source.detector
        if negative == "keep" and not detector.signed:
            if "signed" not in {field.name for field in fields(detector)}:
                raise ConfigError(f"negative signals of a {detector.kind} cannot be kept; clip or refuse them")
            detector = replace(detector, signed=True)
        note = {"negative_signals": negative}
        super().__init__(
            source.path,
            detector,
            len(source),
            source.incident,
            source.weights,
            {**source.metadata, **note},
            source.passed_over,
        )
        self._source, self._negative = source, negative

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in the detector's unit, (n_rows, n_channels)."""
        signals = self._source.read_signals(rows)
        if self._negative == "keep" or self.detector.signed:
            return signals
        signals = signals.copy()
        amounts = self.detector.amounts(signals)  # a view, as positions among the signals stay what they are
        amounts[amounts < 0] = 0
        return signals

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """What else was recorded, a row an event."""
        return self._source.read_extras(rows)


def with_negatives(source: EventSource, negative: str) -> EventSource:
    """Events with their negative amounts treated as a user says; events in memory hold none.

    Raises:
        ConfigError: no such treatment, or none of this kind of detector.
    """
    if negative not in get_args(Negative):
        raise ConfigError(f"negative = {negative!r}; expected {', '.join(get_args(Negative))}")
    if negative == "refuse" or not isinstance(source, FileSource):
        return source
    return WithNegatives(source, negative)  # type: ignore[arg-type]
