"""Energy into cells: by throwing spots, or by integrating the radial law over every cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.simulators.gflash.radial import RadialLaw, cell_shares

Grid = PolarGrid | CartesianGrid


def integrate_cells(grid: Grid, law: RadialLaw, energy: Floats) -> Floats:
    """Mean energy of each cell of one layer.

    Args:
        grid: the layer's cells.
        law: fields (n, k), one for each shower and step.
        energy: visible energy of each step in MeV, (n, k).

    Returns:
        Energies (n, n_cells) in MeV.
    """
    total = np.zeros((len(energy), grid.n_cells))
    for step in range(energy.shape[1]):
        at = RadialLaw(law.core[:, step], law.tail[:, step], law.core_share[:, step])
        total += energy[:, step, None] * cell_shares(grid, at)
    return total


def throw_spots(grid: Grid, law: RadialLaw, energy: Floats, counts: Ints, rng: np.random.Generator) -> Floats:
    """Energy of each cell of one layer, from spots of equal energy at random places.

    The energy inside radius r grows as r² / (r² + R²), so r² = R² u / (1 - u) for uniform u.

    Args:
        grid: the layer's cells.
        law: fields (n, k).
        energy: visible energy of each step in MeV, (n, k).
        counts: spots of each step, at least 1, (n, k).
        rng: source of randomness.

    Returns:
        Energies (n, n_cells) in MeV.
    """
    core_counts = rng.binomial(counts, law.core_share)
    spot_energy = (energy / counts).ravel()
    first_cell = np.repeat(np.arange(len(energy)) * grid.n_cells, energy.shape[1])
    total = np.zeros(len(energy) * grid.n_cells)
    for radius, part in ((law.core, core_counts), (law.tail, counts - core_counts)):
        step = np.repeat(np.arange(part.size), part.ravel())
        u = rng.random(len(step), dtype=np.float32)
        square = np.square(radius).astype(np.float32).ravel()[step] * (u / (1 - u))
        cell, inside = _locate(grid, square, rng.random(len(step), dtype=np.float32))
        step = step[inside]
        total += np.bincount(first_cell[step] + cell[inside], weights=spot_energy[step], minlength=len(total))
    return total.reshape(len(energy), grid.n_cells)


def _locate(grid: Grid, square: NDArray[np.float32], turn: NDArray[np.float32]) -> tuple[Ints, NDArray[np.bool_]]:
    """Cells of spots given by r² [mm²] and azimuth [turns]; and which of them are inside the grid."""
    return _locate_polar(grid, square, turn) if grid.kind == "polar" else _locate_cartesian(grid, square, turn)


def _locate_polar(
    grid: PolarGrid, square: NDArray[np.float32], turn: NDArray[np.float32]
) -> tuple[Ints, NDArray[np.bool_]]:
    n_rings = len(grid.r_edges) - 1
    ring = _bin(np.square(grid.r_edges), square)
    # in float32 a turn just below 1 times n_alpha can round up to n_alpha
    sector = np.minimum((turn * grid.n_alpha).astype(np.int64), grid.n_alpha - 1)
    return sector * n_rings + ring, (ring >= 0) & (ring < n_rings)


def _locate_cartesian(
    grid: CartesianGrid, square: NDArray[np.float32], turn: NDArray[np.float32]
) -> tuple[Ints, NDArray[np.bool_]]:
    r, phi = np.sqrt(square), np.float32(2 * np.pi) * turn
    row, column = _bin(grid.x_edges, r * np.cos(phi)), _bin(grid.y_edges, r * np.sin(phi))
    n_rows, n_columns = grid.shape
    inside = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_columns)
    return row * n_columns + column, inside


def _bin(edges: Floats | tuple[float, ...], values: NDArray[np.float32]) -> Ints:
    """Bin of each value: -1 below the first edge, the number of bins above the last."""
    return np.searchsorted(np.asarray(edges, dtype=np.float32), values, side="right") - 1
