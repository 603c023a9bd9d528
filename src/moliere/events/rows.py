"""How the signals of a training store lie in its file: as whole rows, or as the channels that are not zero."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from moliere.detectors.base import Ints

Signals = NDArray[np.float32]


class Rows(ABC):
    """Turns signals into the bytes of consecutive rows, and back."""

    @abstractmethod
    def encode(self, signals: Signals) -> tuple[bytes, Ints]:
        """Bytes of some rows, and the size of each of them, (n,)."""

    @abstractmethod
    def decode(self, data: bytearray, sizes: Ints) -> Signals:
        """Rows from their bytes, one after the other, and their sizes."""


@dataclass(frozen=True)
class DenseRows(Rows):
    """All channels of a row, zeros included.

    Args:
        n_channels: of a row.
        dtype: of a signal in the file.
    """

    n_channels: int
    dtype: DTypeLike

    def encode(self, signals: Signals) -> tuple[bytes, Ints]:
        """Rows of a fixed size."""
        row = self.n_channels * np.dtype(self.dtype).itemsize
        return signals.astype(self.dtype).tobytes(), np.full(len(signals), row)

    def decode(self, data: bytearray, sizes: Ints) -> Signals:
        """The signals as float32."""
        return np.frombuffer(data, self.dtype).reshape(len(sizes), self.n_channels).astype(np.float32, copy=False)


@dataclass(frozen=True)
class SparseRows(Rows):
    """The channels that are not zero, each with its number.

    Args:
        n_channels: of a row.
        dtype: of a signal in the file.
    """

    n_channels: int
    dtype: DTypeLike

    @property
    def _pair(self) -> np.dtype[Any]:
        number = np.uint16 if self.n_channels <= 2**16 else np.uint32
        return np.dtype([("channel", number), ("signal", self.dtype)])

    def encode(self, signals: Signals) -> tuple[bytes, Ints]:
        """Pairs of channel and signal."""
        event, channel = np.nonzero(signals)
        pairs = np.empty(len(event), self._pair)
        pairs["channel"], pairs["signal"] = channel, signals[event, channel]
        counts = np.bincount(event, minlength=len(signals))
        return pairs.tobytes(), counts * self._pair.itemsize

    def decode(self, data: bytearray, sizes: Ints) -> Signals:
        """The signals as float32, zeros filled in."""
        pairs = np.frombuffer(data, self._pair)
        signals = np.zeros((len(sizes), self.n_channels), np.float32)
        first = np.repeat(np.arange(len(sizes)) * self.n_channels, sizes // self._pair.itemsize)
        signals.reshape(-1)[first + pairs["channel"]] = pairs["signal"]
        return signals


def read_rows(descriptor: int, ends: Ints, rows: Ints) -> tuple[bytearray, Ints]:
    """The bytes of some rows of an open file, in one buffer, with the size of each.

    Args:
        descriptor: of the file.
        ends: where each of its rows ends, beginning with a 0, (n + 1,).
        rows: which ones; runs of consecutive ones are read at once.
    """
    sizes = ends[rows + 1] - ends[rows]
    data = bytearray(int(sizes.sum()))
    view, at = memoryview(data), 0
    for first, last in _runs(rows):
        length = int(ends[last + 1] - ends[first])
        os.preadv(descriptor, [view[at : at + length]], int(ends[first]))
        at += length
    return data, sizes


def _runs(rows: Ints) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    if len(rows):
        breaks = np.flatnonzero(np.diff(rows) != 1)
        first, last = rows[np.append(0, breaks + 1)], rows[np.append(breaks, len(rows) - 1)]
        yield from zip(first.tolist(), last.tolist(), strict=True)
