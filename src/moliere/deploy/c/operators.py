"""What each ONNX operator is in C: one short function an operator, found by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.formulas import ARITHMETIC, LOGIC, cast, literal
from moliere.deploy.c.graph import Kind, Node
from moliere.deploy.c.program import Expression, Program
from moliere.errors import ExportError, UnknownName
from moliere.registry import Registry

#: adds what an operator does to a program
Operator = Callable[[Program, Node], None]

operators: Registry[Operator] = Registry("operator")

#: operators that can work on a formula instead of on numbers in memory
_TAKING_FORMULAS = (*ARITHMETIC, *LOGIC, "Where", "Cast", "Concat")


def add_node(program: Program, node: Node) -> None:
    """Add what a node does.

    Raises:
        ExportError: C has no such operator, or not in this form.
    """
    try:
        operator = operators[node.operator]
    except UnknownName as error:
        raise ExportError(
            f"the graph needs operator {node.operator} (for {node.outputs[0]}), which is not written in C yet; there "
            f"are {', '.join(operators)}"
        ) from error
    if node.outputs[0] not in program.done:
        operator(program, node)


def _made(program: Program, node: Node) -> Kind:
    return program.graph.kinds[node.outputs[0]]


def _set_formula(program: Program, node: Node, formula: str, operands: Sequence[str]) -> None:
    """File a formula; it is computed at once unless the one operator that reads it can take it in."""
    (name,) = node.outputs
    value = Expression(_made(program, node), formula, tuple(program.value(operand) for operand in operands))
    passing = program.is_passing(name, _TAKING_FORMULAS)
    program.values[name] = value if passing else program.compute(value)


def _arithmetic(program: Program, node: Node) -> None:
    dtype, attributes, operands = _made(program, node).dtype, dict(node.attributes), list(node.inputs)
    if node.operator == "Clip":
        ends = {name: program.constant(node, k) for k, name in ((1, "min"), (2, "max"))}
        attributes |= {name: end.item() for name, end in ends.items() if end is not None}
        operands = operands[:1]
    if node.operator == "Dropout":
        operands = operands[:1]
    formula = ARITHMETIC[node.operator](attributes, dtype)
    if node.operator in ("Min", "Max", "Sum", "Mean") and len(operands) != 2:
        raise ExportError(f"operator {node.operator} with {len(operands)} operands is not written in C; use two")
    _set_formula(program, node, formula, operands)


def _logic(program: Program, node: Node) -> None:
    _set_formula(program, node, LOGIC[node.operator], node.inputs)


for _name in ARITHMETIC:
    operators.register(_name)(_arithmetic)
for _name in LOGIC:
    operators.register(_name)(_logic)


@operators.register("Where")
def where(program: Program, node: Node) -> None:
    """One of two numbers, by a third."""
    _set_formula(program, node, "({0} ? {1} : {2})", node.inputs)


@operators.register("Cast")
def change_type(program: Program, node: Node) -> None:
    """Numbers of another type."""
    source = program.graph.kinds[node.inputs[0]].dtype
    _set_formula(program, node, cast("{0}", source, _made(program, node).dtype), node.inputs)


@operators.register("Reshape")
@operators.register("Flatten")
@operators.register("Squeeze")
@operators.register("Unsqueeze")
def reshape(program: Program, node: Node) -> None:
    """Another shape; the numbers stay where they are, if they lie one after the other."""
    array, shape = program.array(node.inputs[0]), _made(program, node).shape
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
    program.values[node.outputs[0]] = program.array(node.inputs[0]).expand(_made(program, node).shape)


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
    whole = program.new(_made(program, node))
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
    whole = program.new(_made(program, node))
    program.compute(program.fixed(np.zeros(1, whole.dtype) if border is None else border), whole)
    inside = whole
    for axis, (length, before) in enumerate(zip(array.shape, widths, strict=False)):
        inside = inside.slice(axis, int(before), length)
    program.compute(array, inside)
    program.values[node.outputs[0]] = whole


# --------------------------------------------------------------------------------------------------- sums and products


@operators.register("MatMul")
@operators.register("Gemm")
def multiply(program: Program, node: Node) -> None:
    """A matrix product; with weights known beforehand, the fast way."""
    left, right = node.inputs[:2]
    if right in program.graph.constants and program.graph.constants[right].ndim == 2 and _made_float(program, node):
        return _linear(program, node)
    if node.operator == "Gemm":
        raise ExportError("operator Gemm is written in C for weights that are constants of type float32 only")
    shape = _made(program, node).shape
    a, b = program.array(left), program.array(right)
    depth = a.shape[-1]
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ExportError("operator MatMul of a vector is not written in C; give it two axes")
    a, b = a.expand((*shape[:-2], *a.shape[-2:])), b.expand((*shape[:-2], *b.shape[-2:]))
    out = program.new(_made(program, node))
    _contract(program, a, b, out, depth)
    program.values[node.outputs[0]] = out
    return None


def _made_float(program: Program, node: Node) -> bool:
    return _made(program, node).dtype == "float32"


def _contract(program: Program, a: Array, b: Array, out: Array, depth: int) -> None:
    """out[..., i, j] = Σ_k a[..., i, k] b[..., k, j], k in its order."""
    *outer, n_rows, n_columns = out.shape
    n = len(outer)
    lines, index = [], ["", "", ""]
    for axis, length in enumerate(outer):
        lines.append(f"for (int b{axis} = 0; b{axis} < {length}; ++b{axis})")
        for which, array in enumerate((a, b, out)):
            index[which] += f"b{axis} * {array.strides[axis]} + "
    lines += [
        f"for (int i = 0; i < {n_rows}; ++i) {{",
        f"    {out.c_type} *row = out + {index[2]}i * {out.strides[n]};",
        f"    for (int j = 0; j < {n_columns}; ++j) row[j] = 0;",
        f"    for (int k = 0; k < {depth}; ++k) {{",
        f"        {a.c_type} const factor = in0[{index[0]}i * {a.strides[n]} + k * {a.strides[n + 1]}];",
        f"        for (int j = 0; j < {n_columns}; ++j)",
        f"            row[j] += factor * in1[{index[1]}k * {b.strides[n]} + j * {b.strides[n + 1]}];",
        "    }",
        "}",
    ]
    program.call(lines, [a, b], [out])


def _linear(program: Program, node: Node) -> None:
    weights = program.graph.constants[node.inputs[1]]
    bias = program.constant(node, 2) if len(node.inputs) > 2 else None
    if node.operator == "Gemm":
        if node.attributes.get("transA", 0):
            raise ExportError("operator Gemm with a transposed first factor is not written in C")
        weights = weights.T if node.attributes.get("transB", 0) else weights
        weights = weights * np.float32(node.attributes.get("alpha", 1.0))
        bias = None if bias is None else bias * np.float32(node.attributes.get("beta", 1.0))
    name = node.outputs[0]
    if bias is None:
        name, bias = _following_bias(program, name, weights.shape[1])
    out = program.new(program.graph.kinds[name])
    apply_linear(program, program.array(node.inputs[0]), weights, bias, out)
    program.values[name] = out


def _following_bias(program: Program, name: str, width: int) -> tuple[str, Any]:
    """The sum with a constant that follows a product, if nothing else reads the product: its name and the constant."""
    users = program.users.get(name, [])
    if len(users) == 1 and users[0].operator == "Add" and name not in program.graph.outputs:
        (other,) = [operand for operand in users[0].inputs if operand != name] or [name]
        constant = program.graph.constants.get(other)
        if constant is not None and constant.shape == (width,):
            program.done.add(users[0].outputs[0])
            return users[0].outputs[0], constant
    return name, None


def apply_linear(program: Program, x: Array, weights: Any, bias: Any, out: Array) -> None:
    """out[row] = x[row] · weights + bias, for all rows of a shower.

    Args:
        program: which calls it.
        x: (…, depth).
        weights: (depth, width).
        bias: (width,), or ``None``.
        out: (…, width), whose numbers lie one after the other.
    """
    depth, width = weights.shape
    n_rows = x.size // depth
    rows = x.reshape((n_rows, depth))
    if rows is None or (rows.strides[1] != 1 and depth > 1):
        rows = program.copy(x).reshape((n_rows, depth))
    if rows is None or rows.strides[1] != 1:
        rows = program.compute(x).reshape((n_rows, depth))
    assert rows is not None
    offsets = np.zeros(width, np.float32) if bias is None else np.broadcast_to(bias, (width,))
    packed, padded = pack(np.asarray(weights, np.float32)), np.zeros(_padded(width), np.float32)
    padded[:width] = offsets
    reads = [rows, program.fixed(packed), program.fixed(padded)]
    program.invoke("linear", reads, [out], n_rows, rows.strides[0] if n_rows > 1 else 0, depth, width)


#: widths of the pieces into which a product's columns are divided; the smallest pads the last one
TILES = (64, 32, 16)


def _padded(width: int) -> int:
    return -(-width // TILES[-1]) * TILES[-1]


def pack(weights: Any) -> Any:
    """Weights (depth, width) in the order in which ``linear`` reads them: column tile by column tile, depth inside."""
    depth, width = weights.shape
    padded = np.zeros((depth, _padded(width)), np.float32)
    padded[:, :width] = weights
    parts, start = [], 0
    while start < width:
        tile = next(size for size in TILES if padded.shape[1] - start >= size)
        parts.append(padded[:, start : start + tile].ravel())
        start += tile
    return np.concatenate(parts)


@operators.register("ReduceSum")
@operators.register("ReduceMean")
@operators.register("ReduceMax")
@operators.register("ReduceMin")
@operators.register("ReduceProd")
def reduce(program: Program, node: Node) -> None:
    """Sum, mean, largest, smallest or product over some axes, in the order of the axes."""
    array, made = program.array(node.inputs[0]), _made(program, node)
    axes = _axes(program, node, len(array.shape))
    rest = [axis for axis in range(len(array.shape)) if axis not in axes]
    length = prod(array.shape[axis] for axis in axes)
    turned = array.transpose((*rest, *axes))
    outer = prod(array.shape[axis] for axis in rest)
    flat = turned.reshape((outer, length)) or program.copy(turned).reshape((outer, length))
    assert flat is not None
    out = program.new(made)
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
    flat = _with_last(program, array, int(axis))
    outer, length = flat.shape
    out = program.new(Kind(flat.dtype, flat.shape))
    lines = [
        f"for (int i = 0; i < {outer}; ++i) {{",
        f"    {flat.c_type} sum = 0;",
        f"    for (int k = 0; k < {length}; ++k) out[i * {length} + k] = sum += in0[i * {length} + k];",
        "}",
    ]
    program.call(lines, [flat], [out])
    _set_back(program, node.outputs[0], out, array, int(axis))


def _with_last(program: Program, array: Array, axis: int) -> Array:
    """The numbers one after the other, one axis fastest: (outer, length)."""
    turned = array.transpose(_last(len(array.shape), axis))
    length = turned.shape[-1]
    flat = program.copy(turned).reshape((turned.size // length, length))
    assert flat is not None
    return flat


def _last(rank: int, axis: int) -> tuple[int, ...]:
    return (*(k for k in range(rank) if k != axis % rank), axis % rank)


def _set_back(program: Program, name: str, flat: Array, like: Array, axis: int) -> None:
    """File a result that was made with one axis fastest, its axes in their own order."""
    order = _last(len(like.shape), axis)
    turned = flat.reshape((*(like.shape[k] for k in order[:-1]), flat.shape[-1]))
    assert turned is not None
    program.values[name] = turned.transpose(tuple(int(k) for k in np.argsort(order)))


@operators.register("Softmax")
def softmax(program: Program, node: Node) -> None:
    """Exponentials divided by their sum, along an axis."""
    array, axis = program.array(node.inputs[0]), node.attributes.get("axis", -1)
    flat = _with_last(program, array, axis)
    out = program.new(Kind(flat.dtype, flat.shape))
    program.call([f"softmax_{flat.c_type}({flat.shape[0]}, {flat.shape[1]}, in0, out);"], [flat], [out])
    _set_back(program, node.outputs[0], out, array, axis)


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
    out = program.new(_made(program, node))
    epsilon = literal(node.attributes.get("epsilon", 1e-5), "float32")
    lines = [f"normalise({array.size // width}, {width}, in0, in1, in2, {epsilon}, out);"]
    program.call(lines, [flat, program.fixed(np.broadcast_to(np.asarray(scale), (width,))), *given], [out])
    program.values[node.outputs[0]] = out


@operators.register("BatchNormalization")
def standardise(program: Program, node: Node) -> None:
    """With the statistics of the training: a scale and an offset a channel."""
    scale, bias, mean, variance = (np.asarray(program.constant(node, k), np.float64) for k in (1, 2, 3, 4))
    made = _made(program, node)
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    shape = (-1, *(1,) * (len(made.shape) - 2))
    given = [program.fixed(np.asarray(value, made.dtype).reshape(shape)) for value in (factor, bias - mean * factor)]
    value = Expression(made, "({0} * {1} + {2})", (program.array(node.inputs[0]), *given))
    program.values[node.outputs[0]] = program.compute(value)


# ----------------------------------------------------------------------------------------------- choosing and ordering


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
    made, length = _made(program, node), array.shape[axis]
    if (known := places.buffer.numbers) is not None:
        places = program.fixed(np.where(known < 0, known + length, known).astype(np.int64))
    places = program.copy(places)
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    out = program.new(made)
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
    out = program.new(_made(program, node))
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
    flat = _with_last(program, array, axis)
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
    _set_back(program, node.outputs[0], values, array, axis)
    _set_back(program, node.outputs[1], places, array, axis)


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
    flat = _with_last(program, array, node.attributes.get("axis", 0))
    outer, length = flat.shape
    out = program.new(_made(program, node))
    lines = [
        f"for (int i = 0; i < {outer}; ++i) {{",
        "    int best = 0;",
        f"    for (int k = 1; k < {length}; ++k) if (in0[i * {length} + k] > in0[i * {length} + best]) best = k;",
        "    out[i] = best;",
        "}",
    ]
    program.call(lines, [flat], [out])
    program.values[node.outputs[0]] = out
