"""A picture of a model's networks: every layer with weights, what comes out of it, and where the weights are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Protocol

from moliere.files import replacing


class Part(Protocol):
    """A layer, or what is made of layers; see :class:`moliere.models.structure.Part`, which this room must not know."""

    @property
    def name(self) -> str:
        """In the part that it belongs to."""

    @property
    def kind(self) -> str:
        """Its class."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what comes out, for one event."""

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""

    @property
    def parts(self) -> Sequence[Part]:
        """What it is made of."""

    @property
    def repeats(self) -> int:
        """So many of them follow each other."""


_ROW, _INDENT, _GAP, _MARGIN = 20, 12, 24, 16
_COLUMN, _BAR, _CHARACTER = 430, 90, 6.3
#: a column is full when it has so many rows; the next network starts another one
_FULL = 34
_SAID = (
    "From top to bottom as called first; layers without weights are left out.",
    "Right: numbers that come out for one event, and weights (the redder, the more).",
)
_STYLE = (
    "text{font:11px sans-serif;fill:#1a1d22}.head{font-weight:600}.title{font-size:15px;font-weight:600}"
    ".soft{fill:#5c6670}.frame{fill:none;stroke:#b9c1c9}.layer{fill:#eef1f4}.bar{fill:#c2410c}"
)


@dataclass(frozen=True)
class _Row:
    """A line of the picture.

    Args:
        part: what it says.
        depth: how many frames it lies in.
        rows: how many lines its frame has; 1 for a layer.
    """

    part: Part
    depth: int
    rows: int


def save_network(model: Part, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write the picture as SVG.

    Args:
        model: its parts are the networks.
        path: the file to write.
        overwrite: replace what is there.

    Raises:
        OutputExists: the file exists and ``overwrite`` is not set.
    """
    with replacing(Path(path), overwrite=overwrite) as partial:
        partial.write_text(draw_network(model), encoding="utf-8")
    return Path(path)


def draw_network(model: Part) -> str:
    """The picture as SVG: networks side by side, in each the layers from its input down to its output."""
    columns = _columns([list(_rows(part, 0)) for part in model.parts or (model,)])
    most = max(sum(map(len, column)) + len(column) for column in columns)
    width = 2 * _MARGIN + len(columns) * (_COLUMN + _GAP) - _GAP
    height = 2 * _MARGIN + (most + 3.5) * _ROW
    largest = max(row.part.parameters for column in columns for rows in column for row in rows if not row.part.parts)
    body = [_text(_MARGIN, _MARGIN + 12, f"{model.name}: {model.parameters:,} weights", "title")]
    body += [_text(_MARGIN, _MARGIN + 30 + 15 * k, said, "soft") for k, said in enumerate(_SAID)]
    for k, column in enumerate(columns):
        top = _MARGIN + 3.1 * _ROW
        for rows in column:
            body += _draw(rows, _MARGIN + k * (_COLUMN + _GAP), top, largest)
            top += (len(rows) + 1) * _ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
    head += f'height="{height:g}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, *body, "</svg>\n"])


def _rows(part: Part, depth: int) -> Iterator[_Row]:
    inside = [row for inner in part.parts for row in _rows(inner, depth + 1)]
    yield _Row(part, depth, 1 + len(inside))
    yield from inside


def _columns(networks: list[list[_Row]]) -> list[list[list[_Row]]]:
    """Networks sorted into columns; one that is longer than a column has one of its own."""
    columns: list[list[list[_Row]]] = [[]]
    for rows in networks:
        if columns[-1] and sum(map(len, columns[-1])) + len(rows) > _FULL:
            columns.append([])
        columns[-1].append(rows)
    return columns


def _draw(rows: list[_Row], left: float, top: float, largest: int) -> Iterator[str]:
    for k, row in enumerate(rows):
        part, x, y = row.part, left + row.depth * _INDENT, top + k * _ROW
        width = _COLUMN - 2 * row.depth * _INDENT
        if part.parts:
            yield f'<rect class="frame" x="{x}" y="{y:g}" width="{width}" height="{row.rows * _ROW - 3}" rx="4"/>'
        else:
            yield f'<rect class="layer" x="{x}" y="{y:g}" width="{width}" height="{_ROW - 3}" rx="3"/>'
            # a square root: that of one weight in ten is still to be seen
            share = math.sqrt(part.parameters / largest)
            yield f'<rect class="bar" x="{x}" y="{y:g}" width="4" height="{_ROW - 3}" opacity="{share:.2f}"/>'
        name = f"{part.name} × {part.repeats}" if part.repeats > 1 else part.name
        right = left + _COLUMN - row.depth * _INDENT - 8
        shape, weights = " × ".join(f"{size:,}" for size in part.shape), f"{part.parameters * part.repeats:,}"
        room = int((right - _BAR - x - 12) / _CHARACTER) - len(shape)
        yield _text(x + 10, y + 13, name, "head" if part.parts else "")
        if room > len(name) + 3:
            yield _text(x + 18 + _CHARACTER * len(name), y + 13, _short(part.kind, room - len(name)), "soft")
        yield _text(right - _BAR, y + 13, shape, "", "end")
        yield _text(right, y + 13, weights, "soft", "end")


def _short(words: str, room: int) -> str:
    return words if len(words) <= room else words[: max(room - 1, 1)] + "…"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    said = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{said}>{escape(words)}</text>'
