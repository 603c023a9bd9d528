"""A network as a sequence of calls of C functions, each of which works on some showers one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from moliere.deploy.c.arrays import Array, Buffer, loops
from moliere.deploy.c.formulas import literal
from moliere.deploy.c.graph import C_TYPES, Constant, Graph, Kind, Node
from moliere.errors import ExportError


@dataclass(frozen=True, eq=False)
class Expression:
    """Numbers that are computed where they are used: formulas of one loop are written into one loop.

    Args:
        kind: of the result.
        formula: C, with {0}, {1}, … for the operands.
        operands: of shapes that broadcast to the result's.
    """

    kind: Kind
    formula: str
    operands: tuple[Expression | Array, ...]


@dataclass(frozen=True)
class Call:
    """One call: a function and where its arguments lie."""

    function: str
    arrays: tuple[Array, ...]
    numbers: tuple[str, ...] = ()


@dataclass
class Program:
    """Calls in the making.

    Args:
        graph: what is to be computed.
        calls: so far.
        functions: text → name of the functions that are made for this network; equal texts are one function.
        values: name → where it lies, or the formula that makes it.
        done: values that were made together with an earlier one.
    """

    graph: Graph
    calls: list[Call] = field(default_factory=list)
    functions: dict[str, str] = field(default_factory=dict)
    values: dict[str, Expression | Array] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Give the inputs their memory."""
        self.users = self.graph.users()
        for name in self.graph.inputs:
            self.values[name] = self.new(self.graph.kinds[name])

    def array(self, name: str) -> Array:
        """Where a value lies; a formula is computed now."""
        value = self.value(name)
        if isinstance(value, Expression):
            value = self.values[name] = self.compute(value)
        return value

    def value(self, name: str) -> Expression | Array:
        """A value as it is."""
        if name not in self.values:
            self.values[name] = self.fixed(self.graph.constants[name])
        return self.values[name]

    def fixed(self, numbers: Constant) -> Array:
        """An array of numbers that are known beforehand."""
        numbers = np.ascontiguousarray(numbers)
        if str(numbers.dtype) not in C_TYPES:
            raise ExportError(f"the graph holds constants of type {numbers.dtype}; export it in float32")
        return Array.whole(Buffer(str(numbers.dtype), numbers.size, numbers), numbers.shape)

    def constant(self, node: Node, position: int) -> Constant | None:
        """An input that must be known beforehand; ``None`` where it is left out.

        Raises:
            ExportError: it depends on the data.
        """
        name = node.inputs[position] if position < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.graph.constants:
            raise ExportError(
                f"input {position} of operator {node.operator} ({name}) depends on the data; in C it must be a constant"
            )
        return self.graph.constants[name]

    def new(self, kind: Kind) -> Array:
        """Memory for a value."""
        return Array.whole(Buffer(kind.dtype, kind.size), kind.shape)

    def is_passing(self, name: str, readers: Sequence[str]) -> bool:
        """Whether a value is read once, by one of these operators and in its own shape, so that a formula will do."""
        users = self.users.get(name, [])
        if len(users) != 1 or name in self.graph.outputs or users[0].operator not in readers:
            return False
        return users[0].operator == "Concat" or self._made(users[0]).size == self.graph.kinds[name].size

    def _made(self, node: Node) -> Kind:
        return self.graph.kinds[node.outputs[0]]

    def compute(self, value: Expression | Array, into: Array | None = None) -> Array:
        """Write numbers into memory: new memory, or some that is there."""
        target = into or self.new(value.kind)
        leaves, lines = _statements(value, target.shape)
        arrays = [array for array in leaves if not _is_literal(array)]
        nest = loops(target.shape, [target.strides, *(array.strides for array in arrays)])
        places = {array: f"in{k}[{_index(nest, 1 + k)}]" for k, array in enumerate(arrays)}
        loads = [
            f"{array.c_type} const x{k} = {places.get(array) or _literal(array)};" for k, array in enumerate(leaves)
        ]
        store = f"out[{_index(nest, 0)}] = {lines[-1]};"
        self.call(list(_nested(nest, [*loads, *lines[:-1], store])), arrays, [target])
        return target

    def copy(self, value: Array) -> Array:
        """The numbers one after the other."""
        return value if value.is_contiguous else self.compute(value)

    def call(self, body: Sequence[str], reads: Sequence[Array], writes: Sequence[Array]) -> None:
        """Call a function made for this network.

        Args:
            body: what it does for one shower, with ``in0``, ``in1``, … and ``out``, ``out1``, … as pointers to the
                first number of each array.
            reads: arrays.
            writes: arrays, in buffers that are not read.
        """
        text = _function(body, reads, writes)
        name = self.functions.setdefault(text, f"step_{len(self.functions)}")
        self.invoke(name, reads, writes)

    def invoke(self, function: str, reads: Sequence[Array], writes: Sequence[Array], *numbers: int | str) -> None:
        """Call a function by its name: the number of showers, the arrays, then the numbers."""
        for array in (*reads, *writes):
            array.buffer.last = len(self.calls)
        for array in writes:
            if array.buffer.first < 0:
                array.buffer.first = len(self.calls)
        self.calls.append(Call(function, (*reads, *writes), tuple(map(str, numbers))))

    def finish(self) -> list[Array]:
        """Compute the outputs and keep inputs and outputs from the first call to the last."""
        outputs = [self.copy(self.array(name)) for name in self.graph.outputs]
        for name in self.graph.inputs:
            self.inputs[name].buffer.first = 0
            self.inputs[name].buffer.last = max(self.inputs[name].buffer.last, 0)
        for array in outputs:
            array.buffer.last = len(self.calls)
        return outputs

    @property
    def inputs(self) -> Mapping[str, Array]:
        """Where the inputs lie."""
        found = {name: self.values[name] for name in self.graph.inputs}
        return {name: value for name, value in found.items() if isinstance(value, Array)}

    def buffers(self) -> list[Buffer]:
        """Memory that is computed during the program, each once."""
        found = {id(array.buffer): array.buffer for call in self.calls for array in call.arrays}
        found |= {id(array.buffer): array.buffer for array in self.inputs.values()}
        return [buffer for buffer in found.values() if buffer.numbers is None]

    def tables(self) -> dict[str, list[Constant]]:
        """Numbers that are known beforehand, by type, each once; sets their places."""
        tables: dict[str, list[Constant]] = {}
        places: dict[tuple[str, bytes], int] = {}
        lengths: dict[str, int] = {}
        for array in (array for call in self.calls for array in call.arrays):
            numbers = array.buffer.numbers
            if numbers is None or array.buffer.place >= 0:
                continue
            key = (array.dtype, numbers.tobytes())
            if key not in places:
                places[key] = lengths.get(array.dtype, 0)
                lengths[array.dtype] = places[key] + numbers.size
                tables.setdefault(array.dtype, []).append(numbers.ravel())
            array.buffer.place = places[key]
        return tables


def _statements(value: Expression | Array, shape: tuple[int, ...]) -> tuple[list[Array], list[str]]:
    """The arrays that a formula reads, and its statements; the last line is the result, without its target."""
    leaves: dict[Array, int] = {}
    lines: list[str] = []

    def visit(part: Expression | Array) -> str:
        if isinstance(part, Array):
            return f"x{leaves.setdefault(part.expand(shape), len(leaves))}"
        text = part.formula.format(*(visit(operand) for operand in part.operands))
        lines.append(f"{C_TYPES[part.kind.dtype]} const y{len(lines)} = {text};")
        return f"y{len(lines) - 1}"

    result = visit(value)
    return list(leaves), [*lines, result]


def _is_literal(array: Array) -> bool:
    numbers = array.buffer.numbers
    return numbers is not None and (numbers.size > 0 and bool((numbers == numbers.flat[0]).all()))


def _literal(array: Array) -> str:
    assert array.buffer.numbers is not None
    return literal(array.buffer.numbers.flat[0], array.dtype)


def _index(nest: Sequence[tuple[int, tuple[int, ...]]], which: int) -> str:
    """Where an array is read inside the loops."""
    terms = [f"{'ijklmno'[k]} * {steps[which]}" for k, (_, steps) in enumerate(nest) if steps[which]]
    return " + ".join(term.removesuffix(" * 1") for term in terms) or "0"


def _nested(nest: Sequence[tuple[int, tuple[int, ...]]], lines: Sequence[str]) -> Iterator[str]:
    """Loops around lines."""
    for depth, (length, _) in enumerate(nest):
        name = "ijklmno"[depth]
        yield f"{'    ' * depth}for (int {name} = 0; {name} < {length}; ++{name}) {{"
    yield from ("    " * len(nest) + line for line in lines)
    for depth in reversed(range(len(nest))):
        yield "    " * depth + "}"


def _function(body: Sequence[str], reads: Sequence[Array], writes: Sequence[Array]) -> str:
    """Parameters and body of a function that works on n showers; what is known beforehand is the same for all."""
    parameters, moves = [], []
    for prefix, arrays in (("in", reads), ("out", writes)):
        for k, array in enumerate(arrays):
            name = prefix if prefix == "out" and k == 0 else f"{prefix}{k}"
            parameters.append(f"{'const ' if prefix == 'in' else ''}{array.c_type} *restrict {name}")
            if array.buffer.numbers is None:
                moves.append(f"{name} += SHOWER / sizeof *{name};")
    lines = ["    for (int shower = 0; shower < n; ++shower) {"]
    lines += ["        " + line for line in (*body, *moves)]
    return f"(int n, {', '.join(parameters)})\n{{\n" + "\n".join([*lines, "    }"]) + "\n}\n"
