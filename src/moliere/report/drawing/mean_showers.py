"""The part of the page about average showers: profiles, projections and images, all energies first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.surface_array import SurfaceArray
from moliere.evaluation.findings.mean_showers import MeanShower, MeanShowers
from moliere.evaluation.result import Report
from moliere.report.detector_picture import draw_radii, frame, paint_cells
from moliere.report.footprints import mean_footprint
from moliere.report.plots import with_unit
from moliere.report.profiles import draw_longitudinal, draw_radial
from moliere.report.projection_picture import draw_projections, projection_table
from moliere.report.projections import build_lattice, project
from moliere.report.scene import Scene, SceneLayer, build_scene
from moliere.report.section import Picture, Section, draw, file_name
from moliere.report.style import (
    ENERGY,
    RATIO,
    draw_energy_key,
    draw_ratio_key,
    energy_norm,
    lit,
    new_figure,
    ratio,
    ratio_norm,
    style,
)
from moliere.report.tables import cells_table, longitudinal_table, radial_table
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure


#: Layers side by side in one figure.
_ROW_OF_LAYERS = 9


@dataclass(frozen=True, eq=False)
class _Average:
    """An average shower of both samples in its detector.

    Args:
        detector: what was read out.
        scene: of it.
        means: reference and generated mean signal of each channel, (n_channels,) each.
        energy: incident energy in MeV, ``None`` for all events together.
    """

    detector: Calorimeter
    scene: Scene
    means: tuple[Floats, Floats]
    energy: float | None

    @property
    def words(self) -> str:
        return "all energies" if self.energy is None else format_energy(self.energy)

    @property
    def name(self) -> str:
        return "all" if self.energy is None else file_name(f"{self.energy:.6g}MeV")


@draw.register
def _(finding: MeanShowers, report: Report, detector: Detector) -> Sequence[Section]:
    del report
    return draw_means(detector, finding.showers) if finding.showers else ()


@singledispatch
def draw_means(detector: Detector, showers: Sequence[MeanShower]) -> Sequence[Section]:
    """Average events of one kind of detector; nothing where nobody has said how they look.

    Args:
        detector: what was read out.
        showers: over all events first.
    """
    del detector, showers
    return ()


@draw_means.register
def _(detector: SurfaceArray, showers: Sequence[MeanShower]) -> Sequence[Section]:
    return (Section("ground", "Average footprint", (mean_footprint(showers[0], detector),)),)


@draw_means.register
def _(detector: Calorimeter, showers: Sequence[MeanShower]) -> Sequence[Section]:
    """Profiles, projections and average showers: all events open, single energies and further layers folded."""
    scene = build_scene(detector)
    averages = [
        _Average(detector, scene, (np.asarray(mean.reference), np.asarray(mean.generated)), mean.energy)
        for mean in showers
    ]
    first, *others = averages
    spread, blocks = _spread(len(scene.layers)), _blocks(len(scene.layers))
    parts = []
    if len(blocks) > 1:
        every = tuple(_cells_picture(first, block) for block in blocks)
        parts.append(Section("showers-layers", "Every layer", every))
    for shower in _ends_and_middle(others):
        pictures = *_profiles(shower), _cells_picture(shower, spread)
        parts.append(Section(f"showers-{shower.name}", f"At {shower.words}", pictures))
    shown = *_profiles(first), *_projections(first), _cells_picture(first, spread)
    return (Section("showers", "Average showers", shown, tuple(parts)),)


def _blocks(n_layers: int) -> list[range]:
    return [range(first, min(first + _ROW_OF_LAYERS, n_layers)) for first in range(0, n_layers, _ROW_OF_LAYERS)]


def _spread(n_layers: int) -> list[int]:
    """As many layers as fit side by side, evenly chosen, first and last among them."""
    return [round(layer) for layer in np.linspace(0, n_layers - 1, min(n_layers, _ROW_OF_LAYERS))]


def _ends_and_middle(showers: Sequence[_Average]) -> list[_Average]:
    """The lowest, the middle and the highest energy: the page stays small, and report.json has the others."""
    return [showers[k] for k in sorted({0, len(showers) // 2, len(showers) - 1})] if showers else []


def _profiles(shower: _Average) -> tuple[Picture, Picture]:
    given = shower.detector, *shower.means
    return (
        Picture(
            f"longitudinal-{shower.name}",
            draw_longitudinal(*given),
            f"Mean energy of each layer, {shower.words}",
            (f"The layers: {'; '.join(named)}.",) if (named := shower.detector.atlas_parts) else (),
            table=longitudinal_table(*given),
        ),
        Picture(
            f"radial-{shower.name}",
            draw_radial(*given),
            f"Energy beyond a radius, {shower.words}",
            table=radial_table(*given),
        ),
    )


def _projections(shower: _Average) -> tuple[Picture, ...]:
    """Three planes; none where there is one layer only, or layers that share no edges."""
    lattice = build_lattice(shower.detector, shower.scene)
    if lattice is None or len(shower.scene.layers) == 1:
        return ()
    sums = [project(shower.detector, lattice, mean) for mean in shower.means]
    table = projection_table(lattice, sums[0], sums[1], shower.scene.unit)
    title = f"Mean shower from the front, from above and from the side, {shower.words}"
    notes = "Energy summed over the third axis; grey holds none.", *_lengths_note(shower.scene)
    figure = draw_projections(shower.scene, lattice, sums[0], sums[1])
    return (Picture(f"projections-{shower.name}", figure, title, notes, broad=True, table=table),)


def _cells_picture(shower: _Average, layers: Sequence[int]) -> Picture:
    name = f"showers-{shower.name}-{layers[0]}-{layers[-1]}-{len(layers)}"
    title, table = f"Mean energy of each cell, {shower.words}", cells_table(shower.scene, *shower.means, layers)
    figure = draw_average_showers(shower.scene, *shower.means, layers)
    left_out = len(shower.scene.layers) - len(layers)
    some = (f"{len(layers)} of {len(shower.scene.layers)} layers are drawn.",) if left_out else ()
    notes = ("Grey cells hold no energy.", *some, *_radii_note(shower.scene))
    return Picture(name, figure, title, notes, broad=True, table=table)


def _radii_note(scene: Scene) -> tuple[str, ...]:
    if scene.radial_scale is None:
        return ()
    return (f"Radii beyond {scene.radial_scale:g} mm are logarithmic; dotted circles at 10, 100 and 1000 mm.",)


def _lengths_note(scene: Scene) -> tuple[str, ...]:
    if scene.radial_scale is None:
        return ()
    return (f"Lengths across the axis are logarithmic beyond {scene.radial_scale:g} mm.",)


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
    column: NDArray[Any], scene: Scene, position: int, means: tuple[Floats, Floats], norms: tuple[LogNorm, LogNorm]
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
    column[0].set_title(f"{true.label}\n{size}", loc="center", fontsize=8)


def _channels(layer: SceneLayer) -> slice:
    return slice(layer.first, layer.first + (len(layer.u) - 1) * (len(layer.v) - 1))


def _draw_keys(figure: Figure, norms: tuple[LogNorm, LogNorm], unit: str, height: float) -> None:
    """Both colour scales at the foot."""
    left, right = (figure.add_axes((x, 0.47 / height, width, 0.12 / height)) for x, width in ((0.1, 0.5), (0.7, 0.25)))
    draw_energy_key(figure, left, norms[0], with_unit("mean energy in a cell", unit))
    draw_ratio_key(figure, right, norms[1])
