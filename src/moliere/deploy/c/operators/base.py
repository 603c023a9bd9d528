"""The registry of operators in C, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.formulas import ARITHMETIC, LOGIC
from moliere.deploy.c.graph import Kind, Node
from moliere.deploy.c.program import Expression, Program
from moliere.registry import Registry

#: adds what an operator does to a program
Operator = Callable[[Program, Node], None]

operators: Registry[Operator] = Registry("operator")

#: operators that can work on a formula instead of on numbers in memory
_TAKING_FORMULAS = (*ARITHMETIC, *LOGIC, "Where", "Cast", "Concat")


def made(program: Program, node: Node) -> Kind:
    """What a node makes."""
    return program.graph.kinds[node.outputs[0]]


def set_formula(program: Program, node: Node, formula: str, operands: Sequence[str]) -> None:
    """File a formula; it is computed at once unless the one operator that reads it can take it in."""
    (name,) = node.outputs
    value = Expression(made(program, node), formula, tuple(program.value(operand) for operand in operands))
    passing = program.is_passing(name, _TAKING_FORMULAS)
    program.values[name] = value if passing else program.compute(value)


def with_last(program: Program, array: Array, axis: int) -> Array:
    """The numbers one after the other, one axis fastest: (outer, length)."""
    turned = array.transpose(_last(len(array.shape), axis))
    length = turned.shape[-1]
    flat = program.copy(turned).reshape((turned.size // length, length))
    assert flat is not None
    return flat


def _last(rank: int, axis: int) -> tuple[int, ...]:
    return (*(k for k in range(rank) if k != axis % rank), axis % rank)


def set_back(program: Program, name: str, flat: Array, like: Array, axis: int) -> None:
    """File a result that was made with one axis fastest, its axes in their own order."""
    order = _last(len(like.shape), axis)
    turned = flat.reshape((*(like.shape[k] for k in order[:-1]), flat.shape[-1]))
    assert turned is not None
    program.values[name] = turned.transpose(tuple(int(k) for k in np.argsort(order)))
