"""Out-of-core training events: random access to files that are larger than memory.

Compressed HDF5 gives single events slowly: a whole chunk is unpacked for each. The store unpacks the signals once into
a plain file of float32 and reads rows from it with ``pread``, so that a batch costs its own bytes and nothing more.
(A memory map would be shorter to write, but its pages count as the process's memory.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.events.events import Events, EventSource, Index
from moliere.files import replacing

#: sources whose signals take less than this stay in memory
IN_MEMORY_BYTES = 512 * 2**20


def signal_bytes(detector: Detector, n_events: int) -> int:
    """Size of the signals of so many events as float32."""
    return 4 * n_events * detector.n_channels


class EventStore:
    """Events whose signals lie unpacked in a file; read-only, an :class:`~moliere.events.EventSource`.

    Args:
        path: file of float32 rows; written from ``source`` if it is not there or holds other events.
        source: where the events come from.
    """

    def __init__(self, path: Path, source: EventSource) -> None:
        self.detector: Detector = source.detector
        self.incident: Mapping[str, NDArray[Any]] = source.incident
        self.metadata: Mapping[str, Any] = source.metadata
        self.path = path
        self._row_bytes = signal_bytes(self.detector, 1)
        self._length = len(source)
        self.weights = source.weights
        mark = _fingerprint(source)
        if not _holds(path, signal_bytes(self.detector, len(source)), mark):
            _unpack(source, path, mark)
        self._descriptor = os.open(path, os.O_RDONLY)

    def __len__(self) -> int:
        """Number of events."""
        return self._length

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; it stays on disk for the next run."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def take(self, index: Index) -> Events:
        """Read the events at ``index``, in that order."""
        rows = np.arange(len(self))[index if isinstance(index, slice) else np.asarray(index)]
        signals = np.empty((len(rows), self.detector.n_channels), np.float32)
        for out, row in zip(signals, rows, strict=True):
            os.preadv(self._descriptor, [out.data], int(row) * self._row_bytes)
        incident = {name: column[rows] for name, column in self.incident.items()}
        weights = None if self.weights is None else self.weights[rows]
        return Events(self.detector, incident, signals, weights, self.metadata)

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        """Read consecutive pieces of at most ``size`` events."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


def _fingerprint(source: EventSource) -> bytes:
    """Which events these are, from all incident columns and the first and last shower: another file may be as long."""
    digest = hashlib.sha256(repr((source.detector.name, len(source))).encode())
    for name in sorted(source.incident):
        digest.update(name.encode() + np.ascontiguousarray(source.incident[name]).tobytes())
    if len(source):
        digest.update(source.take(np.array([0, len(source) - 1])).signals.tobytes())
    return digest.digest()


def _holds(path: Path, size: int, mark: bytes) -> bool:
    """Whether a file is the store of the events with this fingerprint, which stands behind the rows."""
    if not path.exists() or path.stat().st_size != size + len(mark):
        return False
    with path.open("rb") as file:
        file.seek(size)
        return file.read() == mark


def _unpack(source: EventSource, path: Path, mark: bytes) -> None:
    with replacing(path, overwrite=True) as partial, partial.open("wb") as file:
        for part in source.chunks(max(1, 2**24 // source.detector.n_channels)):
            file.write(np.ascontiguousarray(part.signals).data)
        file.write(mark)
