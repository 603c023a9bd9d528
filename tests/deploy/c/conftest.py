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


@pytest.fixture(scope="session")
def network() -> Any:
    """Two layers, the energy in float64, then the three largest of each half."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(3)
    given = {
        "w1": rng.normal(size=(21, 130)).astype(np.float32),
        "b1": rng.normal(size=130).astype(np.float32),
        "scale": rng.normal(size=130).astype(np.float32),
        "w2": (rng.normal(size=(130, 40)) / 5).astype(np.float32),
        "start": np.array([0], np.int64),
        "end": np.array([1], np.int64),
        "axis": np.array([1], np.int64),
        "halves": np.array([-1, 2, 20], np.int64),
        "three": np.array([3], np.int64),
        "row": np.array([-1, 40], np.int64),
        "third": np.array(2, np.int64),
        "cut": np.array(0.25, np.float32),
        "none": np.array(0.0, np.float32),
    }
    node = onnx.helper.make_node
    nodes = [
        node("Gemm", ["latent", "w1", "b1"], ["a"]),
        node("LayerNormalization", ["a", "scale"], ["normal"]),
        node("Sigmoid", ["normal"], ["s"]),
        node("Mul", ["normal", "s"], ["silu"]),
        node("MatMul", ["silu", "w2"], ["second"]),
        node("Slice", ["condition", "start", "end", "axis"], ["energy"]),
        node("Log", ["energy"], ["log"]),
        node("Cast", ["log"], ["small"], to=1),
        node("Mul", ["second", "small"], ["scaled"]),
        node("Reshape", ["scaled", "halves"], ["parts"]),
        node("TopK", ["parts", "three"], ["largest", "places"], axis=2),
        node("Gather", ["largest", "third"], ["last"], axis=2),
        node("Unsqueeze", ["last", "end_axis"], ["bound"]),
        node("GreaterOrEqual", ["parts", "bound"], ["kept"]),
        node("Where", ["kept", "parts", "none"], ["sparse"]),
        node("Less", ["sparse", "cut"], ["below"]),
        node("Where", ["below", "none", "sparse"], ["visible"]),
        node("Reshape", ["visible", "row"], ["signals"]),
    ]
    given["end_axis"] = np.array([2], np.int64)
    make = onnx.helper.make_tensor_value_info
    inputs = [
        make("latent", onnx.TensorProto.FLOAT, ["n", 21]),
        make("condition", onnx.TensorProto.DOUBLE, ["n", 2]),
    ]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in given.items()]
    graph = onnx.helper.make_graph(nodes, "toy", inputs, [make("signals", onnx.TensorProto.FLOAT, ["n", 40])], tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)
