"""How one calorimeter layer is divided into cells: in rings and sectors, or in rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, Field

from moliere.detectors.base import Floats, Ints
from moliere.errors import DetectorError


def _expand_edges(value: Any) -> Any:
    """Allow ``{start, stop, bins}`` where a list of edges is expected: regular grids read better so."""
    if isinstance(value, dict) and set(value) == {"start", "stop", "bins"}:
        bins = value["bins"]
        if not isinstance(bins, int) or not 1 <= bins <= MOST_BINS:
            raise DetectorError(f"bins = {bins!r}; expected a whole number from 1 to {MOST_BINS:,}")
        return np.linspace(float(value["start"]), float(value["stop"]), bins + 1).tolist()
    return value


Edges = Annotated[tuple[float, ...], BeforeValidator(_expand_edges)]
#: stands for a cell where a point lies in none
NOWHERE = -1
#: bins along one axis; more is a slip of the pen, and would fill the memory before anybody sees it
MOST_BINS = 100_000


def check_edges(edges: tuple[float, ...], what: str) -> None:
    """Refuse bin edges that do not increase.

    Raises:
        DetectorError: fewer than two edges, an edge that is not finite, or edges out of order (the first offending
            pair is named).
    """
    if len(edges) < 2:
        raise DetectorError(f"{what}: {len(edges)} bin edge(s), expected at least 2")
    for edge in edges:
        if not math.isfinite(edge):
            raise DetectorError(f"{what}: a bin edge is {edge:g}, which is no length in mm")
    for low, high in pairwise(edges):
        if not low < high:
            raise DetectorError(f"{what}: bin edges must increase, but {low:g} is followed by {high:g}; sort the edges")


def _ravel_pairs(first: Ints, second: Ints) -> Ints:
    return np.stack([first.ravel(), second.ravel()], axis=1)


def _ravel_bins(row: Ints, column: Ints, n_columns: int) -> Ints:
    return np.where((row == NOWHERE) | (column == NOWHERE), NOWHERE, row * n_columns + column)


def _bins(edges: tuple[float, ...], values: NDArray[Any]) -> Ints:
    """Bins that values lie in, -1 outside; NaN lies outside. The last bin holds its upper edge, as in histograms."""
    place = np.searchsorted(edges, values, side="right") - 1
    place = np.where(values == edges[-1], len(edges) - 2, place)
    return np.where((place >= 0) & (place < len(edges) - 1), place, NOWHERE)


@dataclass(frozen=True)
class PolarGrid:
    """Rings times sectors; cells in CaloChallenge order: alpha, then r, with r fastest.

    Args:
        r_edges: ring edges in mm, from the shower axis outwards.
        n_alpha: equal sectors over [-pi, pi].

    Example:
        >>> grid = PolarGrid(r_edges=(0.0, 5.0, 10.0), n_alpha=4)
        >>> grid.shape, grid.n_cells
        ((4, 2), 8)
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    r_edges: Edges
    n_alpha: int
    kind: Literal["polar"] = "polar"

    def __post_init__(self) -> None:
        """Check the edges once, at the boundary."""
        check_edges(self.r_edges, "polar grid")
        if self.r_edges[0] < 0:
            raise DetectorError(f"polar grid: first radius {self.r_edges[0]:g} mm is negative; radii start at 0")
        if self.n_alpha < 1:
            raise DetectorError(f"polar grid: {self.n_alpha} alpha bins, expected at least 1")
        if self.n_alpha > MOST_BINS:
            raise DetectorError(f"polar grid: {self.n_alpha:,} alpha bins; no more than {MOST_BINS:,} are possible")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_alpha, n_r)."""
        return self.n_alpha, len(self.r_edges) - 1

    @property
    def has_azimuth(self) -> bool:
        """Whether the cells are divided around the axis."""
        return self.n_alpha > 1

    @property
    def edges(self) -> tuple[Floats, Floats]:
        """Edges of both axes: azimuth in rad, (n_alpha + 1,), and radius in mm, (n_r + 1,)."""
        return np.linspace(-np.pi, np.pi, self.n_alpha + 1), np.asarray(self.r_edges)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.n_alpha * (len(self.r_edges) - 1)

    @cached_property
    def r(self) -> Floats:
        """Mid-radius of every cell in mm, shape (n_cells,)."""
        edges = np.asarray(self.r_edges)
        return np.tile((edges[1:] + edges[:-1]) / 2, self.n_alpha)

    @cached_property
    def alpha(self) -> Floats:
        """Mid-angle of every cell in rad, shape (n_cells,); 0 where there is a single sector."""
        width = 2 * np.pi / self.n_alpha
        return np.repeat(-np.pi + width * (np.arange(self.n_alpha) + 0.5), len(self.r_edges) - 1)

    @cached_property
    def centres(self) -> Floats:
        """Transverse centres (x, y) = (r cos alpha, r sin alpha) in mm, shape (n_cells, 2)."""
        return np.stack([self.r * np.cos(self.alpha), self.r * np.sin(self.alpha)], axis=1)

    @cached_property
    def areas(self) -> Floats:
        """Cell areas in mm², shape (n_cells,)."""
        rings = np.diff(np.asarray(self.r_edges) ** 2) * np.pi / self.n_alpha
        return np.tile(rings, self.n_alpha)

    def neighbours(self) -> Ints:
        """Pairs of cells that share a border, shape (n_pairs, 2); sectors close to a ring."""
        index = np.arange(self.n_cells).reshape(self.shape)
        pairs = [_ravel_pairs(index[:, :-1], index[:, 1:])]
        if self.n_alpha > 2:
            pairs.append(_ravel_pairs(index, np.roll(index, -1, axis=0)))
        elif self.n_alpha == 2:
            pairs.append(_ravel_pairs(index[:1], index[1:]))
        return np.concatenate(pairs)

    def cells_at(self, x: NDArray[Any], y: NDArray[Any]) -> Ints:
        """Cells that points in mm lie in, -1 outside; (n,)."""
        sector = np.floor((np.arctan2(y, x) + np.pi) / (2 * np.pi) * self.n_alpha)
        row = np.minimum(np.nan_to_num(sector), self.n_alpha - 1).astype(np.int64)
        return _ravel_bins(row, _bins(self.r_edges, np.hypot(x, y)), self.shape[1])

    def describe(self) -> str:
        """Numbers of cells and edges, for people."""
        edges = " ".join(f"{edge:g}" for edge in self.r_edges)
        return f"{self.n_cells} cells = {self.n_alpha} alpha × {self.shape[1]} r; r edges {edges} mm"


@dataclass(frozen=True)
class CartesianGrid:
    """Rows times columns; cells with y fastest.

    Args:
        x_edges: edges in mm.
        y_edges: edges in mm.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    x_edges: Edges
    y_edges: Edges
    kind: Literal["cartesian"] = "cartesian"

    def __post_init__(self) -> None:
        """Check the edges once, at the boundary."""
        check_edges(self.x_edges, "cartesian grid, x")
        check_edges(self.y_edges, "cartesian grid, y")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_x, n_y)."""
        return len(self.x_edges) - 1, len(self.y_edges) - 1

    @property
    def has_azimuth(self) -> bool:
        """Whether the cells are divided around the axis."""
        return True

    @property
    def edges(self) -> tuple[Floats, Floats]:
        """Edges of both axes in mm: x, (n_x + 1,), and y, (n_y + 1,)."""
        return np.asarray(self.x_edges), np.asarray(self.y_edges)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def centres(self) -> Floats:
        """Transverse centres (x, y) in mm, shape (n_cells, 2)."""
        x, y = (np.asarray(edges) for edges in (self.x_edges, self.y_edges))
        x, y = np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2, indexing="ij")
        return np.stack([x.ravel(), y.ravel()], axis=1)

    @cached_property
    def r(self) -> Floats:
        """Distance of every cell's centre from the axis in mm, shape (n_cells,)."""
        return np.asarray(np.hypot(*self.centres.T))

    @cached_property
    def alpha(self) -> Floats:
        """Angle of every cell's centre in rad, shape (n_cells,)."""
        return np.asarray(np.arctan2(self.centres[:, 1], self.centres[:, 0]))

    @cached_property
    def areas(self) -> Floats:
        """Cell areas in mm², shape (n_cells,)."""
        return np.outer(np.diff(self.x_edges), np.diff(self.y_edges)).ravel()

    def neighbours(self) -> Ints:
        """Pairs of cells that share a border, shape (n_pairs, 2)."""
        index = np.arange(self.n_cells).reshape(self.shape)
        return np.concatenate([_ravel_pairs(index[:, :-1], index[:, 1:]), _ravel_pairs(index[:-1], index[1:])])

    def cells_at(self, x: NDArray[Any], y: NDArray[Any]) -> Ints:
        """Cells that points in mm lie in, -1 outside; (n,)."""
        return _ravel_bins(_bins(self.x_edges, x), _bins(self.y_edges, y), self.shape[1])

    def describe(self) -> str:
        """Numbers of cells and ends, for people."""
        (nx, ny), x, y = self.shape, self.x_edges, self.y_edges
        return f"{self.n_cells} cells = {nx} x × {ny} y; x {x[0]:g} … {x[-1]:g}, y {y[0]:g} … {y[-1]:g} mm"


Grid = Annotated[PolarGrid | CartesianGrid, Field(discriminator="kind")]
