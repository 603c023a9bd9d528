"""A calorimeter as a network is told it: where each cell lies, in the units in which showers look alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.detectors import Calorimeter, materials
from moliere.detectors.grids import CartesianGrid, Grid, PolarGrid
from moliere.errors import UnknownName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: sectors that cells of a Cartesian grid, or of grids without a common division, are sorted into
_SECTORS = 8
#: points along each side of a Cartesian cell that say which sectors it reaches into
_POINTS = 12
#: a sector that holds less of a cell than this does not see it
_LEAST_SHARE = 0.04
#: cells from the axis, in cells, up to which each place is described by itself and not by its distance
_NEAR = 4.5
#: critical energy times this is the Molière radius' multiple scattering energy, MeV
_SCALE_ENERGY = 21.2
#: columns of a condition that tell the two sides of a shower apart, along x and along y
_ALONG_X, _ALONG_Y = frozenset({"x"}), frozenset({"y", "theta", "mtheta"})


@dataclass(frozen=True)
class CellGeometry:
    """Cells sorted into sectors around the axis and slabs along it; a cell may reach into several sectors.

    Args:
        n_sectors: sectors around the axis.
        n_slabs: groups of consecutive layers.
        channel: of each entry, (m,).
        token: of each entry, slab · n_sectors + sector, (m,).
        share: of the cell that lies in the sector, (m,).
        features: of each entry, of order one: (m, n_features).
        layer_features: of each layer, (n_layers, n_layer_features).
        slab_of_layer: (n_layers,).
    """

    n_sectors: int
    n_slabs: int
    channel: Ints
    token: Ints
    share: Floats
    features: Floats
    layer_features: Floats
    slab_of_layer: Ints


def describe_cells(detector: Calorimeter, n_slabs: int) -> CellGeometry:
    """Sort a calorimeter's cells and describe them.

    Args:
        detector: polar or Cartesian layers.
        n_slabs: groups of consecutive layers, at most one a layer.
    """
    n_layers = len(detector.grids)
    n_slabs = min(n_slabs, n_layers)
    slab = np.arange(n_layers) * n_slabs // n_layers
    n_sectors = common_sectors(detector)
    depth, thickness = layer_depths(detector)
    radius = moliere_radius(detector)
    channels, sectors, shares, features = [], [], [], []
    for layer, (grid, part) in enumerate(zip(detector.grids, detector.slices, strict=True)):
        cell, sector, share, r, turn = _sort_cells(grid, n_sectors)
        area = np.sqrt(grid.areas[cell]) / radius
        along = np.full(len(cell), depth[layer])
        features.append(
            np.column_stack(
                [
                    *_waves(np.log(r / radius + 0.05), 4),
                    *_waves(along / 10 - 1, 4),
                    np.log(area),
                    np.log(thickness[layer] + 0.01) + 0 * area,
                    share,
                    np.cos(turn),
                    np.sin(turn),
                ]
            )
        )
        channels.append(cell + part.start)
        sectors.append(sector + slab[layer] * n_sectors)
        shares.append(share)
    fraction = np.log([layer.sampling_fraction for layer in detector.read_out])
    layer_features = np.column_stack([*_waves(depth / 10 - 1, 4), np.log(thickness + 0.01), fraction])
    return CellGeometry(
        n_sectors,
        n_slabs,
        np.concatenate(channels),
        np.concatenate(sectors),
        np.concatenate(shares),
        np.concatenate(features),
        layer_features,
        slab,
    )


def common_sectors(detector: Calorimeter) -> int:
    """The number of sectors that all divided polar layers have, else a usual one."""
    divisions = {grid.n_alpha for grid in detector.grids if grid.kind == "polar" and grid.n_alpha > 1}
    polar = all(grid.kind == "polar" for grid in detector.grids)
    return divisions.pop() if polar and len(divisions) == 1 else _SECTORS


def symmetries(detector: Calorimeter, columns: Sequence[str]) -> Ints:
    """Channel permutations under which showers along the axis look alike, the identity first.

    Rotations and reflections of polar layers with common sectors; reflections of Cartesian layers that are centred.
    A direction or a place in the condition breaks them; the polar angle and y leave the mirror in x, and x leaves the
    mirror in y.

    Args:
        detector: the calorimeter.
        columns: of the condition.

    Returns:
        Permutations p such that ``signals[:, p]`` is the turned shower, (n, n_channels).
    """
    identity, told = np.arange(detector.n_channels)[None], set(columns)
    if told & {"phi", "eta", "alpha"}:
        return identity
    if all(grid.kind == "polar" for grid in detector.grids):
        return identity if told & (_ALONG_X | _ALONG_Y) else _turned(detector)
    if not all(grid.kind == "cartesian" and is_centred(grid, 0) and is_centred(grid, 1) for grid in detector.grids):
        return identity
    broken = {axis for axis, names in ((1, _ALONG_X), (2, _ALONG_Y)) if told & names}
    mirrors = [axes for axes in ((1,), (2,), (1, 2)) if not broken.intersection(axes)]
    return np.concatenate([identity, *(mirrored(detector, axes)[None] for axes in mirrors)])


def _turned(detector: Calorimeter) -> Ints:
    """Polar layers rotated by their common sectors, then mirrored, too; as they are where there are no such sectors."""
    layers = [
        np.arange(part.start, part.stop).reshape(grid.shape)
        for grid, part in zip(detector.grids, detector.slices, strict=True)
    ]
    divisions = {len(sectors) for sectors in layers} - {1}
    if len(divisions) != 1:
        return np.arange(detector.n_channels)[None]
    (n,) = divisions
    orders = [(mirror * np.arange(n) + turn) % n for mirror in (1, -1) for turn in range(n)]
    turns = [[sectors[order] if len(sectors) == n else sectors for sectors in layers] for order in orders]
    return np.array([np.concatenate([sectors.ravel() for sectors in turn]) for turn in turns])


def turned(signals: Tensor, turns: Tensor, rng: torch.Generator) -> Tensor:
    """Signals (n, n_channels), each shower permuted by one of the symmetries, drawn at random."""
    choice = torch.randint(len(turns), (len(signals),), generator=rng, device=signals.device)
    return signals.gather(1, turns[choice])


def cells_alike(turns: Ints) -> list[int]:
    """Numbers such that channels that a symmetry maps onto each other share one, (n_channels,)."""
    smallest = turns.min(axis=0)
    return np.unique(smallest, return_inverse=True)[1].tolist()  # type: ignore[no-any-return]


def places_alike(detector: Calorimeter) -> list[int]:
    """Numbers such that cells at the same place but for mirrors share one, and far ones at the same distance.

    For the sheared frame, whose cells are too many, and far from the axis too seldom lit, for tables of their own.
    """
    names: list[tuple[float, ...]] = []
    for layer, grid in enumerate(detector.grids):
        x, y = (np.arange(n) - (n - 1) / 2 for n in grid.shape)
        for dx, dy in np.abs(np.stack(np.meshgrid(x, y, indexing="ij"), axis=2)).reshape(-1, 2):
            far = max(dx, dy) > _NEAR
            names.append((layer, -1.0, float(np.hypot(dx, dy).round())) if far else (layer, float(dx), float(dy)))
    return np.unique(np.array(names), axis=0, return_inverse=True)[1].tolist()  # type: ignore[no-any-return]


def is_centred(grid: Grid, axis: int) -> bool:
    """Whether the cells look the same with the x axis (0) or the y axis (1) turned around."""
    return np.allclose(grid.edges[axis], -grid.edges[axis][::-1])


def mirrored(detector: Calorimeter, axes: tuple[int, ...]) -> Ints:
    """Channels of Cartesian layers with the x axis (1) or the y axis (2) turned around, (n_channels,)."""
    parts = []
    for grid, part in zip(detector.grids, detector.slices, strict=True):
        channels = np.arange(part.start, part.stop).reshape(grid.shape)
        parts.append(np.flip(channels, tuple(axis - 1 for axis in axes)).ravel())
    return np.concatenate(parts)


def _sort_cells(grid: PolarGrid | CartesianGrid, n_sectors: int) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Cell, sector, share, radius in mm and azimuth from the sector's middle of each entry."""
    if grid.kind == "polar" and grid.n_alpha in (1, n_sectors):
        cell = np.arange(grid.n_cells)
        if grid.n_alpha == n_sectors:
            return cell, cell // grid.shape[1], np.ones(len(cell)), grid.r, np.zeros(len(cell))
        cell = np.repeat(cell, n_sectors)
        sector = np.tile(np.arange(n_sectors), grid.n_cells)
        return cell, sector, np.full(len(cell), 1 / n_sectors), grid.r[cell], np.zeros(len(cell))
    x, y = _points(grid)
    sector = (np.floor((np.arctan2(y, x) + math.pi) / (2 * math.pi) * n_sectors).astype(int)) % n_sectors
    rows = []
    for k in range(n_sectors):
        inside = sector == k
        share = inside.mean(axis=1)
        cell = np.flatnonzero(share >= _LEAST_SHARE)
        weight = inside[cell] / inside[cell].sum(axis=1, keepdims=True)
        px, py = (x[cell] * weight).sum(axis=1), (y[cell] * weight).sum(axis=1)
        middle = (k + 0.5) / n_sectors * 2 * math.pi - math.pi
        rows.append((cell, np.full(len(cell), k), share[cell], np.hypot(px, py), np.arctan2(py, px) - middle))
    cell, number, share, r, turn = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    total = np.bincount(cell, share, minlength=grid.n_cells)
    return cell, number, share / total[cell], r, turn


def _points(grid: PolarGrid | CartesianGrid) -> tuple[Floats, Floats]:
    """Points spread over each cell, (n_cells, n_points) in mm."""
    along = (np.arange(_POINTS) + 0.5) / _POINTS
    first, second = (np.diff(edge)[:, None] * along + np.asarray(edge)[:-1, None] for edge in grid.edges)
    u = np.broadcast_to(first[:, None, :, None], (len(first), len(second), _POINTS, _POINTS)).reshape(grid.n_cells, -1)
    v = np.broadcast_to(second[None, :, None, :], (len(first), len(second), _POINTS, _POINTS)).reshape(u.shape)
    return (v * np.cos(u), v * np.sin(u)) if grid.kind == "polar" else (u, v)


def _waves(values: Floats, n: int) -> list[Floats]:
    """The values themselves, and sines and cosines of 1, 2, … times them."""
    return [values, *(wave(k * values) for k in range(1, n) for wave in (np.sin, np.cos))]


def layer_depths(detector: Calorimeter) -> tuple[Floats, Floats]:
    """Depth of each layer's middle and its thickness in radiation lengths; in tenths of a layer where no stack says."""
    n = len(detector.grids)
    lengths = _radiation_lengths(detector)
    if lengths is None:
        return (np.arange(n) + 0.5) / n * 25, np.full(n, 25 / n)
    positions = [position for position, layer in enumerate(detector.layers) if layer.grid is not None]
    ends = np.cumsum([0.0, *lengths])
    middle, thickness = np.zeros(n), np.zeros(n)
    for layer, position in enumerate(positions):
        inside = [k for k, plate in enumerate(detector.stack) if plate.layer == position]
        first, last = ends[inside[0]], ends[inside[-1] + 1]
        middle[layer], thickness[layer] = (first + last) / 2, last - first
    return middle, thickness


def _radiation_lengths(detector: Calorimeter) -> list[float] | None:
    try:
        lengths = [plate.thickness / materials.get(plate.material).radiation_length_mm for plate in detector.stack]
    except UnknownName:
        return None
    return lengths or None


def moliere_radius(detector: Calorimeter) -> float:
    """Of the mixture, in mm: plates' inverse radii weighted by their lengths; the outermost cell's fifth without."""
    lengths = _radiation_lengths(detector)
    if lengths is None:
        return float(np.max(detector.r) / 5) or 1.0
    total = sum(plate.thickness for plate in detector.stack)
    inverse = sum(
        length * materials.get(plate.material).critical_energy / _SCALE_ENERGY
        for plate, length in zip(detector.stack, lengths, strict=True)
    )
    return total / inverse


def critical_energy(detector: Calorimeter) -> float:
    """Of the mixture in MeV, from its radiation length and Molière radius; that of lead tungstate without a stack."""
    lengths = _radiation_lengths(detector)
    if lengths is None:
        return materials.get("G4_PbWO4").critical_energy
    return _SCALE_ENERGY * sum(plate.thickness for plate in detector.stack) / sum(lengths) / moliere_radius(detector)
