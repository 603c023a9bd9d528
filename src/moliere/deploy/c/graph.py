"""Reads an ONNX graph as the program of one shower: the batch is 1, every shape is known, constants are computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import ExportError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Constant = NDArray[Any]

#: what numbers can be, and how C calls them
C_TYPES = {"float32": "float", "float64": "double", "int64": "int64_t", "int32": "int32_t", "bool": "unsigned char"}


@dataclass(frozen=True)
class Kind:
    """What a value is: the type of its numbers (numpy's name) and its shape, of one shower."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of numbers."""
        return prod(self.shape)


@dataclass(frozen=True)
class Node:
    """One operator.

    Args:
        operator: ONNX's name.
        inputs: names of values; empty where an optional input is left out.
        outputs: names of values.
        attributes: as plain data.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network as the program of one shower.

    Args:
        nodes: in the order in which they can be computed.
        constants: name → numbers.
        kinds: name → what it is, for every value.
        inputs: names.
        outputs: names.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    kinds: Mapping[str, Kind]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def users(self) -> dict[str, list[Node]]:
        """Value → the nodes that read it, once for each time they do."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in filter(None, node.inputs):
                found.setdefault(name, []).append(node)
        return found


def read_graph(model: ModelProto) -> Graph:
    """The program of one shower.

    Args:
        model: whose first axis of every input and output is the batch.

    Raises:
        ExportError: a shape depends on the data, or numbers are of a type that C99 does not have.
    """
    from onnx import ModelProto
    from onnx.inliner import inline_local_functions

    single = ModelProto()
    single.CopyFrom(inline_local_functions(model))
    _fix_batch(single)
    constants = _initial_constants(single)
    while _fold(single, constants):
        pass
    kinds = _kinds(single, constants)
    nodes = [_plain(node) for node in single.graph.node]
    names = [tuple(value.name for value in values) for values in (single.graph.input, single.graph.output)]
    return Graph(_alive(nodes, names[1]), constants, kinds, *names)


def _fix_batch(model: ModelProto) -> None:
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_value not in (0, 1):
            raise ExportError(
                f"{value.name} of the graph is fixed to {dims[0].dim_value} showers; export it for 1 or for any number"
            )
        if dims:
            dims[0].Clear()
            dims[0].dim_value = 1


def _initial_constants(model: ModelProto) -> dict[str, Constant]:
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _fold(model: ModelProto, constants: dict[str, Constant]) -> bool:
    """Compute what does not depend on the inputs; whether anything did not."""
    from onnx import numpy_helper

    kinds = _kinds(model, constants, complete=False)
    rest = []
    for node in model.graph.node:
        results = _value(node, constants, kinds)
        if results is None:
            rest.append(node)
            continue
        for name, result in zip(node.output, results, strict=False):
            constants[name] = np.asarray(result)
            model.graph.initializer.append(numpy_helper.from_array(constants[name], name))
    found = len(rest) < len(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(rest)
    return found


def _value(node: NodeProto, constants: Mapping[str, Constant], kinds: Mapping[str, Kind]) -> Iterable[Any] | None:
    """The results of a node that does not depend on the inputs, else ``None``."""
    if node.op_type == "Shape" and node.input[0] in kinds:
        ends = {attribute.name: attribute.i for attribute in node.attribute}
        return [np.array(kinds[node.input[0]].shape[ends.get("start", 0) : ends.get("end")], np.int64)]
    if node.op_type == "Size" and node.input[0] in kinds:
        return [np.array(kinds[node.input[0]].size, np.int64)]
    if any(name and name not in constants for name in node.input):
        return None
    return _run(node, constants)


def _run(node: NodeProto, constants: Mapping[str, Constant]) -> Iterable[Any]:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    given = {name: constants[name] for name in node.input if name}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], "constant", inputs, outputs)
    results: Iterable[Any] = ReferenceEvaluator(helper.make_model(graph)).run(None, given)
    return results


def _kinds(model: ModelProto, constants: Mapping[str, Constant], *, complete: bool = True) -> dict[str, Kind]:
    """What every value is; with ``complete`` those that are not known raise."""
    from onnx import helper, shape_inference

    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    found = {name: Kind(str(value.dtype), value.shape) for name, value in constants.items()}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
            found.setdefault(value.name, Kind(str(dtype), tuple(dim.dim_value for dim in tensor.shape.dim)))
    if complete:
        _check_kinds(model, found)
    return found


def _check_kinds(model: ModelProto, kinds: Mapping[str, Kind]) -> None:
    for node in model.graph.node:
        for name in filter(None, node.output):
            if name not in kinds:
                raise ExportError(
                    f"the shape of {name}, which operator {node.op_type} makes, depends on the data; C needs shapes "
                    "that are known beforehand"
                )
            if kinds[name].dtype not in C_TYPES:
                raise ExportError(
                    f"{name}, which operator {node.op_type} makes, holds {kinds[name].dtype} numbers; C99 has "
                    f"{', '.join(C_TYPES)}: export the graph in float32"
                )


def _plain(node: NodeProto) -> Node:
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    return Node(operator, tuple(node.input), tuple(node.output), texts)


def _alive(nodes: list[Node], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    """Nodes that an output depends on."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return tuple(reversed(kept))
