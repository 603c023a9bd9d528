"""Pairs of observables: both samples of one pair side by side, and all pairs in one square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.evaluation.findings.planes import Plane, Planes
from moliere.evaluation.result import Report
from moliere.report.section import Picture, Section, draw
from moliere.report.style import (
    ENERGY,
    RATIO,
    colours,
    draw_energy_key,
    draw_ratio_key,
    energy_norm,
    lit,
    log_ticks,
    new_figure,
    ratio,
    ratio_norm,
    style,
)
from moliere.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

_TITLES = ("reference", "generated", "generated / reference")
#: inches
_WIDTH, _ROW, _CELL = 11.0, 3.4, 1.35


@draw.register
def _(finding: Planes, report: Report, detector: Detector) -> Sequence[Section]:
    """The first pair in full, the others in one square."""
    del report, detector
    if not finding.planes:
        return ()
    first, *others = finding.planes
    title = " against ".join(first.names[::-1])
    pictures = [Picture("plane", draw_plane(first), title, broad=True, table=plane_table(first))]
    if others:
        notes = ("reference below the diagonal, generated above; colours are logarithmic, the same for both of a pair",)
        pictures.append(Picture("pairs", draw_pairs(others), "All pairs of columns", notes, broad=True))
    return (Section("planes", finding.title, tuple(pictures)),)


def draw_plane(plane: Plane) -> Figure:
    """Share of all events in each bin of both samples and their ratio; below, how rare events are in each bin."""
    rows = [(plane.reference, plane.generated, "share of all events in a bin")]
    if plane.reference_rareness:
        rows.append((plane.reference_rareness, plane.generated_rareness, "mean distance to neighbours"))
    with style():
        figure = new_figure(_WIDTH, _ROW * len(rows))
        grid = figure.subplots(len(rows), 3, squeeze=False, gridspec_kw=_box(len(rows)))
        for line, (one, other, label) in zip(grid, rows, strict=True):
            _draw_row(figure, list(line), plane, (np.asarray(one), np.asarray(other)), label)
        for axes, title in zip(grid[0], _TITLES, strict=True):
            axes.set_title(title)
    return figure


def _box(rows: int) -> dict[str, float]:
    margin = 0.9 / (_ROW * rows)
    return {
        "left": 0.065,
        "right": 0.99,
        "bottom": margin,
        "top": 1 - 0.3 / (_ROW * rows),
        "wspace": 0.2,
        "hspace": 0.5,
    }


def _draw_row(figure: Figure, line: list[Axes], plane: Plane, samples: tuple[Floats, Floats], label: str) -> None:
    norm = energy_norm(np.concatenate([sample.ravel() for sample in samples]))
    for axes, sample in zip(line, samples, strict=False):
        _paint(axes, plane, lit(sample), ENERGY, norm)
    _paint(line[2], plane, ratio(*samples), RATIO, ratio_norm())
    for axes in line:
        axes.set_xlabel(plane.labels[0], labelpad=1)
    line[0].set_ylabel(plane.labels[1], labelpad=1)
    key = _below(figure, line[:2])
    draw_energy_key(figure, key, norm, label)
    draw_ratio_key(figure, _below(figure, line[2:]), ratio_norm())


def _below(figure: Figure, line: list[Axes]) -> Axes:
    """A place for a colour scale below some axes."""
    left, right = line[0].get_position(), line[-1].get_position()
    height = figure.get_figheight()
    width = right.x1 - left.x0
    return figure.add_axes((left.x0 + 0.2 * width, left.y0 - 0.55 / height, 0.6 * width, 0.08 / height))


def _paint(axes: Axes, plane: Plane, values: Floats, cmap: str, norm: Normalize) -> None:
    axes.pcolormesh(plane.x_edges, plane.y_edges, values.T, cmap=colours(cmap), norm=norm, rasterized=True)
    if plane.log[0]:
        axes.set_xscale("log")
        log_ticks(axes, "x")
    if plane.log[1]:
        axes.set_yscale("log")
        log_ticks(axes, "y")
    axes.tick_params(labelsize=7.5)


def draw_pairs(planes: Sequence[Plane]) -> Figure:
    """All pairs of columns: the reference below the diagonal, generated above it with the axes exchanged."""
    names = list(dict.fromkeys(name for plane in planes for name in plane.names))
    labels = {name: label for plane in planes for name, label in zip(plane.names, plane.labels, strict=True)}
    size = _CELL * len(names)
    with style():
        figure = new_figure(size + 0.4, size + 0.4)
        grid = figure.subplots(len(names), len(names), squeeze=False, gridspec_kw=_square())
        for axes in grid.ravel():
            axes.set_axis_off()
        for plane in planes:
            first, second = (names.index(name) for name in plane.names)
            _paint_pair(grid[second, first], grid[first, second], plane)
        for k, name in enumerate(names):
            grid[k, k].text(
                0.5, 0.5, labels[name].replace(" (", "\n("), ha="center", va="center", transform=grid[k, k].transAxes
            )
    return figure


def _square() -> dict[str, float]:
    return {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.99, "wspace": 0.06, "hspace": 0.06}


def _paint_pair(below: Axes, above: Axes, plane: Plane) -> None:
    reference, generated = np.asarray(plane.reference), np.asarray(plane.generated)
    norm = energy_norm(np.concatenate([reference.ravel(), generated.ravel()]))
    below.pcolormesh(plane.x_edges, plane.y_edges, lit(reference).T, cmap=colours(ENERGY), norm=norm, rasterized=True)
    above.pcolormesh(plane.y_edges, plane.x_edges, lit(generated), cmap=colours(ENERGY), norm=norm, rasterized=True)
    for axes in (below, above):
        axes.set_axis_on()
        axes.minorticks_off()
        axes.set_xticks([])
        axes.set_yticks([])


def plane_table(plane: Plane) -> Table:
    """Every bin: its edges, and the shares of both samples."""
    x, y = (np.asarray(edges) for edges in (plane.x_edges, plane.y_edges))
    n_x, n_y = len(x) - 1, len(y) - 1
    return {
        f"{plane.labels[0]} low": np.repeat(x[:-1], n_y).tolist(),
        f"{plane.labels[0]} high": np.repeat(x[1:], n_y).tolist(),
        f"{plane.labels[1]} low": np.tile(y[:-1], n_x).tolist(),
        f"{plane.labels[1]} high": np.tile(y[1:], n_x).tolist(),
        "reference": np.ravel(plane.reference).tolist(),
        "generated": np.ravel(plane.generated).tolist(),
    }
