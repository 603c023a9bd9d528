"""Showers that were made as if on the axis are put where the track is: every cell's signal goes to where it lies.

A cell is spread over points, which move with the shower and fall into whatever cells are there. What leaves the cells
lies beside them. A shower on the axis stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats, Ints
from moliere.detectors.grids import NOWHERE, CartesianGrid, PolarGrid
from moliere.events.voxelise import channels_at

#: points of a cell: across a ring, around the axis altogether and at least in a sector, along x or y
_ACROSS, _AROUND, _IN_SECTOR, _ALONG = 6, 48, 4, 4
#: showers that are moved by less, in mm, stay as they are
_ON_AXIS = 1e-3
#: showers placed at once: bounds memory
_AT_ONCE = 64


@dataclass(frozen=True)
class Placement:
    """Moves showers sideways in a calorimeter.

    Args:
        detector: with any grids.
    """

    detector: Calorimeter

    @cached_property
    def points(self) -> tuple[Ints, Floats, Floats]:
        """Channel of every point (n_points,), its x and y (n_points, 2), and its share of the cell (n_points,)."""
        channels, places, shares = [], [], []
        for grid, first in zip(self.detector.grids, self.detector.boundaries[:-1], strict=True):
            cell, place, share = _points_of(grid)
            channels.append(cell + first)
            places.append(place)
            shares.append(share)
        return np.concatenate(channels), np.concatenate(places), np.concatenate(shares)

    def place(self, signals: NDArray[np.float32], shift: Floats, event: Ints, n_events: int) -> tuple[Floats, Floats]:
        """Sum showers over events, each at its place.

        Args:
            signals: of showers on the axis, (n, n_channels).
            shift: by how much each layer of each shower moves in x and y, in mm, (n, n_layers, 2).
            event: of each shower, (n,).
            n_events: number of events.

        Returns:
            Signals (n_events, n_channels), and what lies beside the cells of each layer, (n_events, n_layers).
        """
        placed = np.zeros((n_events, self.detector.n_channels))
        beside = np.zeros((n_events, len(self.detector.read_out)))
        away = (np.abs(shift) > _ON_AXIS).any(axis=(1, 2))
        np.add.at(placed, event[~away], signals[~away])
        for some in np.array_split(np.flatnonzero(away), -(-int(away.sum()) // _AT_ONCE) or 1):
            self._move(signals[some], shift[some], event[some], placed, beside)
        return placed, beside

    def _move(self, signals: NDArray[np.float32], shift: Floats, event: Ints, placed: Floats, beside: Floats) -> None:
        channel, place, share = self.points
        shower, point = np.nonzero(signals[:, channel])
        layer = self.detector.layer_of_channel[channel[point]]
        x, y = (place[point] + shift[shower, layer]).T
        amount = signals[shower, channel[point]] * share[point]
        where = channels_at(self.detector, layer, x, y)
        seen = where != NOWHERE
        for total, row, column, part in (
            (placed, event[shower[seen]], where[seen], amount[seen]),
            (beside, event[shower[~seen]], layer[~seen], amount[~seen]),
        ):
            total += np.bincount(row * total.shape[1] + column, part, total.size).reshape(total.shape)


def _points_of(grid: PolarGrid | CartesianGrid) -> tuple[Ints, Floats, Floats]:
    """Cell, place and share of the cell of every point of a grid."""
    if grid.kind == "polar":
        return _polar_points(grid)
    x, y = (_between(np.asarray(edges), _ALONG) for edges in (grid.x_edges, grid.y_edges))
    place = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid.cells_at(*place.T), place, np.full(len(place), 1 / _ALONG**2)


def _polar_points(grid: PolarGrid) -> tuple[Ints, Floats, Floats]:
    per_sector = max(_IN_SECTOR, -(-_AROUND // grid.n_alpha))
    alpha = _between(grid.edges[0], per_sector)
    rings = [_radii(low, high) for low, high in pairwise(grid.r_edges)]
    r, share = (np.concatenate([ring[k] for ring in rings]) for k in range(2))
    sector = np.repeat(np.arange(grid.n_alpha), per_sector)
    ring = np.repeat(np.arange(len(rings)), _ACROSS)
    cell = (sector[:, None] * len(rings) + ring).ravel()
    place = np.stack([np.outer(np.cos(alpha), r).ravel(), np.outer(np.sin(alpha), r).ravel()], axis=1)
    return cell, place, np.tile(share / per_sector, len(alpha))


def _radii(low: float, high: float) -> tuple[Floats, Floats]:
    """Radii across a ring, as many to each equal part of its area, and the share of the signal at each."""
    r = np.sqrt(_between(np.array([low, high]) ** 2, _ACROSS))
    return r, np.full(_ACROSS, 1 / _ACROSS)


def _between(edges: Floats, n: int) -> Floats:
    """Middles of n equal parts of each interval."""
    return (edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(n) + 0.5) / n).ravel()
