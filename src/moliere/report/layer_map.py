"""A layer of cells seen along the shower axis: its grid lines, and values painted into its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats
from moliere.report.scene import Scene, SceneLayer
from moliere.report.style import GUIDE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Normalize

#: Ring segments are painted as chords of at most this angle (rad).
_CHORD = np.pi / 36


def paint_cells(axes: Axes, layer: SceneLayer, values: Floats, cmap: str, norm: Normalize) -> QuadMesh:
    """Colour the cells of a layer.

    Args:
        axes: square, in mm (or compressed mm).
        layer: true or shown, of a scene.
        values: one a cell, in channel order, (n_cells,).
        cmap: name of a colour map.
        norm: value → position in it.
    """
    table = values.reshape(len(layer.u) - 1, len(layer.v) - 1)
    if layer.kind == "cartesian":
        return axes.pcolormesh(layer.u, layer.v, table.T, rasterized=True, cmap=cmap, norm=norm)
    pieces = max(1, int(np.ceil((layer.u[1] - layer.u[0]) / _CHORD)))
    alpha = np.linspace(layer.u[0], layer.u[-1], pieces * len(table) + 1)
    x, y = np.outer(np.cos(alpha), layer.v), np.outer(np.sin(alpha), layer.v)
    return axes.pcolormesh(x, y, np.repeat(table, pieces, axis=0), rasterized=True, cmap=cmap, norm=norm)


def draw_grid(axes: Axes, layer: SceneLayer, colour: str = GUIDE) -> None:
    """The borders of all cells of a layer."""
    from matplotlib.collections import LineCollection

    lines = _rings_and_spokes(layer) if layer.kind == "polar" else _rows_and_columns(layer)
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.5))
    frame(axes, layer)


def frame(axes: Axes, layer: SceneLayer) -> None:
    """Square axes that hold a layer, without ticks: sizes are said in words."""
    if layer.kind == "polar":
        axes.set(
            xlim=(-1.02 * layer.half_width, 1.02 * layer.half_width),
            ylim=(-1.02 * layer.half_width, 1.02 * layer.half_width),
        )
    else:
        axes.set(xlim=(layer.u[0], layer.u[-1]), ylim=(layer.v[0], layer.v[-1]))
    axes.set_aspect("equal")
    axes.set_axis_off()


def _rings_and_spokes(layer: SceneLayer) -> list[Floats]:
    turn = np.linspace(0, 2 * np.pi, 97)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    rings = [radius * circle for radius in layer.v if radius > 0]
    if len(layer.u) == 2:  # a ring that is not divided has no spoke
        return rings
    ends = np.array([layer.v[0], layer.v[-1]])
    return rings + [np.outer(ends, [np.cos(alpha), np.sin(alpha)]) for alpha in layer.u[:-1]]


def _rows_and_columns(layer: SceneLayer) -> list[Floats]:
    columns = [np.array([[x, layer.v[0]], [x, layer.v[-1]]]) for x in layer.u]
    return columns + [np.array([[layer.u[0], y], [layer.u[-1], y]]) for y in layer.v]


def draw_radii(axes: Axes, scene: Scene, position: int) -> None:
    """Thin circles at 10, 100, 1000 mm where radii are compressed, so that the eye has a scale."""
    from matplotlib.patches import Circle

    if scene.radial_scale is None:
        return
    true, shown = scene.layers[position], scene.shown[position]
    for radius in (10.0, 100.0, 1000.0):
        if true.half_width > radius:
            size = float(np.interp(radius, true.v, shown.v))
            axes.add_patch(Circle((0, 0), size, fill=False, edgecolor="white", linewidth=0.6, linestyle=":", alpha=0.8))
