"""What each ONNX operator is in C: one short function an operator, found by its name."""

from __future__ import annotations

from moliere.deploy.c.graph import Node
from moliere.deploy.c.operators.base import operators
from moliere.deploy.c.program import Program
from moliere.errors import ExportError, UnknownName
from moliere.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["add_node", "operators"]


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
