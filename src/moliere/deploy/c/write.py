"""Writes a model as one header and one source file of C99 that need nothing but the C library."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from moliere.deploy.c.arrays import Array
from moliere.deploy.c.formulas import literal
from moliere.deploy.c.graph import C_TYPES, Constant, Graph, read_graph
from moliere.deploy.c.header import LAWS, Header, one_line
from moliere.deploy.c.operators import add_node
from moliere.deploy.c.plan import ALIGNMENT, place
from moliere.deploy.c.program import Call, Program
from moliere.errors import ExportError
from moliere.files import replacing_entries

if TYPE_CHECKING:
    from onnx import ModelProto

#: memory of the showers that are made together, in bytes: what stays near a core
_NEAR = 1 << 19
_MOST_TOGETHER = 16

#: constants of each type, in C
_TABLES = {
    "float32": "weights",
    "float64": "doubles",
    "int64": "wholes",
    "int32": "shorts",
    "bool": "flags",
}


@dataclass(frozen=True)
class Source:
    """A model in C.

    Args:
        name: of the files and the beginning of every name in them.
        header: text of NAME.h.
        code: text of NAME.c.
        channels: signals of a shower.
        workspace: bytes that a caller passes.
        weights: numbers of NAME.bin, where they lie beside the code.
    """

    name: str
    header: str
    code: str
    channels: int
    workspace: int
    weights: bytes | None = None


def save(source: Source, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write the files of a model, all of them or none.

    Raises:
        OutputExists: a file is there.
    """
    with replacing_entries(Path(folder), overwrite=overwrite) as new:
        (new / f"{source.name}.h").write_text(source.header)
        (new / f"{source.name}.c").write_text(source.code)
        if source.weights is not None:
            (new / f"{source.name}.bin").write_bytes(source.weights)


def translate(model: ModelProto, header: Header, *, beside: bool = False) -> Source:
    """A graph as text of C.

    Raises:
        ExportError: the graph holds what is not written in C.
    """
    graph = read_graph(model)
    _check(graph, header)
    program = Program(graph)
    for node in graph.nodes:
        add_node(program, node)
    (signals,) = program.finish()
    tables = program.tables()
    shower = place(program.buffers()) + ALIGNMENT  # one line more, so that showers do not share the lines of a cache
    together = max(1, min(_MOST_TOGETHER, _NEAR // shower))
    weights = tables.pop("float32", []) if beside else None
    facts = _facts(header, graph, shower, together, weights)
    code = _code(program, header, signals, tables, facts, beside=beside)
    data = None if weights is None else np.concatenate([*weights, np.zeros(0, np.float32)]).astype("<f4").tobytes()
    numbers = (int(facts["channels"]), int(facts["workspace"]))
    return Source(header.prefix, _fill("header.h", facts), code, *numbers, data)


def _check(graph: Graph, header: Header) -> None:
    """The graph has the inputs and outputs that the functions have.

    Raises:
        ExportError: it has others.
    """
    given = ((1, header.latent_size), (1, len(header.columns)))
    expected = given if header.columns else given[:1]
    shapes = tuple(graph.kinds[name].shape for name in graph.inputs)
    if shapes != expected or len(graph.outputs) != 1:
        raise ExportError(
            f"the graph takes {', '.join(graph.inputs)} of shapes {shapes} and makes {len(graph.outputs)} output(s); C "
            f"code is written for a latent and a condition of shapes {given[0]} and {given[1]}, and one output"
        )


def _facts(
    header: Header, graph: Graph, shower: int, together: int, weights: Sequence[Constant] | None
) -> Mapping[str, str]:
    """What the templates hold places for."""
    name = header.prefix
    n_weights = 0 if weights is None else sum(part.size for part in weights)
    argument = "" if weights is None else "const float *weights, "
    return {
        "name": name,
        "NAME": name.upper(),
        "about": _about(header),
        "channels": str(graph.kinds[graph.outputs[0]].size),
        "latent": str(header.latent_size),
        "columns": str(len(header.columns)),
        "column_names": ", ".join(f'"{column.name}"' for column in header.columns) or '""',
        "column_list": one_line([", ".join(column.name for column in header.columns) or "none"]),
        "lows": ", ".join(_end(column.low, "-") for column in header.columns) or "0.0",
        "highs": ", ".join(_end(column.high, "") for column in header.columns) or "0.0",
        "particles": ", ".join(map(str, header.particles)),
        "threshold": literal(header.threshold, "float64"),
        "unit": one_line([header.unit]),
        "shower": str(shower),
        "together": str(together),
        "workspace": str(shower * together + ALIGNMENT),
        "weights_argument": argument,
        "weights_name": "" if weights is None else "weights, ",
        "beside": "" if weights is None else _fill("beside.h", {"NAME": name.upper(), "n": str(n_weights)}),
        "draw": _fill("draw.h", {"name": name, "NAME": name.upper()}) if header.is_drawable else "",
        "spots": _fill("spots.h", _spots(header)) if header.spots else "",
    }


def _spots(header: Header) -> Mapping[str, str]:
    places = ("{" + ", ".join(literal(x, "float32").strip("()") for x in spot.place) + "}" for spot in header.spots)
    return {
        "name": header.prefix,
        "NAME": header.prefix.upper(),
        "n_spots": str(len(header.spots)),
        "channels": _rows([str(spot.channel) for spot in header.spots], 20),
        "shares": _rows([literal(spot.share, "float32") for spot in header.spots], 12),
        "places": _rows(list(places), 3),
    }


def _rows(numbers: Sequence[str], width: int) -> str:
    return ",\n".join(", ".join(numbers[k : k + width]) for k in range(0, len(numbers), width))


def _about(header: Header) -> str:
    texts = [
        f"{header.name}: (latent, condition) -> signals in {header.unit} of detector {header.detector or 'unknown'}."
    ]
    texts.append(f"Written by moliere {header.version}. " + (f"Cite: {header.citation}." if header.citation else ""))
    return "\n".join(f" * {line}" for text in texts for line in textwrap.wrap(one_line([text]), 110))


def _end(value: float | None, sign: str) -> str:
    return f"({sign}HUGE_VAL)" if value is None else literal(value, "float64")


def _code(
    program: Program,
    header: Header,
    signals: Array,
    tables: Mapping[str, Sequence[Constant]],
    facts: Mapping[str, str],
    *,
    beside: bool,
) -> str:
    functions = [f"WIDE static void {name}{text}" for text, name in program.functions.items()]
    places = _movements(program, signals)
    given = Template(places["given"]).substitute(facts) or "            (void)condition;\n"
    entry = _fill("generate.c", {**facts, **places, "given": given})
    guard = "\n".join(_conditions(header))
    parts = [
        entry,
        _fill("check.c", {**facts, "strange": guard}),
        _draw(header, facts) if header.is_drawable else "",
        _fill("spots.c", _spots(header)) if header.spots else "",
    ]
    network = _network(program.calls, beside=beside)
    text = "\n".join([*functions, network, *parts])
    pieces = "\n".join(_pieces(text))
    numbers = "\n".join(_table(dtype, parts) for dtype, parts in sorted(tables.items()))
    return "\n".join([_fill("source.c", facts), numbers, pieces, text])


def _movements(program: Program, signals: Array) -> Mapping[str, str]:
    """Where inputs and output of a shower lie."""
    places = [program.inputs[name].buffer.place for name in program.graph.inputs]
    condition = program.inputs[program.graph.inputs[-1]].c_type
    return {
        "latent_place": str(places[0]),
        "given": _fill("given.c", {"type": condition, "place": str(places[1])}) if len(places) > 1 else "",
        "signals_place": str(signals.buffer.place + signals.offset * 4),
    }


def _network(calls: Sequence[Call], *, beside: bool) -> str:
    argument = "const float *weights, " if beside else ""
    lines = [f"APART static void make({argument}int n, unsigned char *memory)", "{"]
    lines += ["    (void)weights; /* where there are none */"] if beside else []
    lines += [] if calls else ["    (void)n;", "    (void)memory;"]
    for call in calls:
        arguments = ["n", *(_place(array) for array in call.arrays), *call.numbers]
        text = textwrap.wrap(f"{call.function}({', '.join(arguments)});", 115, break_long_words=False)
        lines += [f"    {'    ' if k else ''}{line}" for k, line in enumerate(text)]
    return "\n".join([*lines, "}", ""])


def _place(array: Array) -> str:
    offset = array.offset
    if array.buffer.numbers is not None:
        return f"{_TABLES[array.dtype]} + {array.buffer.place + offset}"
    width = array.buffer.n_bytes // max(1, array.buffer.size)
    return f"AT({array.c_type}, {array.buffer.place + offset * width})"


def _table(dtype: str, parts: Sequence[Constant]) -> str:
    pattern = {"float32": "%#.9gf", "float64": "%#.17g"}.get(dtype, "%d")
    numbers = [text for part in parts for text in np.char.mod(pattern, part).tolist()]
    return f"static const {C_TYPES[dtype]} {_TABLES[dtype]}[] = {{\n{_rows(numbers, 12)}\n}};\n"


def _conditions(header: Header) -> Iterator[str]:
    """Columns that may have certain values only."""
    for k, column in enumerate(header.columns):
        if column.values:
            tests = " && ".join(f"condition[{k}] != {literal(value, 'float64')}" for value in column.values)
            yield f"    if ({tests}) return {header.prefix.upper()}_STRANGE;"


def _draw(header: Header, facts: Mapping[str, str]) -> str:
    lines, start = [], 0
    for number, part in enumerate(header.latent):
        scale, share = (literal(value, "float64") for value in (part.scale, part.share))
        arguments = f"{number}, {part.size}, {LAWS.index(part.law)}, {scale}, {share}, latent + {start}"
        lines.append(f"    draw_part(run, event, track, {arguments});")
        start += part.size
    return _fill("draw.c", {**facts, "parts": "\n".join(lines)})


def _pieces(text: str) -> list[str]:
    """The functions of ours that a text calls, and those that they call in turn, in an order that C reads."""
    folder = resources.files("moliere.deploy.c") / "pieces"
    pieces = {Path(entry.name).stem: entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".c")}
    found: dict[str, str] = {}

    def visit(name: str) -> None:
        if name in found:
            return
        for other in _called(pieces[name], set(pieces) - {name}):
            visit(other)
        found[name] = pieces[name]

    for name in _called(text, set(pieces)):
        visit(name)
    return list(found.values())


def _called(text: str, names: set[str]) -> list[str]:
    return sorted(names & set(re.findall(r"\b([a-z]\w*)\(", text)))


def _fill(template: str, facts: Mapping[str, str]) -> str:
    text = (resources.files("moliere.deploy.c") / "templates" / template).read_text()
    return Template(text).substitute(facts)
