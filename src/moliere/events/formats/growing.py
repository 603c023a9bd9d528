"""Writing HDF5 piece by piece, for formats that only say which datasets some events become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
        for key, rows in self._datasets(events).items():
            append_rows(self.file, key, rows, self._packing)
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


def append_rows(file: h5py.File, key: str, rows: NDArray[Any], packing: Packing) -> None:
    """Append to a dataset, which begins with its first rows."""
    tail = rows.shape[1:]
    if key not in file:
        row_bytes = rows.dtype.itemsize * int(np.prod(tail))
        chunk = int(np.clip(_CHUNK_BYTES // row_bytes, 1, 1024))
        packed = {} if rows.dtype.hasobject else packing
        file.create_dataset(
            key, shape=(0, *tail), maxshape=(None, *tail), chunks=(chunk, *tail), dtype=rows.dtype, **packed
        )
    dataset = file[key]
    start = len(dataset)
    dataset.resize(start + len(rows), axis=0)
    if rows.dtype.hasobject:  # h5py takes lists that happen to be of one length for a table
        for k, row in enumerate(rows, start):
            dataset[k] = row
    else:
        dataset[start:] = rows
