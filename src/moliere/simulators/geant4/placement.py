"""Showers that were made as if on the axis are put where the track is: every cell's signal goes to where it lies.

A cell is spread over points, which move with the shower and fall into whatever cells are there. What leaves the cells
lies beside them. A small signal stays whole at one of its cell's points, drawn for each track: in pieces it would light
more cells than Geant4 does, and fall below the readout threshold. A shower on the axis stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
#: signals below so many thresholds, or below this share of the shower, stay whole
_WHOLE, _WHOLE_SHARE = 20.0, 1e-3
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
    def points(self) -> tuple[Ints, Floats]:
        """Channel of every point (n_points,), and its x and y (n_points, 2); each has the same share of its cell."""
        pairs = [_points_of(grid) for grid in self.detector.grids]
        firsts = self.detector.boundaries[:-1]
        channel = np.concatenate([cell + first for (cell, _), first in zip(pairs, firsts, strict=True)])
        order = np.argsort(channel, kind="stable")
        return channel[order], np.concatenate([place for _, place in pairs])[order]

    @cached_property
    def _numbers(self) -> tuple[Ints, Ints]:
        """How many points each channel has (n_channels,), and the number of each point in its cell (n_points,)."""
        count = np.bincount(self.points[0], minlength=self.detector.n_channels)
        return count, np.arange(len(self.points[0])) - np.repeat(np.cumsum(count) - count, count)

    def place(
        self, signals: NDArray[np.float32], shift: Floats, key: Ints, event: Ints, n_events: int
    ) -> tuple[Floats, Floats]:
        """Sum showers over events, each at its place.

        Args:
            signals: of showers on the axis, (n, n_channels).
            shift: by how much each layer of each shower moves in x and y, in mm, (n, n_layers, 2).
            key: whole numbers that name each shower, (n, any): the same ones place it in the same way.
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
            if len(some):
                self._move(self._shares(signals[some], key[some]), shift[some], event[some], placed, beside)
        return placed, beside

    def _move(self, shares: Floats, shift: Floats, event: Ints, placed: Floats, beside: Floats) -> None:
        """Put the signals at points (n, n_points) into the cells that these have moved to."""
        channel, place = self.points
        shower, point = np.nonzero(shares)
        layer = self.detector.layer_of_channel[channel[point]]
        x, y = (place[point] + shift[shower, layer]).T
        amount = shares[shower, point]
        where = channels_at(self.detector, layer, x, y)
        seen = where != NOWHERE
        for total, row, column, part in (
            (placed, event[shower[seen]], where[seen], amount[seen]),
            (beside, event[shower[~seen]], layer[~seen], amount[~seen]),
        ):
            total += np.bincount(row * total.shape[1] + column, part, total.size).reshape(total.shape)

    def _shares(self, signals: NDArray[np.float32], key: Ints) -> Floats:
        """The signal at every point of every shower, (n, n_points)."""
        channel, (count, number) = self.points[0], self._numbers
        small = np.maximum(_WHOLE * self.detector.threshold, _WHOLE_SHARE * signals.sum(axis=1, keepdims=True))
        drawn = np.stack([np.random.default_rng(row.tolist()).random(len(count)) for row in key])
        here = number == np.floor(drawn * count)[:, channel]
        return np.asarray(signals[:, channel] * np.where((signals < small)[:, channel], here, 1 / count[channel]))


def _points_of(grid: PolarGrid | CartesianGrid) -> tuple[Ints, Floats]:
    """Cell and place of every point of a grid, as many in equal areas of a cell."""
    if grid.kind == "polar":
        return _polar_points(grid)
    x, y = (_between(np.asarray(edges), _ALONG) for edges in (grid.x_edges, grid.y_edges))
    place = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid.cells_at(*place.T), place


def _polar_points(grid: PolarGrid) -> tuple[Ints, Floats]:
    per_sector, n_rings = max(_IN_SECTOR, -(-_AROUND // grid.n_alpha)), grid.shape[1]
    alpha = _between(grid.edges[0], per_sector)
    r = np.sqrt(_between(np.asarray(grid.r_edges) ** 2, _ACROSS))
    sector = np.repeat(np.arange(grid.n_alpha), per_sector)
    ring = np.repeat(np.arange(n_rings), _ACROSS)
    place = np.stack([np.outer(np.cos(alpha), r).ravel(), np.outer(np.sin(alpha), r).ravel()], axis=1)
    return (sector[:, None] * n_rings + ring).ravel(), place


def _between(edges: Floats, n: int) -> Floats:
    """Middles of n equal parts of each interval."""
    return (edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(n) + 0.5) / n).ravel()
