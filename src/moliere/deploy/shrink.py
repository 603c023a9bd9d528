"""Weights in fewer bits: bfloat16, or whole numbers of 8 bits with one scale for each output of a layer.

Only what is stored becomes smaller. A runtime expands the weights once, when it opens the file, and computes in single
precision as before. So a shower still depends on nothing but its own latent and condition: arithmetic in 8 bits with
scales that are taken from the data of a call would make it depend on the showers beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from moliere.errors import ExportError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

#: how weights are stored, other than as they are
Width = Literal["bf16", "int8"]

#: a table of fewer numbers stays as it is
_FEWEST = 64
_LARGEST = 127


@dataclass(frozen=True)
class Small:
    """One table of weights in fewer bits.

    Args:
        numbers: uint16 with the upper half of each float32, or int8.
        scale: float32 that int8 is multiplied with, which broadcasts; ``None`` for bfloat16.
    """

    numbers: NDArray[Any]
    scale: NDArray[np.float32] | None = None

    @property
    def expanded(self) -> NDArray[np.float32]:
        """The same numbers in float32."""
        if self.scale is None:
            return (self.numbers.astype(np.uint32) << 16).view(np.float32)
        return self.numbers.astype(np.float32) * self.scale


def to_small(weights: NDArray[np.float32], width: Width, depth: tuple[int, ...]) -> Small:
    """The nearest numbers of fewer bits.

    Args:
        weights: of any shape.
        width: bf16 or int8.
        depth: axes that a layer sums over; each entry of the others has a scale of its own.

    Example:
        >>> to_small(np.array([[1.0, -254.0], [0.25, 3.0]], np.float32), "int8", (0,)).expanded.tolist()
        [[1.0, -254.0], [0.25196850299835205, 4.0]]
    """
    if width == "bf16":
        bits = np.ascontiguousarray(weights).view(np.uint32)
        return Small(((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16))
    largest = np.abs(weights).max(axis=depth, keepdims=True)
    scale = np.where(largest > 0, largest / np.float32(_LARGEST), 1).astype(np.float32)
    return Small(np.rint(weights / scale).clip(-_LARGEST, _LARGEST).astype(np.int8), scale)


def shrink(model: ModelProto, width: Width) -> ModelProto:
    """A graph whose weights are stored in fewer bits and expanded by the graph itself.

    Raises:
        ExportError: it has no weights that could be.
    """
    from onnx import TensorProto, helper, numpy_helper

    tables = _tables(model, width)
    found = _copy(model)
    for name, small in tables.items():
        weights = next(tensor for tensor in found.graph.initializer if tensor.name == name)
        found.graph.initializer.remove(weights)
        packed, given = f"{name}.small", name if small.scale is None else f"{name}.whole"
        kind = TensorProto.BFLOAT16 if small.scale is None else TensorProto.INT8
        raw = helper.make_tensor(packed, kind, small.numbers.shape, small.numbers.tobytes(), raw=True)
        found.graph.initializer.append(raw)
        nodes = [helper.make_node("Cast", [packed], [given], to=TensorProto.FLOAT)]
        if small.scale is not None:
            found.graph.initializer.append(numpy_helper.from_array(small.scale, f"{name}.scale"))
            nodes.append(helper.make_node("Mul", [given, f"{name}.scale"], [name]))
        for node in reversed(nodes):
            found.graph.node.insert(0, node)
    return found


def rounded(model: ModelProto, width: Width) -> ModelProto:
    """The graph with the same numbers as :func:`shrink` makes, in float32.

    Raises:
        ExportError: it has no weights that could be.
    """
    from onnx import numpy_helper

    tables = _tables(model, width)
    found = _copy(model)
    for tensor in found.graph.initializer:
        if tensor.name in tables:
            tensor.CopyFrom(numpy_helper.from_array(tables[tensor.name].expanded, tensor.name))
    return found


def _tables(model: ModelProto, width: Width) -> Mapping[str, Small]:
    from onnx import numpy_helper

    depths = dict(pair for node in model.graph.node for pair in _weights(node))
    known = {tensor.name: tensor for tensor in model.graph.initializer if tensor.name in depths}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in known.items()}
    tables = {
        name: to_small(array, width, _axes(depths[name], array.ndim))
        for name, array in arrays.items()
        if array.dtype == np.float32 and array.ndim > 1 and array.size >= _FEWEST
    }
    if not tables:
        raise ExportError(f"the model has no tables of weights that could be stored as {width}; export it as it is")
    return tables


def _weights(node: NodeProto) -> Iterator[tuple[str, int]]:
    """The table of weights that a node multiplies with, and its axis of outputs."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    outputs = {"MatMul": -1, "Gemm": 0 if transposed else 1, "Conv": 0, "ConvTranspose": 1}
    if node.op_type in outputs:
        yield node.input[1], outputs[node.op_type]


def _axes(outputs: int, rank: int) -> tuple[int, ...]:
    """Axes that are summed over; products of many matrices sum over the last but one of them."""
    if outputs == -1:
        return (rank - 2,)
    return tuple(axis for axis in range(rank) if axis != outputs)


def _copy(model: ModelProto) -> ModelProto:
    found = type(model)()
    found.CopyFrom(model)
    return found
