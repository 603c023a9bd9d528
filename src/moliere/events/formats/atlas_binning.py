"""The rings and sectors of an ATLAS layer, found from a list of cells in any order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import PolarGrid
from moliere.detectors.base import Floats, Ints
from moliere.errors import FormatError

#: files hold single precision: edges are the same when they agree to a tenth of a micrometre, or of a milliradian
_DECIMALS = 4
_TOLERANCE = 10.0**-_DECIMALS


@dataclass(frozen=True, eq=False)
class Binning:
    """How the cells of a file become those of a grid.

    Args:
        grid: rings and sectors.
        order: (n_cells,) place in the file of each cell of the grid.
    """

    grid: PolarGrid
    order: Ints


def find_binning(what: str, alpha: Floats, alpha_size: Floats, r: Floats, r_size: Floats) -> Binning:
    """Find the grid that cells form.

    Args:
        what: the layer, for messages.
        alpha: (n_cells,) where each cell begins in azimuth, in rad.
        alpha_size: (n_cells,) in rad.
        r: (n_cells,) where each cell begins in radius, in mm.
        r_size: (n_cells,) in mm.

    Raises:
        FormatError: rings that overlap or leave gaps (the pair is named), sectors that are unequal or not those of
            [-pi, pi], cells missing or there twice.

    Example:
        >>> half = np.full(4, np.pi)
        >>> binning = find_binning(
        ...     "layer 1", np.array([0, -np.pi, 0, -np.pi]), half, np.array([0.0, 0, 5, 5]), np.full(4, 5.0)
        ... )
        >>> binning.grid.r_edges, binning.grid.n_alpha, binning.order
        ((0.0, 5.0, 10.0), 2, array([1, 3, 0, 2]))
    """
    edges = _ring_edges(what, r, r_size)
    n_alpha = _count_sectors(what, alpha, alpha_size)
    ring = np.searchsorted(edges, r + r_size / 2, side="right") - 1
    turn = 2 * np.pi / n_alpha
    sector = np.floor((alpha + alpha_size / 2 + np.pi) / turn).astype(np.int64) % n_alpha
    cell = sector * (len(edges) - 1) + ring
    grid = PolarGrid(edges, n_alpha)
    if len(cell) != grid.n_cells or len(np.unique(cell)) != grid.n_cells:
        raise FormatError(
            f"{what} lists {len(cell)} cells, {len(np.unique(cell))} of them different, but has {n_alpha} sectors of "
            f"{len(edges) - 1} rings; expected each cell once"
        )
    return Binning(grid, np.argsort(cell))


def bins_of(grid: PolarGrid) -> dict[str, Floats]:
    """The four arrays of a grid, by their names in files; the inverse of :func:`find_binning`."""
    edges = np.asarray(grid.r_edges)
    turn = 2 * np.pi / grid.n_alpha
    return {
        "binstart_alpha": np.repeat(-np.pi + turn * np.arange(grid.n_alpha), len(edges) - 1),
        "binsize_alpha": np.full(grid.n_cells, turn),
        "binstart_radius": np.tile(edges[:-1], grid.n_alpha),
        "binsize_radius": np.tile(np.diff(edges), grid.n_alpha),
    }


def _ring_edges(what: str, r: Floats, size: Floats) -> tuple[float, ...]:
    rings = np.unique(np.round(np.stack([r, r + size], axis=1), _DECIMALS), axis=0)
    for low, high in rings:
        if not 0 <= low < high < np.inf:
            raise FormatError(f"{what}: a ring runs from {low:g} to {high:g} mm; expected 0 <= start < end")
    for (low, high), (next_low, next_high) in pairwise(rings):
        if abs(high - next_low) > 2 * _TOLERANCE:
            fault = "overlap" if high > next_low else "leave a gap"
            raise FormatError(
                f"{what}: rings {low:g} – {high:g} and {next_low:g} – {next_high:g} mm {fault}; they must touch"
            )
    return (*(float(low) for low in rings[:, 0]), float(rings[-1, 1]))


def _count_sectors(what: str, alpha: Floats, size: Floats) -> int:
    starts = np.unique(np.round(alpha, _DECIMALS))
    turn = 2 * np.pi / len(starts)
    from_border = (alpha + np.pi) / turn
    equal = np.allclose(size, turn, atol=_TOLERANCE)
    if not equal or not np.allclose(from_border, np.round(from_border), atol=_TOLERANCE / turn):
        raise FormatError(
            f"{what}: sectors begin at {_listed(starts)} rad and are {_listed(np.unique(np.round(size, _DECIMALS)))} "
            f"rad wide; expected {len(starts)} equal ones of [-pi, pi]"
        )
    return len(starts)


def _listed(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:g}" for value in values[:6]) + (", …" if len(values) > 6 else "")
