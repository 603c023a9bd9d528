"""Compiles generated C and calls it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moliere.deploy.c.write import Source

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
FLAGS = [("-O2",), ("-O3", "-march=native")]


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@dataclass(frozen=True)
class Compiled:
    """A model as a shared library."""

    library: ctypes.CDLL
    name: str
    numbers: dict[str, int]
    weights: NDArray[np.float32] | None = None

    def generate(self, latent: NDArray[Any], condition: NDArray[Any]) -> NDArray[np.float32]:
        latent, condition = np.ascontiguousarray(latent, np.float32), np.ascontiguousarray(condition, np.float64)
        signals = np.full((len(latent), self.numbers["CHANNELS"]), np.nan, np.float32)
        # the bytes before and behind the workspace must stay as they are
        memory = np.full(self.numbers["WORKSPACE"] + 128, 0xA5, np.uint8)
        workspace = ctypes.c_void_p(memory.ctypes.data + 64)
        given = [] if self.weights is None else [pointer(self.weights)]
        function = getattr(self.library, f"{self.name}_generate")
        function(*given, pointer(latent), pointer(condition), ctypes.c_int(len(latent)), pointer(signals), workspace)
        assert (memory[:64] == 0xA5).all()
        assert (memory[-64:] == 0xA5).all()
        return signals

    def check(self, *condition: float) -> int:
        numbers = np.array(condition, np.float64)
        return int(getattr(self.library, f"{self.name}_check")(pointer(numbers)))

    def draw(self, run: int, event: int, track: int) -> NDArray[np.float32]:
        latent = np.zeros(self.numbers["LATENT"], np.float32)
        words = (ctypes.c_uint32(value) for value in (run, event, track))
        getattr(self.library, f"{self.name}_draw")(*words, pointer(latent))
        return latent


def compile_c(source: Source, folder: Path, flags: Sequence[str] = ("-O2",), compiler: str = "gcc") -> Compiled:
    """Compile with every warning as an error."""
    (folder / f"{source.name}.h").write_text(source.header)
    (folder / f"{source.name}.c").write_text(source.code)
    library = folder / f"{source.name}{len(list(folder.iterdir()))}.so"
    files = ["-o", str(library), str(folder / f"{source.name}.c"), "-lm"]
    outcome = subprocess.run(
        [compiler, *WARNINGS, *flags, "-fPIC", "-shared", *files], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr[:2000]
    words = [line.split() for line in source.header.splitlines() if line.startswith("#define")]
    prefix = source.name.upper() + "_"
    numbers = {word[1].removeprefix(prefix): int(word[2]) for word in words if len(word) == 3 and word[2].isdigit()}
    weights = None if source.weights is None else np.frombuffer(source.weights, "<f4")
    return Compiled(ctypes.CDLL(str(library)), source.name, numbers, weights)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Compiled]:
    """Source → a library that can be called."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")

    def build(source: Source, flags: Sequence[str] = ("-O2",), compiler: str = "gcc") -> Compiled:
        return compile_c(source, tmp_path_factory.mktemp("c"), flags, compiler)

    return build
