"""Out-of-core training events: random access to files that are larger than memory.

Compressed HDF5 gives single events slowly: a whole chunk is unpacked for each. The store writes the signals once into
a plain file, as pairs of channel and signal where most channels are empty and as whole rows where not, and reads rows
from it with ``pread``, so that a batch costs its own bytes and nothing more. (A memory map would be shorter to write,
but its pages count as the process's memory.)
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Ints
from moliere.errors import ConfigError, FormatError
from moliere.events.events import Events, EventSource, Index, checked_events, piece_rows, rows_at
from moliere.events.rows import DenseRows, Rows, SparseRows, read_rows
from moliere.files import replacing

#: sources whose signals take less than this stay in memory
IN_MEMORY_BYTES = 512 * 2**20
#: below this share of channels that are not zero, pairs are smaller than rows by enough to be worth their unpacking
_SPARSE_BELOW = 0.2
#: so many events tell how full they are, and which file they are from
_SAMPLE = 64
_MAGIC = b"moliere-store-3\n"

Precision = Literal["float32", "float16"]


def signal_bytes(detector: Detector, n_events: int) -> int:
    """Size of the signals of so many events as float32."""
    return 4 * n_events * detector.n_channels


class EventStore:
    """Events whose signals lie in a plain file; read-only, an :class:`~moliere.events.EventSource` without extras.

    Args:
        path: the file; written from ``source`` if it is not there or holds something else.
        source: where the events come from.
        precision: of a signal in the file; ``float16`` halves it and keeps three digits.

    Raises:
        InvalidEvents: the source holds events that are broken.
        ConfigError: signals that float16 cannot hold.
        FormatError: when rows are read that are not what was written.
    """

    def __init__(self, path: Path, source: EventSource, precision: Precision = "float32") -> None:
        self.detector: Detector = source.detector
        self.incident: Mapping[str, NDArray[Any]] = source.incident
        self.metadata: Mapping[str, Any] = source.metadata
        self.weights = source.weights
        self.path = path
        self._length = len(source)
        sample = _sample(source)
        kind = SparseRows if _occupancy(sample) < _SPARSE_BELOW else DenseRows
        self._rows: Rows = kind(self.detector.n_channels, precision)
        mark = _fingerprint(source, sample, repr(self._rows))
        if _read_mark(path) != mark or _read_index(path, len(source)) is None:
            _write(source, path, self._rows, mark)
        index = _read_index(path, len(source))
        if index is None:
            raise FormatError(f"{path} is not what was written to it a moment ago; is the disk in order?")
        self._ends, self._checksums = index
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
        rows = np.arange(len(self))[rows_at(index, len(self))]
        data, sizes = read_rows(self._descriptor, self._ends, rows)
        damaged = np.flatnonzero(_checksums(data, sizes) != self._checksums[rows])
        if len(damaged):
            raise FormatError(
                f"{self.path} is damaged at event {rows[damaged[0]]}: what is read is not what was written; delete the "
                "file, it is made again from the events"
            )
        signals = self._rows.decode(data, sizes)
        incident = {name: column[rows] for name, column in self.incident.items()}
        weights = None if self.weights is None else self.weights[rows]
        # they were checked when they were written
        return checked_events(self.detector, incident, signals, weights, self.metadata)

    def chunks(self, size: int = 10_000) -> Iterator[Events]:
        """Read consecutive pieces of at most ``size`` events."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


def _sample(source: EventSource) -> NDArray[np.float32]:
    """Signals of a few events from everywhere in the source."""
    return source.take(np.unique(np.linspace(0, len(source) - 1, min(_SAMPLE, len(source))).astype(np.int64))).signals


def _occupancy(signals: NDArray[np.float32]) -> float:
    return np.count_nonzero(signals) / max(signals.size, 1)


def _fingerprint(source: EventSource, sample: NDArray[np.float32], layout: str) -> bytes:
    """Which events these are, and how they lie in the file.

    All incident columns and weights, and a sample of the signals: to read all of them would take as long as to write
    the store, and no two simulations agree in a sample.
    """
    digest = hashlib.sha256(repr((source.detector, len(source), layout)).encode())
    for name in sorted(source.incident):
        digest.update(name.encode() + np.ascontiguousarray(source.incident[name]).tobytes())
    digest.update(b"" if source.weights is None else np.ascontiguousarray(source.weights).tobytes())
    digest.update(sample.tobytes())
    return digest.hexdigest().encode()


def _read_mark(path: Path) -> bytes:
    """The fingerprint at the end of a store; empty for anything else, such as a file that was cut short."""
    tail = len(_MAGIC) + 64
    if not path.is_file() or path.stat().st_size < tail:
        return b""
    with path.open("rb") as file:
        file.seek(-tail, os.SEEK_END)
        mark, magic = file.read(64), file.read()
    return mark if magic == _MAGIC else b""


def _read_index(path: Path, n: int) -> tuple[Ints, NDArray[np.uint32]] | None:
    """Where each row ends, beginning with a 0, (n + 1,), and the rows' checksums, (n,); ``None`` if damaged."""
    size = 8 * (n + 1) + 4 * n
    if path.stat().st_size < (tail := len(_MAGIC) + 64 + 4 + size):
        return None
    with path.open("rb") as file:
        file.seek(-tail, os.SEEK_END)
        index, checksum = file.read(size), file.read(4)
    if zlib.crc32(index).to_bytes(4, "little") != checksum:
        return None
    return np.frombuffer(index, np.int64, n + 1), np.frombuffer(index, np.uint32, n, 8 * (n + 1))


def _checksums(data: bytes | bytearray, sizes: Ints) -> NDArray[np.uint32]:
    """Checksums of the rows, (n,)."""
    view = memoryview(data)
    ends = np.cumsum(sizes).tolist()
    return np.array([zlib.crc32(view[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True)], "u4")


def _write(source: EventSource, path: Path, rows: Rows, mark: bytes) -> None:
    """Rows, where each of them ends, their checksums, the fingerprint, and the word that says the file is whole."""
    with replacing(path, overwrite=True) as partial, partial.open("wb") as file:
        parts = list(_write_rows(source, file, rows))
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *(sizes for sizes, _ in parts)]), dtype=np.int64)
        index = ends.tobytes() + b"".join(checksums.tobytes() for _, checksums in parts)
        file.write(index + zlib.crc32(index).to_bytes(4, "little") + mark + _MAGIC)


def _write_rows(source: EventSource, file: BinaryIO, rows: Rows) -> Iterator[tuple[Ints, NDArray[np.uint32]]]:
    """Write all rows; yields the sizes and the checksums of those of each chunk."""
    for part in source.chunks(piece_rows(source.detector)):
        data, sizes = rows.encode(_fitting(part.signals, rows))
        file.write(data)
        yield sizes, _checksums(data, sizes)


def _fitting(signals: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """The signals, if the precision of the file can hold them.

    Raises:
        ConfigError: a signal that would become infinite or 0.
    """
    limits = np.finfo(np.dtype(getattr(rows, "dtype", "float32")))
    wrong = (np.abs(signals) > limits.max) | ((signals != 0) & (np.abs(signals) < limits.smallest_subnormal))
    if wrong.any():
        raise ConfigError(
            f"{limits.dtype} holds {limits.smallest_subnormal:.2g} to {limits.max:.3g}, but a signal is "
            f"{signals[wrong][0]:.3g}; store float32"
        )
    return signals
