"""The average shower from three sides: energy summed over one axis at a time, on bins that suit all layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.grids import Grid, PolarGrid
from moliere.report.scene import Scene

#: A cell of a polar grid is spread over x and y at so many radii, and at so many angles in a full turn.
_RADII, _ANGLES = 32, 720
#: Axes of the front, in rings and sectors or in rows and columns.
_RINGS, _ROWS = ("alpha (rad)", "r (mm)"), ("x (mm)", "y (mm)")


@dataclass(frozen=True, eq=False)
class Plane:
    """Bins of one projection.

    Args:
        axes: names of both axes with units.
        u: edges along the first.
        v: edges along the second.
    """

    axes: tuple[str, str]
    u: Floats
    v: Floats

    @property
    def is_polar(self) -> bool:
        """Whether its bins are rings and sectors."""
        return self.axes == _RINGS

    @property
    def is_front(self) -> bool:
        """Whether it is seen along the shower axis."""
        return self.axes in (_RINGS, _ROWS)

    @property
    def sizes(self) -> Floats:
        """Areas of the front's bins in mm², widths of the others' across the shower axis in mm; (n_u, n_v)."""
        if self.is_polar:
            return np.outer(np.diff(self.u), np.diff(self.v**2) / 2)
        return np.outer(np.diff(self.u) if self.is_front else np.ones(len(self.u) - 1), np.diff(self.v))


@dataclass(frozen=True, eq=False)
class Lattice:
    """The three planes that a detector's energy is summed on, and how.

    Args:
        front: over x and y, or over alpha and r.
        above: over z and x.
        side: over z and y.
    """

    front: Plane
    above: Plane
    side: Plane

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """All three, in the order of :func:`project`."""
        return self.front, self.above, self.side


def build_lattice(detector: Calorimeter, scene: Scene) -> Lattice | None:
    """Bins that hold the edges of all layers; ``None`` where layers are of both kinds, which share no edges."""
    front = _front_plane(detector.grids)
    if front is None:
        return None
    depth, edges = _depths(scene)
    if front.is_polar:
        x = y = np.unique(np.concatenate([-front.v, front.v]))
    else:
        x, y = front.u, front.v
    return Lattice(front, Plane((depth, "x (mm)"), edges, x), Plane((depth, "y (mm)"), edges, y))


def project(detector: Calorimeter, lattice: Lattice, mean: Floats) -> tuple[Floats, Floats, Floats]:
    """Energy in each bin of the three planes.

    A cell that lies in several bins is shared among them by area.

    Args:
        detector: what was read out.
        lattice: of it.
        mean: mean signal of each channel, (n_channels,).

    Returns:
        One array (n_u, n_v) a plane; each sums to the energy of the shower.
    """
    front = np.zeros((len(lattice.front.u) - 1, len(lattice.front.v) - 1))
    sides: tuple[list[Floats], list[Floats]] = ([], [])
    for grid, part in zip(detector.grids, detector.slices, strict=True):
        cells = mean[part].reshape(grid.shape)
        front += _onto_front(grid, lattice.front, cells)
        for axis, rows in enumerate(sides):
            rows.append(_onto_axis(grid, axis, lattice.planes[1 + axis].v, cells))
    return front, np.stack(sides[0]), np.stack(sides[1])


def overlap(edges: Floats, bins: Floats) -> Floats:
    """Share of each interval that lies in each bin.

    Args:
        edges: of n intervals, (n + 1,).
        bins: edges of m bins, (m + 1,).

    Returns:
        (n, m); rows sum to 1 where the bins reach that far.

    Example:
        >>> overlap(np.array([0.0, 2.0, 3.0]), np.array([0.0, 0.5, 3.0])).tolist()
        [[0.25, 0.75], [0.0, 1.0]]
    """
    low = np.maximum(edges[:-1, None], bins[None, :-1])
    high = np.minimum(edges[1:, None], bins[None, 1:])
    return np.asarray(np.clip(high - low, 0, None) / np.diff(edges)[:, None])


def _onto_front(grid: Grid, plane: Plane, cells: Floats) -> Floats:
    if grid.kind == "cartesian":
        along_u, along_v = overlap(np.asarray(grid.x_edges), plane.u), overlap(np.asarray(grid.y_edges), plane.v)
    else:
        along_u = overlap(np.linspace(-np.pi, np.pi, grid.n_alpha + 1), plane.u)
        along_v = overlap(np.asarray(grid.r_edges) ** 2, plane.v**2)  # equal areas, not equal radii
    return along_u.T @ cells @ along_v


def _onto_axis(grid: Grid, axis: int, bins: Floats, cells: Floats) -> Floats:
    """Energy along x (axis 0) or y (axis 1)."""
    if grid.kind == "cartesian":
        edges = np.asarray((grid.x_edges, grid.y_edges)[axis])
        return np.asarray(cells.sum(axis=1 - axis) @ overlap(edges, bins))
    return np.asarray(cells.ravel() @ _shares(grid, axis, tuple(bins.tolist())))


@lru_cache(maxsize=64)
def _shares(grid: PolarGrid, axis: int, bins: tuple[float, ...]) -> Floats:
    """Share of each polar cell in each bin of x or y, (n_cells, n_bins), from points spread evenly over its area."""
    n_angles = math.ceil(_ANGLES / grid.n_alpha)
    alpha = -np.pi + 2 * np.pi * (np.arange(grid.n_alpha * n_angles) + 0.5) / (grid.n_alpha * n_angles)
    squares = np.asarray(grid.r_edges) ** 2
    steps = (np.arange(_RADII) + 0.5) / _RADII
    r = np.sqrt(squares[:-1, None] + np.diff(squares)[:, None] * steps)
    along = (np.cos, np.sin)[axis](alpha).reshape(grid.n_alpha, 1, n_angles, 1) * r[None, :, None, :]
    position = np.searchsorted(bins, along.reshape(grid.n_cells, -1), side="right") - 1
    n_bins = len(bins) - 1
    cell = np.arange(grid.n_cells)[:, None] * n_bins
    counts = np.bincount((cell + position).ravel(), minlength=grid.n_cells * n_bins)
    return counts.reshape(grid.n_cells, n_bins) / (n_angles * _RADII)


def _front_plane(grids: Sequence[Grid]) -> Plane | None:
    polar = [grid for grid in grids if grid.kind == "polar"]
    boxes = [grid for grid in grids if grid.kind == "cartesian"]
    if polar and boxes:
        return None
    if boxes:
        return Plane(_ROWS, _union(g.x_edges for g in boxes), _union(g.y_edges for g in boxes))
    sectors = math.lcm(*(grid.n_alpha for grid in polar))
    return Plane(_RINGS, np.linspace(-np.pi, np.pi, sectors + 1), _union(grid.r_edges for grid in polar))


def _union(edges: Iterable[tuple[float, ...]]) -> Floats:
    """All edges; those that differ in the last bits only count once."""
    return np.unique(np.round(list(chain(*edges)), 6))


def _depths(scene: Scene) -> tuple[str, Floats]:
    """Name and edges of the depth axis: layers reach halfway to their neighbours; they are numbered if out of order."""
    starts, ends = np.array([layer.z for layer in scene.layers]).T
    edges = np.concatenate([starts[:1], (ends[:-1] + starts[1:]) / 2, ends[-1:]])
    if scene.z_unit == "layer" or not (np.diff(edges) > 0).all():
        return "layer", np.arange(len(edges), dtype=np.float64) - 0.5
    return "z (mm)", edges
