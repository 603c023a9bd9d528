"""Writing HDF5 piece by piece, for formats that only say which datasets some events become."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.events.events import Events
from moliere.events.formats.attributes import PROVENANCE, write_detector, write_provenance
from moliere.files import replacing

#: events → the rows that they add to each dataset
Datasets = Callable[[Events], Mapping[str, NDArray[Any]]]
#: keywords of h5py that say how a dataset is packed
Packing = Mapping[str, Any]

#: without byte-shuffle, which makes showers with many zeros a third larger and three times slower to read
GZIP: Packing = MappingProxyType({"compression": "gzip", "compression_opts": 4})
#: small enough for random access, large enough for the filter
_CHUNK_BYTES = 2**20


class _Disk:
    """The file below HDF5, which never hears of an error.

    A failed write leaves HDF5 with caches that it tries to empty once more when the process ends, where it crashes. So
    the first error is kept, and :meth:`check` raises it where Python can deal with it. What is written after the error
    stays in memory, because HDF5 reads some of it again before it closes.
    """

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self._error: OSError | None = None
        self._in_memory: list[tuple[int, bytes]] = []
        self.seek, self.tell, self.read = raw.seek, raw.tell, raw.read

    def readinto(self, buffer: memoryview) -> int:
        """Fill all of it; with zeros where nothing was written."""
        start, into = self.tell(), memoryview(buffer).cast("B")
        into[:] = bytes(len(into))
        self._raw.readinto(into)
        for place, data in self._in_memory:
            first, last = max(start, place), min(start + len(into), place + len(data))
            if first < last:
                into[first - start : last - start] = data[first - place : last - place]
        self.seek(start + len(into))
        return len(into)

    def write(self, data: memoryview) -> int:
        """Write all of it, after an error to memory."""
        start, left = self.tell(), memoryview(data).cast("B")
        with self._keeping_errors():
            while left and self._error is None:
                left = left[self._raw.write(left) :]
        if left:
            self._in_memory.append((start, bytes(memoryview(data).cast("B"))))
            self.seek(start + len(data))
        return len(data)

    def truncate(self, size: int) -> int:
        """Set the length."""
        with self._keeping_errors():
            self._raw.truncate(size)
        return size

    def flush(self) -> None:
        """Nothing waits here."""

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = self._error or error


class GrowingFile:
    """Appends events to an open file.

    Args:
        file: open for writing.
        disk: below the file.
        datasets: what events become.
        packing: of the datasets.
    """

    def __init__(self, file: h5py.File, disk: _Disk, datasets: Datasets, packing: Packing = GZIP) -> None:
        self.file = file
        self._disk = disk
        self._datasets = datasets
        self._packing = packing

    def append(self, events: Events) -> None:
        """Write some more events; the first ones decide which datasets there are."""
        if PROVENANCE not in self.file.attrs:
            write_provenance(self.file, events.metadata)
        for key, rows in sorted(self._datasets(events).items()):
            append_rows(self.file, key, rows, self._packing)
        self._disk.check()

    def append_file(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Append all events of a file that was written like this one; the bytes are those of appending its events.

        Args:
            path: the other file.
            metadata: provenance of this one, where it has none yet.
        """
        if PROVENANCE not in self.file.attrs:
            write_provenance(self.file, metadata)
        with h5py.File(path) as other:
            for key in sorted(_names_of_datasets(other)):
                append_rows(self.file, key, other[key], self._packing)
        self._disk.check()


@contextmanager
def growing(
    path: Path, detector: Detector, datasets: Datasets, *, overwrite: bool, packing: Packing = GZIP
) -> Iterator[GrowingFile]:
    """A file that appears, whole, when the block ends well.

    Raises:
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    with replacing(path, overwrite=overwrite) as partial, partial.open("w+b", buffering=0) as raw:
        disk = _Disk(raw)
        with h5py.File(disk, "w") as file:
            write_detector(file, detector)
            yield GrowingFile(file, disk, datasets, packing)
        disk.check()


def writer_of(
    datasets: Datasets, check: Callable[[Detector], object]
) -> Callable[..., AbstractContextManager[GrowingFile]]:
    """How a format creates its files.

    Args:
        datasets: what events become.
        check: raises where the format cannot hold the events of a detector.

    Returns:
        A function of a path, a detector and the keyword ``overwrite``, as :class:`Format` takes it.
    """

    def create(path: Path, detector: Detector, *, overwrite: bool = False) -> AbstractContextManager[GrowingFile]:
        check(detector)
        return growing(path, detector, datasets, overwrite=overwrite)

    return create


def append_rows(file: h5py.File, key: str, rows: NDArray[Any] | h5py.Dataset, packing: Packing) -> None:
    """Append to a dataset, which begins with its first rows; whole chunks of another file are copied as they are."""
    if key not in file:
        _begin(file, key, rows, packing)
    dataset = file[key]
    start, chunk = len(dataset), dataset.chunks[0]
    dataset.resize(start + len(rows), axis=0)
    whole = len(rows) // chunk * chunk if start % chunk == 0 and _is_packed_here(dataset) else 0
    for first in range(0, whole, chunk):
        mask, packed = _packed(rows, first, dataset)
        dataset.id.write_direct_chunk(_corner(dataset, start + first), packed, mask)
    if dataset.dtype.hasobject:  # h5py takes lists that happen to be of one length for a table
        for k, row in enumerate(rows, start):
            dataset[k] = row
    elif whole < len(rows):
        dataset[start + whole :] = rows[whole:]


def _begin(file: h5py.File, key: str, rows: NDArray[Any] | h5py.Dataset, packing: Packing) -> None:
    tail = rows.shape[1:]
    packed = {} if rows.dtype.hasobject else packing
    chunks = (_chunk_rows(len(rows), rows.dtype.itemsize * int(np.prod(tail))), *tail)
    file.create_dataset(key, shape=(0, *tail), maxshape=(None, *tail), chunks=chunks, dtype=rows.dtype, **packed)


def _chunk_rows(n: int, row_bytes: int) -> int:
    """Rows that are packed together; if it can be, a whole number of chunks makes the first n rows.

    Example:
        >>> _chunk_rows(500, 25920), _chunk_rows(7, 25920)
        (25, 40)
    """
    most = int(np.clip(_CHUNK_BYTES // row_bytes, 1, 1024))
    return next((rows for rows in range(most, most // 2, -1) if n % rows == 0), most)


def _is_packed_here(dataset: h5py.Dataset) -> bool:
    """Whether chunks go past HDF5's own packing."""
    return dataset.compression == "gzip" and not dataset.shuffle and dataset.dtype.kind in "fiu"


def _packed(rows: NDArray[Any] | h5py.Dataset, first: int, dataset: h5py.Dataset) -> tuple[int, bytes]:
    """The chunk of a dataset that begins with a row of others: copied where they have the same, packed otherwise.

    Returns:
        Which filters it went past, as a mask, and its bytes.
    """
    if isinstance(rows, h5py.Dataset) and _packing_of(rows) == _packing_of(dataset):
        copied: tuple[int, bytes] = rows.id.read_direct_chunk(_corner(rows, first))
        return copied
    plain = np.ascontiguousarray(rows[first : first + dataset.chunks[0]], dtype=dataset.dtype)
    return 0, zlib.compress(plain.data, dataset.compression_opts)


def _packing_of(dataset: h5py.Dataset) -> tuple[Any, ...]:
    return dataset.chunks, dataset.dtype, dataset.compression, dataset.compression_opts, dataset.shuffle


def _corner(dataset: h5py.Dataset, row: int) -> tuple[int, ...]:
    return (row, *(0 for _ in dataset.shape[1:]))


def _names_of_datasets(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names
