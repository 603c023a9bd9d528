"""Writing HDF5 piece by piece, for formats that only say which datasets some events become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


class GrowingFile:
    """Appends events to an open file.

    Args:
        file: open for writing.
        datasets: what events become.
        packing: of the datasets.
    """

    def __init__(self, file: h5py.File, datasets: Datasets, packing: Packing = GZIP) -> None:
        self.file = file
        self._datasets = datasets
        self._packing = packing

    def append(self, events: Events) -> None:
        """Write some more events; the first ones decide which datasets there are."""
        if PROVENANCE not in self.file.attrs:
            write_provenance(self.file, events.metadata)
        for key, rows in self._datasets(events).items():
            append_rows(self.file, key, rows, self._packing)


@contextmanager
def growing(
    path: Path, detector: Detector, datasets: Datasets, *, overwrite: bool, packing: Packing = GZIP
) -> Iterator[GrowingFile]:
    """A file that appears, whole, when the block ends well.

    Raises:
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    with replacing(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        write_detector(file, detector)
        yield GrowingFile(file, datasets, packing)


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
    dataset[start:] = rows
