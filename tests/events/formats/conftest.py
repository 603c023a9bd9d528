"""What tests of several formats need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Make a copy of an HDF5 file with some datasets replaced, or taken out where they are ``None``."""

    def change(golden: Path, **datasets: Any) -> Path:
        path = tmp_path / "x.h5"
        path.write_bytes(golden.read_bytes())
        with h5py.File(path, "a") as file:
            for key, values in datasets.items():
                del file[key]
                if values is not None:
                    file[key] = values
        return path

    return change
