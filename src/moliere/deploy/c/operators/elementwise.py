"""Operators that work number by number: their formulas, and which of two numbers is taken."""

from __future__ import annotations

from moliere.deploy.c.formulas import ARITHMETIC, LOGIC, cast
from moliere.deploy.c.graph import Node
from moliere.deploy.c.operators.base import made, operators, set_formula
from moliere.deploy.c.program import Program


def _arithmetic(program: Program, node: Node) -> None:
    dtype, attributes, operands = made(program, node).dtype, dict(node.attributes), list(node.inputs)
    if node.operator == "Clip":
        ends = {name: program.constant(node, k) for k, name in ((1, "min"), (2, "max"))}
        attributes |= {name: end.item() for name, end in ends.items() if end is not None}
        operands = operands[:1]
    if node.operator == "Dropout":
        operands = operands[:1]
    attributes["n_operands"] = len(operands)
    set_formula(program, node, ARITHMETIC[node.operator](attributes, dtype), operands)


def _logic(program: Program, node: Node) -> None:
    set_formula(program, node, LOGIC[node.operator], node.inputs)


for _name in ARITHMETIC:
    operators.register(_name)(_arithmetic)
for _name in LOGIC:
    operators.register(_name)(_logic)


@operators.register("Where")
def where(program: Program, node: Node) -> None:
    """One of two numbers, by a third."""
    set_formula(program, node, "({0} ? {1} : {2})", node.inputs)


@operators.register("Cast")
def change_type(program: Program, node: Node) -> None:
    """Numbers of another type."""
    source = program.graph.kinds[node.inputs[0]].dtype
    set_formula(program, node, cast("{0}", source, made(program, node).dtype), node.inputs)
