"""Sums, extremes and what is normalised by them, along axes."""

from __future__ import annotations

from math import prod

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.formulas import literal
from moliere.deploy.c.graph import Kind, Node
from moliere.deploy.c.operators.base import made, operators, set_back, with_last
from moliere.deploy.c.program import Expression, Program
from moliere.errors import ExportError


@operators.register("ReduceSum")
@operators.register("ReduceMean")
@operators.register("ReduceMax")
@operators.register("ReduceMin")
@operators.register("ReduceProd")
def reduce(program: Program, node: Node) -> None:
    """Sum, mean, largest, smallest or product over some axes, in the order of the axes."""
    array = program.array(node.inputs[0])
    axes = _axes(program, node, len(array.shape))
    rest = [axis for axis in range(len(array.shape)) if axis not in axes]
    length = prod(array.shape[axis] for axis in axes)
    turned = array.transpose((*rest, *axes))
    outer = prod(array.shape[axis] for axis in rest)
    flat = turned.reshape((outer, length)) or program.copy(turned).reshape((outer, length))
    assert flat is not None
    out = program.new(made(program, node))
    program.call(_reduction(node.operator.removeprefix("Reduce"), flat), [flat], [out])
    program.values[node.outputs[0]] = out


def _axes(program: Program, node: Node, rank: int) -> list[int]:
    axes = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        axes = program.constant(node, 1)
    if axes is None or len(axes) == 0:
        return [] if node.attributes.get("noop_with_empty_axes", 0) else list(range(rank))
    return sorted(int(axis) % rank for axis in axes)


def _reduction(name: str, flat: Array) -> list[str]:
    (outer, length), (row, step) = flat.shape, flat.strides
    scale = f" / {length}" if name == "Mean" else ""
    if name in ("Sum", "Mean") and step == 1 and flat.dtype.startswith("float"):
        return [
            f"for (int i = 0; i < {outer}; ++i) out[i] = sum_{flat.c_type}({length}, in0 + i * {row}){scale};",
        ]
    add = {
        "Sum": "out[i] + {0}",
        "Mean": "out[i] + {0}",
        "Prod": "out[i] * {0}",
        "Max": f"larger_{flat.c_type}(out[i], {{0}})",
        "Min": f"smaller_{flat.c_type}(out[i], {{0}})",
    }[name].format(f"in0[i * {row} + k * {step}]")
    lines = [
        f"for (int i = 0; i < {outer}; ++i) out[i] = in0[i * {row}];",
        f"for (int k = 1; k < {length}; ++k)",
        f"    for (int i = 0; i < {outer}; ++i) out[i] = {add};",
    ]
    return [*lines, f"for (int i = 0; i < {outer}; ++i) out[i] = out[i]{scale};"] if scale else lines


@operators.register("CumSum")
def cumulate(program: Program, node: Node) -> None:
    """Running sums along an axis."""
    if node.attributes.get("exclusive", 0) or node.attributes.get("reverse", 0):
        raise ExportError("operator CumSum is written in C for inclusive sums from the front only")
    array, axis = program.array(node.inputs[0]), program.constant(node, 1)
    assert axis is not None
    flat = with_last(program, array, int(axis))
    outer, length = flat.shape
    out = program.new(Kind(flat.dtype, flat.shape))
    lines = [
        f"for (int i = 0; i < {outer}; ++i) {{",
        f"    {flat.c_type} sum = 0;",
        f"    for (int k = 0; k < {length}; ++k) out[i * {length} + k] = sum += in0[i * {length} + k];",
        "}",
    ]
    program.call(lines, [flat], [out])
    set_back(program, node.outputs[0], out, array, int(axis))


@operators.register("Softmax")
def softmax(program: Program, node: Node) -> None:
    """Exponentials divided by their sum, along an axis."""
    array, axis = program.array(node.inputs[0]), node.attributes.get("axis", -1)
    flat = with_last(program, array, axis)
    out = program.new(Kind(flat.dtype, flat.shape))
    program.call([f"softmax_{flat.c_type}({flat.shape[0]}, {flat.shape[1]}, in0, out);"], [flat], [out])
    set_back(program, node.outputs[0], out, array, axis)


@operators.register("LayerNormalization")
def normalise(program: Program, node: Node) -> None:
    """Mean 0 and variance 1 along the last axis, then scale and offset."""
    array = program.array(node.inputs[0])
    if node.attributes.get("axis", -1) % len(array.shape) != len(array.shape) - 1 or array.dtype != "float32":
        raise ExportError("operator LayerNormalization is written in C for float32 and the last axis only")
    width = array.shape[-1]
    scale, bias = program.constant(node, 1), program.constant(node, 2)
    given = [program.fixed(np.zeros(width, np.float32) if bias is None else bias)]
    flat = program.copy(array)
    out = program.new(made(program, node))
    epsilon = literal(node.attributes.get("epsilon", 1e-5), "float32")
    lines = [f"normalise({array.size // width}, {width}, in0, in1, in2, {epsilon}, out);"]
    program.call(lines, [flat, program.fixed(np.broadcast_to(np.asarray(scale), (width,))), *given], [out])
    program.values[node.outputs[0]] = out


@operators.register("BatchNormalization")
def standardise(program: Program, node: Node) -> None:
    """With the statistics of the training: a scale and an offset a channel."""
    scale, bias, mean, variance = (np.asarray(program.constant(node, k), np.float64) for k in (1, 2, 3, 4))
    kind = made(program, node)
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    shape = (-1, *(1,) * (len(kind.shape) - 2))
    given = [program.fixed(np.asarray(value, kind.dtype).reshape(shape)) for value in (factor, bias - mean * factor)]
    value = Expression(kind, "({0} * {1} + {2})", (program.array(node.inputs[0]), *given))
    program.values[node.outputs[0]] = program.compute(value)
