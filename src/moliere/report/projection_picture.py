"""Pictures of the average shower from the front, from above and from the side, with lengths in mm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.report.plots import with_unit
from moliere.report.projections import Lattice, Plane
from moliere.report.scene import Scene, compress
from moliere.report.style import (
    ENERGY,
    RATIO,
    colours,
    draw_energy_key,
    draw_ratio_key,
    energy_norm,
    lit,
    new_figure,
    ratio,
    ratio_norm,
    style,
)
from moliere.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure

#: Sums on the three planes of a lattice, (n_u, n_v) each.
Sums: TypeAlias = tuple[Floats, Floats, Floats]

_ROWS = ("reference", "generated", "generated / reference")
#: Radii that are marked where they are compressed (mm).
_MARKS = np.array([-1000.0, -100.0, -10.0, 0.0, 10.0, 100.0, 1000.0])
#: Chords in a full turn that rings are painted with.
_CHORDS = 144
#: Planes that share a colour scale: the front, and the two sides.
_PARTS = slice(0, 1), slice(1, 3)
_WIDTH, _HEIGHT = 11.0, 8.6
_BOX = {
    "left": 0.065,
    "right": 0.99,
    "bottom": 0.145,
    "top": 0.965,
    "wspace": 0.22,
    "hspace": 0.14,
    "width_ratios": (1.0, 1.4, 1.4),
}


def draw_projections(scene: Scene, lattice: Lattice, reference: Sums, generated: Sums) -> Figure:
    """Energy an area (front) or a length (sides), so that bins of any size can be compared, and the samples' ratio.

    Args:
        scene: of the detector.
        lattice: where the sums were made.
        reference: from :func:`moliere.report.projections.project`.
        generated: the same of the generated sample.
    """
    samples = [
        [total / plane.sizes for total, plane in zip(sums, lattice.planes, strict=True)]
        for sums in (reference, generated)
    ]
    front, sides = (energy_norm(np.concatenate([d.ravel() for one in samples for d in one[part]])) for part in _PARTS)
    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        grid = figure.subplots(3, 3, squeeze=False, gridspec_kw=_BOX)
        columns = zip(grid.T, lattice.planes, (front, sides, sides), *samples, strict=True)
        for column, plane, norm, base, value in columns:
            _paint(column[0], plane, lit(base), ENERGY, norm, scene.radial_scale)
            _paint(column[1], plane, lit(value), ENERGY, norm, scene.radial_scale)
            _paint(column[2], plane, ratio(base, value), RATIO, ratio_norm(), scene.radial_scale)
            _name_axes(column, plane, scene.radial_scale)
        for axes, name in zip(grid[:, 0], _ROWS, strict=True):
            axes.set_title(name)
        _draw_keys(figure, (front, sides, ratio_norm()), scene.unit)
    return figure


def projection_table(lattice: Lattice, reference: Sums, generated: Sums, unit: str) -> Table:
    """Every bin of the three planes: its edges and the energies in it."""
    edges = np.concatenate([_bins(plane) for plane in lattice.planes], axis=1).tolist()
    energies = (np.concatenate([total.ravel() for total in sums]).tolist() for sums in (reference, generated))
    return {
        "plane": [", ".join(plane.axes) for plane in lattice.planes for _ in range(plane.sizes.size)],
        **dict(zip(("first low", "first high", "second low", "second high"), edges, strict=True)),
        **dict(zip((with_unit("reference", unit), with_unit("generated", unit)), energies, strict=True)),
    }


def _bins(plane: Plane) -> Floats:
    """Low and high edges along u, then along v, of every bin, (4, n)."""
    u, v = (np.stack([edges[:-1], edges[1:]]) for edges in (plane.u, plane.v))
    return np.concatenate([np.repeat(u, v.shape[1], axis=1), np.tile(v, u.shape[1])])


def _paint(axes: Axes, plane: Plane, values: Floats, cmap: str, norm: Normalize, scale: float | None) -> None:
    """Bins in their colours; lengths across the axis are compressed where the detector is wide."""
    if plane.is_polar:
        pieces = -(-_CHORDS // (len(plane.u) - 1))
        alpha, r = np.linspace(-np.pi, np.pi, pieces * (len(plane.u) - 1) + 1), _shown(plane.v, scale)
        corners = np.outer(np.cos(alpha), r), np.outer(np.sin(alpha), r)
        axes.pcolormesh(*corners, np.repeat(values, pieces, axis=0), rasterized=True, cmap=colours(cmap), norm=norm)
        axes.set(xlim=(-r[-1], r[-1]), ylim=(-r[-1], r[-1]))
    else:
        v = _shown(plane.v, scale)
        axes.pcolormesh(plane.u, v, values.T, rasterized=True, cmap=colours(cmap), norm=norm)
        axes.set(xlim=(plane.u[0], plane.u[-1]), ylim=(v[0], v[-1]))


def _shown(lengths: Floats, scale: float | None) -> Floats:
    return lengths if scale is None else compress(lengths, scale)


def _name_axes(column: NDArray[Any], plane: Plane, scale: float | None) -> None:
    across = ("x (mm)", "y (mm)") if plane.is_polar else plane.axes
    for axes in column:
        axes.set_ylabel(across[1], labelpad=1)
        axes.tick_params(labelbottom=axes is column[-1], labelsize=7.5)
        if plane.is_front:
            axes.set_aspect("equal", adjustable="box")
        if scale is not None:
            _mark_lengths(axes, plane, scale)
    column[-1].set_xlabel(across[0], labelpad=2)


def _mark_lengths(axes: Axes, plane: Plane, scale: float) -> None:
    """Ticks at true lengths on compressed axes."""
    axes.minorticks_off()
    marks = _MARKS[np.abs(_MARKS) <= np.abs(plane.v).max()]
    labels = [f"{mark:g}".replace("-", "−") for mark in marks]
    axes.set_yticks(compress(marks, scale), labels)
    if plane.is_polar:
        axes.set_xticks(compress(marks, scale), labels, rotation=45)


def _draw_keys(figure: Figure, norms: tuple[LogNorm, LogNorm, LogNorm], unit: str) -> None:
    """A colour scale below each column: of the front, of both sides, and of the ratio."""
    places = [figure.add_axes((x, 0.062, width, 0.014)) for x, width in ((0.065, 0.2), (0.4, 0.22), (0.75, 0.2))]
    draw_energy_key(figure, places[0], norms[0], f"front: {unit} / mm²")
    draw_energy_key(figure, places[1], norms[1], f"above, side: {unit} / mm in a layer")
    draw_ratio_key(figure, places[2], norms[2])
