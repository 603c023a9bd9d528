"""Matrix products: with weights that are known beforehand, and of two values."""

from __future__ import annotations

from typing import Any

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.graph import Node
from moliere.deploy.c.operators.base import made, operators
from moliere.deploy.c.program import Program
from moliere.errors import ExportError


@operators.register("MatMul")
@operators.register("Gemm")
def multiply(program: Program, node: Node) -> None:
    """A matrix product; with weights known beforehand, the fast way."""
    left, right = node.inputs[:2]
    if right in program.graph.constants and program.graph.constants[right].ndim == 2 and _made_float(program, node):
        return _linear(program, node)
    if node.operator == "Gemm":
        raise ExportError("operator Gemm is written in C for weights that are constants of type float32 only")
    shape = made(program, node).shape
    a, b = program.array(left), program.array(right)
    depth = a.shape[-1]
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ExportError("operator MatMul of a vector is not written in C; give it two axes")
    a, b = a.expand((*shape[:-2], *a.shape[-2:])), b.expand((*shape[:-2], *b.shape[-2:]))
    out = program.new(made(program, node))
    _contract(program, a, b, out, depth)
    program.values[node.outputs[0]] = out
    return None


def _made_float(program: Program, node: Node) -> bool:
    return made(program, node).dtype == "float32"


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
