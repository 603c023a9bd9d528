"""Reading HDF5 so that everything that can be wrong with a file becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  registers the filters of published files

from moliere.errors import FormatError, MoliereError


@contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """Open for reading.

    Raises:
        FormatError: no such file; not HDF5, or cut short.
    """
    if not path.exists():
        raise FormatError(f"no file {path}")
    try:
        with h5py.File(path) as file:
            yield file
    except MoliereError:
        raise
    except (OSError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{path} cannot be read as HDF5 ({error}); it is truncated or not an HDF5 file: copy or make it again"
        ) from error


def dataset(file: h5py.File, key: str) -> h5py.Dataset:
    """The numeric dataset of that name.

    Raises:
        FormatError: there is none (a similar name is pointed out), or it does not hold numbers.
    """
    if not isinstance(file.get(key), h5py.Dataset):
        similar = [name for name in file if name.lower().replace("_", "")[:6] == key.replace("_", "")[:6]]
        hint = f"; {similar[0]!r} looks like it: rename it with h5py" if similar else ""
        raise FormatError(f"{file.filename} has no dataset {key!r}; it holds {sorted(file)}{hint}")
    if file[key].dtype.kind not in "fiu":
        raise FormatError(f"{file.filename}: dataset {key!r} holds {file[key].dtype}, expected numbers")
    return file[key]


def looks_like(path: Path, *keys: str) -> bool:
    """Whether a file is whole HDF5 with all these datasets or groups."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path) as file:
            return all(key in file for key in keys)
    except OSError:
        return False
