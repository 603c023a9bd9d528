"""Operators that choose, order or place numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.graph import Kind, Node
from moliere.deploy.c.operators.base import made, operators, set_back, with_last
from moliere.deploy.c.program import Program
from moliere.errors import ExportError


@operators.register("Gather")
def gather(program: Program, node: Node) -> None:
    """Entries of an axis, by their numbers."""
    array = program.array(node.inputs[0])
    axis = node.attributes.get("axis", 0) % len(array.shape)
    chosen = program.graph.constants.get(node.inputs[1])
    if chosen is not None and chosen.ndim == 0:
        view = array.slice(axis, int(chosen) % array.shape[axis], 1)
        shape = (*array.shape[:axis], *array.shape[axis + 1 :])
        program.values[node.outputs[0]] = view.reshape(shape) or program.copy(view).reshape(shape) or view
        return
    _choose(program, node, array, axis, program.array(node.inputs[1]))


@operators.register("GatherND")
def gather_rows(program: Program, node: Node) -> None:
    """Entries of the first axis, by their numbers."""
    places = program.array(node.inputs[1])
    if node.attributes.get("batch_dims", 0) or places.shape[-1] != 1:
        raise ExportError("operator GatherND is written in C for one index into the first axis only; use Gather")
    flat = places.slice(len(places.shape) - 1, 0, 1).reshape(places.shape[:-1])
    assert flat is not None
    _choose(program, node, program.array(node.inputs[0]), 0, flat)


def _choose(program: Program, node: Node, array: Array, axis: int, places: Array) -> None:
    """out[before, places, after] = array[before, place, after]; places outside the axis are moved to its end."""
    length = array.shape[axis]
    if (known := places.buffer.numbers) is not None:
        places = program.fixed(np.where(known < 0, known + length, known).astype(np.int64))
    places = program.copy(places)
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    out = program.new(made(program, node))
    lines, index, depth = [], "", 0
    for size, stride in zip(before, array.strides[:axis], strict=True):
        lines.append(f"for (int b{depth} = 0; b{depth} < {size}; ++b{depth})")
        index, depth = index + f"b{depth} * {stride} + ", depth + 1
    lines.append(f"for (int place = 0; place < {places.size}; ++place) {{")
    safe = "in1[place]" if known is not None else f"inside(in1[place], {length})"
    lines.append(f"    {array.c_type} const *from = in0 + {index}{safe} * {array.strides[axis]};")
    inner, source = [], ""
    for k, (size, stride) in enumerate(zip(after, array.strides[axis + 1 :], strict=True)):
        inner.append(f"    for (int a{k} = 0; a{k} < {size}; ++a{k})")
        source += f" + a{k} * {stride}"
    lines += [*inner, f"    *out++ = from[{source.removeprefix(' + ') or 0}];", "}"]
    program.call(_returning(lines, out), [array, places], [out])
    program.values[node.outputs[0]] = out


def _returning(lines: Sequence[str], out: Array) -> list[str]:
    """Lines that move the pointer to the output, which goes back to the start for the next shower."""
    return [f"{out.c_type} *const start = out;", *lines, "out = start;"]


@operators.register("GatherElements")
def gather_elements(program: Program, node: Node) -> None:
    """One entry of an axis for each number of the other axes."""
    array, places = program.array(node.inputs[0]), program.array(node.inputs[1])
    axis = node.attributes.get("axis", 0) % len(array.shape)
    length, step = array.shape[axis], array.strides[axis]
    others = [size for k, size in enumerate(places.shape) if k != axis]
    if others != [size for k, size in enumerate(array.shape) if k != axis]:
        raise ExportError("operator GatherElements is written in C for arrays that differ along its axis only")
    places = program.copy(places)
    out = program.new(made(program, node))
    lines, terms = [], []
    for k, size in enumerate(places.shape):
        lines.append(f"for (int a{k} = 0; a{k} < {size}; ++a{k})")
        if k != axis:
            terms.append(f"a{k} * {array.strides[k]}")
    terms.append(f"inside(*in1, {length}) * {step}")
    lines += [f"    *out++ = in0[{' + '.join(terms)}], ++in1;"]
    body = [f"const {places.c_type} *const first = in1;", *_returning(lines, out), "in1 = first;"]
    program.call(body, [array, places], [out])
    program.values[node.outputs[0]] = out


@operators.register("TopK")
def take_largest(program: Program, node: Node) -> None:
    """The largest or smallest entries of an axis, in order; of equal ones the first comes first."""
    array, axis = program.array(node.inputs[0]), node.attributes.get("axis", -1)
    if array.dtype not in ("float32", "float64"):
        raise ExportError("operator TopK is written in C for float32 and float64 only")
    flat = with_last(program, array, axis)
    outer, length = flat.shape
    count = program.graph.kinds[node.outputs[0]].shape[axis]
    values, places = (program.new(Kind(dtype, (outer, count))) for dtype in (flat.dtype, "int64"))
    order = program.new(Kind("int32", (2 * length,)))
    sign = "" if node.attributes.get("largest", 1) else "-"
    lines = [
        f"for (int i = 0; i < {outer}; ++i) {{",
        f"    const int32_t *first = order_{flat.c_type}({length}, in0 + i * {length}, {sign}1, out2);",
        f"    for (int k = 0; k < {count}; ++k) {{",
        f"        out[i * {count} + k] = in0[i * {length} + first[k]];",
        f"        out1[i * {count} + k] = first[k];",
        "    }",
        "}",
    ]
    program.call(lines, [flat], [values, places, order])
    set_back(program, node.outputs[0], values, array, axis)
    set_back(program, node.outputs[1], places, array, axis)


@operators.register("ScatterElements")
@operators.register("ScatterND")
def scatter(program: Program, node: Node) -> None:
    """Numbers written, or added, at given places of an axis."""
    base, places, updates = (program.array(name) for name in node.inputs)
    how = node.attributes.get("reduction", "none")
    if how not in ("none", "add"):
        raise ExportError(f"operator {node.operator} is written in C for writing and adding, not for {how!r}")
    axis = 0 if node.operator == "ScatterND" else node.attributes.get("axis", 0) % len(base.shape)
    if node.operator == "ScatterND" and places.shape[-1] != 1:
        raise ExportError("operator ScatterND is written in C for one index into the first axis only")
    if node.operator == "ScatterND":
        flat = places.reshape((places.size,)) or program.copy(places).reshape((places.size,))
        assert flat is not None
        inner = base.shape[1:]
        shaped = flat.reshape((flat.size, *(1,) * len(inner)))
        assert shaped is not None
        places, updates = shaped.expand((flat.size, *inner)), updates
    out = program.compute(base)
    places, updates = program.copy(places), program.copy(updates)
    lines, terms = [], []
    for k, size in enumerate(updates.shape):
        lines.append(f"for (int a{k} = 0; a{k} < {size}; ++a{k})")
        if k != axis:
            terms.append(f"a{k} * {out.strides[k]}")
    terms.append(f"inside(*place++, {out.shape[axis]}) * {out.strides[axis]}")
    lines.append(f"    out[{' + '.join(terms)}] {'+' if how == 'add' else ''}= *update++;")
    first = [f"const {places.c_type} *place = in0;", f"const {updates.c_type} *update = in1;"]
    program.call([*first, *lines], [places, updates], [out])
    program.values[node.outputs[0]] = out


@operators.register("ArgMax")
def find_largest(program: Program, node: Node) -> None:
    """Where the largest number along an axis is; of equal ones the first."""
    if node.attributes.get("select_last_index", 0):
        raise ExportError("operator ArgMax is written in C for the first of equal numbers only")
    array = program.array(node.inputs[0])
    flat = with_last(program, array, node.attributes.get("axis", 0))
    outer, length = flat.shape
    out = program.new(made(program, node))
    lines = [
        f"for (int i = 0; i < {outer}; ++i) {{",
        "    int best = 0;",
        f"    for (int k = 1; k < {length}; ++k) if (in0[i * {length} + k] > in0[i * {length} + best]) best = k;",
        "    out[i] = best;",
        "}",
    ]
    program.call(lines, [flat], [out])
    program.values[node.outputs[0]] = out
