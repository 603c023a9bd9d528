"""Reading HDF5 so that everything that can be wrong with a file becomes one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  registers the filters of published files
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.formats.base import FileSource, Rows
from moliere.events.formats.foreign import check_unpacked, foreign, printable

#: no file of events has more datasets and groups
_MOST_OBJECTS = 10_000
#: what other programs call the incident columns
_COLUMNS = {
    "incident_theta": "theta",
    "incident_phi": "phi",
    "incident_eta": "eta",
    "incident_pdg": "pdg_id",
    "pdg": "pdg_id",
    "pid": "pdg_id",
}


@contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """Open for reading.

    Raises:
        FormatError: no such file; not HDF5, cut short, or with data that lie in other files.
    """
    if not path.is_file():
        raise FormatError(f"no file {path}")
    with foreign(path, "HDF5"), h5py.File(path) as file:
        _check_own(file)
        yield file


def _check_own(file: h5py.File) -> None:
    """Refuse data of other files: bytes of a stranger's disk would become events, and go wherever those go."""
    count = 0

    def look(name: str, link: Any) -> str | None:
        nonlocal count
        count += 1
        if count > _MOST_OBJECTS:
            return f"there are more than {_MOST_OBJECTS} datasets, which no file of events has"
        outside = isinstance(link, h5py.ExternalLink)
        if isinstance(link, h5py.HardLink) and isinstance(item := file[name], h5py.Dataset):
            outside = bool(item.external) or item.is_virtual
        words = f"{printable(name)!r} lies in another file; copy the data into this one, as links are not followed"
        return words if outside else None

    if fault := file.visititems_links(look):  # an exception inside a visit would be lost in HDF5
        raise FormatError(f"{file.filename}: {fault}")


def dataset(file: h5py.File, key: str) -> h5py.Dataset:
    """The numeric dataset of that name.

    Raises:
        FormatError: there is none (a similar name is pointed out), or it does not hold numbers, or unreasonably many.
    """
    found = file.get(key)
    if not isinstance(found, h5py.Dataset):
        similar = [name for name in file if name != key and _shortened(name) == _shortened(key)]
        hint = f"; {similar[0]!r} looks like it: rename it with h5py" if similar else ""
        words = f"{key!r} is a group, expected a dataset" if key in file else f"there is no dataset {key!r}"
        raise FormatError(f"{file.filename}: {words}; it holds {sorted(file)}{hint}")
    if found.dtype.kind not in "fiu" or found.shape is None:
        raise FormatError(f"{file.filename}: dataset {key!r} holds {found.dtype}, expected numbers")
    check_unpacked(Path(file.filename), found.size * found.dtype.itemsize)
    return found


def compound_dataset(file: h5py.File, key: str, fields: Collection[str]) -> h5py.Dataset:
    """The dataset of that name whose entries have these fields of numbers, an entry an event.

    Raises:
        FormatError: there is none, or it would fill the memory.
    """
    found = file.get(key)
    names = found.dtype.names or () if isinstance(found, h5py.Dataset) else ()
    if not set(fields) <= set(names) or found.ndim != 1:
        raise FormatError(f"{file.filename}: {key!r} should hold fields {', '.join(fields)}; it has {', '.join(names)}")
    if wrong := [name for name in fields if found.dtype[name].base.kind not in "fiu"]:
        raise FormatError(f"{file.filename}: field {wrong[0]!r} of {key!r} holds {found.dtype[wrong[0]]}, not numbers")
    check_unpacked(Path(file.filename), found.size * found.dtype.itemsize)
    return found


def column(file: h5py.File, key: str, n: int | None = None) -> NDArray[Any]:
    """A number an event, (n,), from a dataset of shape (n,) or (n, 1).

    Args:
        file: the open file.
        key: of the dataset.
        n: number of events; any number by default.

    Raises:
        FormatError: there is none, or it has another shape.
    """
    found = dataset(file, key)
    n = found.shape[0] if n is None and found.ndim else n
    if found.shape not in {(n,), (n, 1)}:
        words = f"expected ({'n' if n is None else n},), a number an event"
        raise FormatError(f"{file.filename}: {key} has shape {found.shape}, {words}")
    values: NDArray[Any] = found[...].reshape(-1)
    return values


@dataclass
class Further:
    """What a file holds beside what its format is made of.

    Args:
        incident: a number an event: incident columns, under moliere's names.
        extras: several numbers an event: extra → key of the dataset.
        passed_over: names of what nobody reads.
    """

    incident: dict[str, NDArray[Any]] = field(default_factory=dict)
    extras: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)


def further(file: h5py.File, n: int, known: Collection[str]) -> Further:
    """Sort what a format does not know: what has a row an event comes along, the rest is passed over.

    Args:
        file: the open file.
        n: number of events.
        known: names that the format reads.
    """
    found = Further()
    for key in sorted(set(file) - set(known)):
        item = file.get(key)
        fits = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.ndim and item.shape[0] == n
        if fits and item.size == n:
            values = column(file, key) if item.ndim <= 2 else item[...].reshape(-1)
            name = _COLUMNS.get(key, key)
            whole = name != "pdg_id" or bool((values == np.round(values)).all())
            if whole and np.isfinite(values).all():
                found.incident[name] = values
                continue
        elif fits:
            found.extras[key] = key
            continue
        found.passed_over.append(key)
    return found


class Hdf5Source(FileSource):
    """Events of an HDF5 file, together with whatever else in it has a row an event.

    Args:
        path: the file.
        detector: what was read out.
        n_events: how many there are.
        incident: columns that the format is made of.
        rest: what the file holds besides.
        weights: (n,), where there are any.
        metadata: provenance, as the file tells it.
    """

    def __init__(
        self,
        path: Path,
        detector: Detector,
        n_events: int,
        incident: Mapping[str, NDArray[Any]],
        rest: Further,
        weights: NDArray[np.float64] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, detector, n_events, {**rest.incident, **incident}, weights, metadata, rest.passed_over)
        self._extras = rest.extras

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """What else has several numbers an event."""
        return read_rows_of(self.path, self._extras, rows)


def read_rows_of(path: Path, keys: Mapping[str, str], rows: Rows) -> dict[str, NDArray[Any]]:
    """Rows of datasets by their new names; no dataset, and the file is not opened."""
    if not keys:
        return {}
    with reading(path) as file:
        return {name: np.asarray(file[key][rows]) for name, key in keys.items()}


def names_in(path: Path) -> frozenset[str]:
    """Names of the datasets and groups of a file; none where it is no sound HDF5."""
    try:
        with h5py.File(path) as file:
            return frozenset(file)
    except Exception:  # a sniffer's answer to what it does not understand is no
        return frozenset()


def looks_like(path: Path, *keys: str) -> bool:
    """Whether a file is whole HDF5 with all these datasets or groups."""
    return path.is_file() and h5py.is_hdf5(path) and set(keys) <= names_in(path)


def _shortened(name: str) -> str:
    return name.lower().replace("_", "")[:6]
