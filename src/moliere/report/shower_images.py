"""The average shower, layer by layer: reference, generated and their ratio below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.report.colour_scale import (
    ENERGY,
    RATIO,
    draw_energy_key,
    draw_ratio_key,
    energy_norm,
    lit,
    ratio,
    ratio_norm,
)
from moliere.report.layer_map import draw_radii, frame, paint_cells
from moliere.report.plots import with_unit
from moliere.report.scene import Scene, SceneLayer
from moliere.report.style import new_figure, style

if TYPE_CHECKING:
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

_ROWS = ("reference", "generated", "generated /\nreference")
#: Width of a figure and height of what is not a panel, in inches.
_WIDTH, _MARGIN = 11.0, 1.15


def draw_average_showers(
    scene: Scene, reference: Floats, generated: Floats, chosen: Sequence[int] | None = None
) -> Figure:
    """One column a layer: mean energy a cell of both samples, and their ratio.

    Args:
        scene: of the detector.
        reference: mean signal of each channel, (n_channels,).
        generated: the same of the generated sample.
        chosen: positions of the layers to draw; all by default.
    """
    chosen = range(len(scene.layers)) if chosen is None else chosen
    columns = max(5, len(chosen))
    panel = 0.9 * _WIDTH / columns
    height = 3 * panel + _MARGIN
    with style():
        figure = new_figure(_WIDTH, height)
        box = {"left": 0.085, "right": 0.995, "bottom": 0.7 / height, "top": 1 - 0.42 / height}
        grid = figure.subplots(3, columns, squeeze=False, gridspec_kw={**box, "wspace": 0.05, "hspace": 0.05})
        norms = energy_norm(np.concatenate([reference, generated])), ratio_norm()
        for column, position in zip(grid.T, chosen, strict=False):
            _draw_layer(column, scene, position, (reference, generated), norms)
        for axes in grid[:, len(chosen) :].ravel():
            axes.set_axis_off()
        for axes, name in zip(grid[:, 0], _ROWS, strict=True):
            axes.text(-0.06, 0.5, name, transform=axes.transAxes, ha="right", va="center")
        _draw_keys(figure, norms, scene.unit, height)
    return figure


def _draw_layer(
    column: NDArray[Any],
    scene: Scene,
    position: int,
    means: tuple[Floats, Floats],
    norms: tuple[LogNorm, LogNorm],
) -> None:
    true, shown = scene.layers[position], scene.shown[position]
    reference, generated = (mean[_channels(shown)] for mean in means)
    paint_cells(column[0], shown, lit(reference), cmap=ENERGY, norm=norms[0])
    paint_cells(column[1], shown, lit(generated), cmap=ENERGY, norm=norms[0])
    paint_cells(column[2], shown, ratio(reference, generated), cmap=RATIO, norm=norms[1])
    for axes in column:
        frame(axes, shown)
        draw_radii(axes, scene, position)
    size = f"r < {true.half_width:g} mm" if true.kind == "polar" else f"{np.ptp(true.u):g} × {np.ptp(true.v):g} mm"
    column[0].set_title(f"{true.label}\n{size}", loc="center", fontsize=8, parse_math=False)


def _channels(layer: SceneLayer) -> slice:
    return slice(layer.first, layer.first + (len(layer.u) - 1) * (len(layer.v) - 1))


def _draw_keys(figure: Figure, norms: tuple[LogNorm, LogNorm], unit: str, height: float) -> None:
    """Both colour scales at the foot."""
    left, right = (figure.add_axes((x, 0.47 / height, width, 0.12 / height)) for x, width in ((0.1, 0.5), (0.7, 0.25)))
    draw_energy_key(figure, left, norms[0], with_unit("mean energy in a cell", unit))
    draw_ratio_key(figure, right, norms[1])
