"""Operators that move numbers or only look at them in another order."""

from __future__ import annotations

import numpy as np

from moliere.deploy.c.graph import Node
from moliere.deploy.c.operators.base import made, operators
from moliere.deploy.c.program import Program
from moliere.errors import ExportError


@operators.register("Reshape")
@operators.register("Flatten")
@operators.register("Squeeze")
@operators.register("Unsqueeze")
def reshape(program: Program, node: Node) -> None:
    """Another shape; the numbers stay where they are, if they lie one after the other."""
    array, shape = program.array(node.inputs[0]), made(program, node).shape
    view = array.reshape(shape) or program.copy(array).reshape(shape)
    program.values[node.outputs[0]] = view or array


@operators.register("Transpose")
def transpose(program: Program, node: Node) -> None:
    """Another order of axes; the numbers stay where they are."""
    array = program.array(node.inputs[0])
    order = node.attributes.get("perm") or range(len(array.shape))[::-1]
    program.values[node.outputs[0]] = array.transpose(tuple(order))


@operators.register("Expand")
def expand(program: Program, node: Node) -> None:
    """Numbers repeated along axes; they stay where they are."""
    program.values[node.outputs[0]] = program.array(node.inputs[0]).expand(made(program, node).shape)


@operators.register("Split")
def split(program: Program, node: Node) -> None:
    """Consecutive parts of an axis; the numbers stay where they are."""
    array = program.array(node.inputs[0])
    axis = node.attributes.get("axis", 0) % len(array.shape)
    start = 0
    for name in node.outputs:
        length = program.graph.kinds[name].shape[axis]
        program.values[name] = array.slice(axis, start, length)
        start += length


@operators.register("Slice")
def take_slice(program: Program, node: Node) -> None:
    """Every n-th entry of a range of some axes; the numbers stay where they are."""
    array = program.array(node.inputs[0])
    starts, ends, axes, steps = (program.constant(node, k) for k in (1, 2, 3, 4))
    assert starts is not None
    assert ends is not None
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones_like(starts) if steps is None else steps
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        chosen = range(array.shape[axis])[int(start) : int(end) : int(step)]
        array = array.slice(int(axis) % len(array.shape), chosen.start, len(chosen), int(step))
    program.values[node.outputs[0]] = array


@operators.register("Concat")
def concat(program: Program, node: Node) -> None:
    """Values side by side along an axis, each written where it belongs."""
    whole = program.new(made(program, node))
    axis = node.attributes["axis"] % len(whole.shape)
    start = 0
    for name in node.inputs:
        length = program.graph.kinds[name].shape[axis]
        if length:
            program.compute(program.value(name), whole.slice(axis, start, length))
        start += length
    program.values[node.outputs[0]] = whole


@operators.register("Pad")
def pad(program: Program, node: Node) -> None:
    """A border of one number."""
    if node.attributes.get("mode", "constant") != "constant" or (len(node.inputs) > 3 and node.inputs[3]):
        raise ExportError("operator Pad is written in C for constant borders of all axes only")
    widths, border, array = program.constant(node, 1), program.constant(node, 2), program.array(node.inputs[0])
    assert widths is not None
    whole = program.new(made(program, node))
    program.compute(program.fixed(np.zeros(1, whole.dtype) if border is None else border), whole)
    inside = whole
    for axis, (length, before) in enumerate(zip(array.shape, widths, strict=False)):
        inside = inside.slice(axis, int(before), length)
    program.compute(array, inside)
    program.values[node.outputs[0]] = whole
