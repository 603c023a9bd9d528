"""Generated C, compiled and called with numpy arrays: for trying it out, and for simulations that run from Python."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import BundleError, ExportError

#: without an option for the machine, as a library that is handed on is compiled
OPTIONS = ("-std=c99", "-O2", "-fPIC", "-shared")
#: for the machine that it is compiled on
FAST_HERE = ("-std=c99", "-O3", "-march=native", "-fPIC", "-shared")
_NUMBER = re.compile(r"^#define (\w+)_(CHANNELS|LATENT|COLUMNS|WORKSPACE|WEIGHTS) (\d+)$", re.MULTILINE)
_NAMES = re.compile(r"^#define \w+_COLUMN_NAMES \{(.*)\}$", re.MULTILINE)


def find_compiler() -> str | None:
    """The first C compiler that is installed."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


class Library:
    """A compiled model. Threads take a library each, or pass each other by: a call uses the library's own workspace.

    Args:
        path: of the shared library.
        header: text of the header.
        weights: numbers of NAME.bin, where they lie beside the code.
    """

    def __init__(self, path: Path, header: str, weights: bytes | None = None) -> None:
        found = _NUMBER.findall(header)
        numbers = {kind: int(number) for _, kind, number in found}
        if {"CHANNELS", "LATENT", "COLUMNS", "WORKSPACE"} - set(numbers):
            raise BundleError(f"the header of {path.stem} is none of moliere's; export the model again")
        self.name = path.stem
        self.channels, self.latent_size, self.n_columns = (numbers[k] for k in ("CHANNELS", "LATENT", "COLUMNS"))
        names = _NAMES.search(header)
        self.columns = tuple(re.findall(r'"(\w+)"', names.group(1))) if names else ()
        self._library = ctypes.CDLL(str(path))
        self._weights = () if weights is None else (np.frombuffer(weights, "<f4"),)
        if sum(map(len, self._weights)) != numbers.get("WEIGHTS", 0):
            raise BundleError(f"{self.name}.bin does not have the weights of {self.name}.h; export both again")
        self._workspace = np.zeros(numbers["WORKSPACE"], np.uint8)

    @classmethod
    def of_folder(cls, folder: str | Path, options: Sequence[str] = FAST_HERE) -> Library:
        """Compile what ``moliere export --target c`` wrote.

        Raises:
            BundleError: there is not one model in the folder.
            ExportError: no compiler, or one that refuses the code.
        """
        headers = [path for path in sorted(Path(folder).glob("*.h")) if path.with_suffix(".c").exists()]
        if len(headers) != 1:
            raise BundleError(f"{folder} holds {len(headers)} models in C, expected one NAME.h with NAME.c")
        (header,) = headers
        beside = header.with_suffix(".bin")
        with tempfile.TemporaryDirectory() as place:
            path = compile_c(header.with_suffix(".c"), Path(place), options=options)
            return cls(path, header.read_text(), beside.read_bytes() if beside.exists() else None)

    def generate(self, latent: NDArray[Any], condition: NDArray[Any]) -> NDArray[np.float32]:
        """Latent (n, size) and condition (n, columns) → signals (n, channels)."""
        latent = np.ascontiguousarray(latent, np.float32)
        condition = np.ascontiguousarray(condition, np.float64)
        shapes = (len(latent), self.latent_size), (len(latent), self.n_columns)
        if (latent.shape, condition.shape) != shapes:
            raise BundleError(f"{self.name} takes {shapes}, got {latent.shape} and {condition.shape}")
        signals = np.empty((len(latent), self.channels), np.float32)
        given = [_pointer(array) for array in (*self._weights, latent, condition)]
        function = getattr(self._library, f"{self.name}_generate")
        function(*given, ctypes.c_int(len(latent)), _pointer(signals), _pointer(self._workspace))
        return signals

    def draw(self, key: NDArray[Any]) -> NDArray[np.float32]:
        """Latents (n, size) of numbers of run, event and track (n, 3)."""
        function = getattr(self._library, f"{self.name}_draw", None)
        if function is None:
            raise BundleError(f"{self.name} has a latent that C cannot draw; draw it with the model and pass it")
        latent = np.empty((len(key), self.latent_size), np.float32)
        for numbers, row in zip(key.tolist(), latent, strict=True):
            function(*map(ctypes.c_uint32, numbers), _pointer(row))
        return latent


def compile_c(source: Path, folder: Path, compiler: str | None = None, options: Sequence[str] = OPTIONS) -> Path:
    """A shared library of generated C.

    Args:
        source: NAME.c, the header beside it.
        folder: where the library goes.
        compiler: its command; the first that is installed by default.
        options: of the compiler.

    Raises:
        ExportError: there is no compiler, or it refuses the code.
    """
    compiler = compiler or find_compiler()
    if compiler is None:
        raise ExportError("there is no C compiler here; install gcc or clang")
    library = folder.resolve() / f"{source.stem}.so"
    command = [compiler, *options, source.name, "-o", str(library), "-lm"]
    outcome = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    if outcome.returncode:
        raise ExportError(f"{compiler} does not compile the C code: {outcome.stderr[:500]}; report this as a bug")
    return library


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
