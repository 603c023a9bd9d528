"""A picture of a detector: its layers from the side, its material, and the grids from the front."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Detector, Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.phase_space import PhaseSpace
from moliere.detectors.surface_array import SurfaceArray
from moliere.errors import DetectorError
from moliere.files import replacing
from moliere.report.scene import Scene, SceneLayer, build_scene
from moliere.report.style import GENERATED, GUIDE, colours, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Normalize


#: Most grids shown from the front.
_MAX_GRIDS = 6


def save_picture(detector: Detector, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a picture of a detector; the suffix (``.png``, ``.svg``, ``.pdf``) says in which format.

    Args:
        detector: from the catalogue or a user's own.
        path: the file to write.
        overwrite: replace what is there.

    Raises:
        DetectorError: this kind of detector has no picture yet, or the suffix is of no picture format.
        OutputExists: the file exists and ``overwrite`` is not set.
    """
    path = Path(path)
    figure = draw_detector(detector)
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".") not in kinds:
        raise DetectorError(
            f"cannot write a picture to {path.name}: expected a suffix among .{', .'.join(sorted(kinds))}"
        )
    with replacing(path, overwrite=overwrite) as partial, style():
        figure.savefig(partial, format=path.suffix.lstrip("."), dpi=160, facecolor="white", bbox_inches="tight")
    return path


@singledispatch
def draw_detector(detector: Detector) -> Figure:
    """The picture as a figure; a kind of detector registers its own with ``draw_detector.register``.

    Raises:
        DetectorError: this kind of detector has no picture yet.
    """
    raise DetectorError(f"{detector.name} is a {detector.kind}, of which there is no picture")


@draw_detector.register(SurfaceArray)
def _draw_surface_array(detector: SurfaceArray) -> Figure:
    """The stations from above."""
    with style():
        figure = new_figure(6.0, 6.0)
        axes = figure.add_axes((0.13, 0.1, 0.84, 0.8))
        axes.plot(*detector.stations[:, :2].T / 1e6, "o", color=GENERATED, markersize=6, markerfacecolor="none")
        axes.set_aspect("equal")
        axes.set(xlabel="x (km)", ylabel="y (km)")
        traces = f"{detector.n_bins} bins of {detector.bin_width:g} ns"
        axes.set_title(f"{detector.name}: {detector.n_stations} stations × {traces}")
    return figure


@draw_detector.register(PhaseSpace)
def _draw_phase_space(detector: PhaseSpace) -> Figure:
    """The columns with their ranges: all there is to see of a particle flux."""
    with style():
        figure = new_figure(6.0, 0.34 * len(detector.columns) + 0.9)
        axes = figure.add_axes((0.2, 0.08, 0.76, 0.99 - 0.65 / figure.get_figheight()))
        axes.barh(range(len(detector.columns)), 1.0, height=0.55, color=GENERATED, alpha=0.15)
        for k, column in enumerate(detector.columns):
            for x, bound, side in ((0.01, column.low, "left"), (0.99, column.high, "right")):
                axes.text(x, k, f"{bound:g}", ha=side, va="center", fontsize=8)
        names = [f"{column.name} ({column.unit})" if column.unit else column.name for column in detector.columns]
        axes.set_yticks(range(len(names)), names)
        axes.set(xticks=[], xlim=(0, 1))
        axes.invert_yaxis()
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_title(f"{detector.name}: {detector.n_channels} columns and their ranges")
    return figure


@draw_detector.register(Calorimeter)
def _draw_calorimeter(detector: Calorimeter) -> Figure:
    scene, chosen = build_scene(detector), _distinct(detector)
    with style():
        figure = new_figure(10.5, 7.0)
        rows = figure.add_gridspec(
            2, 1, height_ratios=(1.7, 1), hspace=0.6, left=0.07, right=0.98, top=0.91, bottom=0.02
        )
        side = figure.add_subplot(rows[0])
        _draw_side(side, scene)
        if detector.stack and scene.z_unit == "mm":
            _draw_material(side, detector)
        cells = rows[1].subgridspec(1, max(4, len(chosen)), wspace=0.08)
        for column, position in enumerate(chosen):
            axes = figure.add_subplot(cells[column])
            draw_grid(axes, scene.shown[position])
            axes.set_title(_grid_words(scene.layers[position]), fontsize=7.5, loc="center")
        title = f"{detector.name}: {detector.n_channels:,} cells in {len(scene.layers)} layers"
        figure.suptitle(title, x=0.07, ha="left", fontsize=11)
    return figure


def _distinct(detector: Calorimeter) -> list[int]:
    """Positions of the first layers of each different grid."""
    grids = detector.grids
    return [k for k, grid in enumerate(grids) if grid not in grids[:k]][:_MAX_GRIDS]


def _grid_words(layer: SceneLayer) -> str:
    n_u, n_v = len(layer.u) - 1, len(layer.v) - 1
    if layer.kind == "polar":
        sectors = f"{n_u} sectors × " if n_u > 1 else ""
        return f"{layer.label}\n{sectors}{n_v} rings\nr < {layer.half_width:g} mm"
    return f"{layer.label}\n{n_u} × {n_v} cells\n{np.ptp(layer.u):g} × {np.ptp(layer.v):g} mm"


def _draw_side(axes: Axes, scene: Scene) -> None:
    """Depth to the right, distance from the axis upwards; compressed radii keep their true labels."""
    from matplotlib.collections import LineCollection

    for layer in scene.layers:
        low, high = _extent(layer)
        axes.fill_between(layer.z, low, high, facecolor=GENERATED, alpha=0.12, linewidth=0)
        lines = [[(layer.z[0], edge), (layer.z[1], edge)] for edge in _edges_from_side(layer)]
        axes.add_collection(LineCollection(lines, colors=GENERATED, linewidths=0.3))
        axes.vlines(layer.z, low, high, colors=GENERATED, linewidths=0.3)
    _name_layers(axes, scene)
    _scale_side(axes, scene)
    axes.axhline(0, color=GUIDE, linewidth=0.6, linestyle="--")
    axes.margins(x=0.01)


def _scale_side(axes: Axes, scene: Scene) -> None:
    polar = scene.layers[0].kind == "polar"
    if scene.radial_scale is not None:
        axes.set_yscale("asinh", linear_width=scene.radial_scale)
        decades = [radius for radius in (10, 100, 1000) if radius < max(layer.half_width for layer in scene.layers)]
        axes.set_yticks([-radius for radius in decades] + [0, *decades], minor=False)
    axes.yaxis.set_major_formatter(lambda y, _: f"{abs(y) if polar else y:g}")
    axes.set_ylabel("r (mm)" if polar else "y (mm)")
    axes.set_xlabel("depth (mm)" if scene.z_unit == "mm" else "layers in order: no depths are known", loc="left")
    if scene.z_unit == "layer":
        axes.set_xticks([])


def _extent(layer: SceneLayer) -> tuple[float, float]:
    edges = _edges_from_side(layer)
    return float(edges[0]), float(edges[-1])


def _edges_from_side(layer: SceneLayer) -> Floats:
    return layer.v if layer.kind == "cartesian" else np.unique(np.concatenate([-layer.v, layer.v]))


def _name_layers(axes: Axes, scene: Scene) -> None:
    """Names above the layers; where there are many, only some."""
    step = -(-len(scene.layers) // 9)
    for layer in scene.layers[::step]:
        middle = sum(layer.z) / 2
        axes.annotate(
            layer.label,
            (middle, _extent(layer)[1]),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )


def _draw_material(axes: Axes, detector: Calorimeter) -> None:
    """The plates as a coloured band below the layers."""
    from matplotlib import colormaps

    faces = np.cumsum([0.0] + [plate.thickness for plate in detector.stack])
    materials = list(dict.fromkeys(plate.material for plate in detector.stack))
    below = axes.inset_axes((0, -0.22, 1, 0.05), sharex=axes)
    for colour, material in enumerate(materials):
        spans = [(faces[k], plate.thickness) for k, plate in enumerate(detector.stack) if plate.material == material]
        below.broken_barh(spans, (0, 1), facecolor=colormaps["tab10"](colour % 10), label=material, linewidth=0)
    below.set_axis_off()
    below.legend(loc="lower right", bbox_to_anchor=(1, 0.8), ncols=len(materials), fontsize=7, handlelength=1)


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
        return axes.pcolormesh(layer.u, layer.v, table.T, rasterized=True, cmap=colours(cmap), norm=norm)
    pieces = max(1, int(np.ceil((layer.u[1] - layer.u[0]) / _CHORD)))
    alpha = np.linspace(layer.u[0], layer.u[-1], pieces * len(table) + 1)
    x, y = np.outer(np.cos(alpha), layer.v), np.outer(np.sin(alpha), layer.v)
    cells = np.repeat(table, pieces, axis=0)
    return axes.pcolormesh(x, y, cells, rasterized=True, cmap=colours(cmap), norm=norm)


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
