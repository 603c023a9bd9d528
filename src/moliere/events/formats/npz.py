"""NumPy's npz so that everything that can be wrong with a file becomes one sentence."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import FormatError
from moliere.events.formats.foreign import check_unpacked, foreign
from moliere.files import replacing


@contextmanager
def open_npz(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Open for reading; arrays are unpacked when asked for.

    Raises:
        FormatError: no such file; not npz, cut short, or with Python objects inside.
    """
    if not path.is_file():
        raise FormatError(f"no file {path}")
    # opened here, as numpy leaves its own open when the file is no zip archive
    with foreign(path, "npz"), path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise FormatError(f"{path} is a single NumPy array, expected an npz of several")
        with zipfile.ZipFile(raw) as archive:
            check_unpacked(path, sum(member.file_size for member in archive.infolist()))
        yield file


def names_in_npz(path: Path) -> frozenset[str]:
    """Names of the arrays of a file; none where it is no sound npz."""
    try:
        with zipfile.ZipFile(path) as file:
            return frozenset(name.removesuffix(".npy") for name in file.namelist())
    except Exception:  # a sniffer's answer to what it does not understand is no
        return frozenset()


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], *, overwrite: bool) -> None:
    """Write all arrays, packed; the file appears whole."""
    with replacing(path, overwrite=overwrite) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(arrays))
