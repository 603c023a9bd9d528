"""Events as a static picture, painted cell by cell: for paper, for a README, for browsers without WebGL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.report.event_display import EventPair, LitCells, colour_stops, energy_range, outlines
from moliere.report.scene import Scene, SceneLayer, cell_bounds, corners, layer_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sectors are drawn as chords of at most this angle (rad).
_CHORD = np.pi / 12
#: Where the picture is seen from: rotation about the vertical, then tilt towards the eye (rad).
_AZIMUTH, _TILT = 0.51, 0.43
_STAGE, _INK, _FRAME = "#0d1117", "#e6edf3", "#6e7681"
#: The corners of one side of a box, going around.
_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))


def draw_pair(scene: Scene, pair: EventPair) -> Figure:
    """Both events of a pair, reference to the left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.2), facecolor=_STAGE, layout="constrained")
    sides = (("reference", pair.reference), ("generated", pair.generated))
    for axes, (name, lit) in zip(figure.subplots(1, 2), sides, strict=True):
        _draw_cells(axes, scene, lit, energy_range(pair.reference.energies, pair.generated.energies))
        axes.set_title(f"{name}, {pair.title}", color=_INK, fontsize=11)
    return figure


def draw_event(scene: Scene, lit: LitCells, title: str) -> Figure:
    """A single event."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), facecolor=_STAGE, layout="constrained")
    axes = figure.subplots()
    _draw_cells(axes, scene, lit, energy_range(lit.energies))
    axes.set_title(title, color=_INK, fontsize=11)
    return figure


def faces(layers: tuple[SceneLayer, ...], channels: Ints) -> tuple[Floats, Ints]:
    """The surface of cells as flat quadrilaterals.

    Args:
        layers: of a scene, true or shown.
        channels: (n,).

    Returns:
        Quadrilaterals (m, 4, 3) in the order of the channels, and the position in ``channels`` of each, (m,).
    """
    bounds, position = cell_bounds(layers, channels), layer_of(layers, channels)
    quads, owners = [np.empty((0, 4, 3))], [np.empty(0, dtype=np.int64)]
    for k in np.unique(position):
        inside = np.flatnonzero(position == k)
        sides = _sides(bounds[inside], layers[k])
        quads.append(sides.reshape(-1, 4, 3))
        owners.append(np.repeat(inside, sides.shape[1]))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(quads)[order], owner[order]


def _sides(bounds: Floats, layer: SceneLayer) -> Floats:
    """Sides (n, n_sides, 4, 3) of cells (n, 3, 2); a ring segment is a row of boxes without walls between."""
    turn = float(layer.u[1] - layer.u[0])
    pieces = 1 if layer.kind == "cartesian" else int(np.ceil(turn / _CHORD - 1e-9))
    boxes = corners(_cut(bounds, pieces), layer.kind)
    sides = np.concatenate([_end(boxes, axis, end) for axis in range(3) for end in (0, 1)], axis=1)
    sides = sides.reshape(len(bounds), pieces, 6, 4, 3)
    outer = np.ones((pieces, 6), dtype=bool)
    outer[1:, 0] = outer[:-1, 1] = False
    if layer.kind == "polar" and len(layer.u) == 2:
        outer[:, :2] = False
    return sides[:, outer]


def _cut(bounds: Floats, pieces: int) -> Floats:
    """Cells (n, 3, 2) cut along u into ``pieces`` each: (n * pieces, 3, 2)."""
    steps = np.linspace(bounds[:, 0, 0], bounds[:, 0, 1], pieces + 1, axis=1)
    cut = np.repeat(bounds, pieces, axis=0)
    cut[:, 0] = np.stack([steps[:, :-1].ravel(), steps[:, 1:].ravel()], axis=1)
    return cut


def _end(boxes: Floats, axis: int, end: int) -> Floats:
    """One side (n, 1, 4, 3) of boxes (n, 2, 2, 2, 3)."""
    side = np.take(boxes, end, axis=axis + 1)
    return np.stack([side[:, a, b] for a, b in _AROUND], axis=1)[:, None]


def _draw_cells(axes: Axes, scene: Scene, lit: LitCells, limits: tuple[float, float]) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    quads, owner = faces(scene.shown, lit.channels)
    colours = _colours(lit.energies, limits)[owner]
    axes.add_collection(PolyCollection(list(_project(quads)), facecolors=colours))
    lines = [_project(line) for line in outlines(scene.shown)]
    axes.add_collection(LineCollection(lines, colors=_FRAME, linewidths=0.6))
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_axis_off()


def _colours(energies: Floats, limits: tuple[float, float]) -> Floats:
    """Colour and opacity of cells, (n, 4): faint cells nearly transparent, so that the core shows."""
    low, high = limits
    height = np.clip(np.log(energies / low) / np.log(high / low), 0, 1)
    stops = np.array([[int(stop[k : k + 2], 16) / 255 for k in (1, 3, 5)] for stop in colour_stops()])
    return np.column_stack([stops[np.round(height * (len(stops) - 1)).astype(int)], 0.04 + 0.55 * height**2])


def _project(points: Floats) -> Floats:
    """Space → paper, seen from the front left and a little above; shower axis to the right, y up."""
    x, y, z = np.moveaxis(points, -1, 0)
    across = z * np.cos(_AZIMUTH) - x * np.sin(_AZIMUTH)
    away = z * np.sin(_AZIMUTH) + x * np.cos(_AZIMUTH)
    return np.stack([across, y * np.cos(_TILT) + away * np.sin(_TILT)], axis=-1)
