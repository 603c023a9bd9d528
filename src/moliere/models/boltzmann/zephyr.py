"""The graph of D-Wave's Zephyr chips, from its published coordinates, so that training for one needs no SDK."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: of the published four-colouring
N_PARTITIONS = 4
#: m of the largest chip that D-Wave has described; Advantage2 has 12
LARGEST_GRID = 15

_TILE = 4


def zephyr_partitions(grid: int) -> NDArray[np.int64]:
    """The partition of each qubit, (2u + w + 2z + j) mod 4, in the order of linear indices.

    Args:
        grid: m of the chip.

    Example:
        >>> np.bincount(zephyr_partitions(6))
        array([312, 312, 312, 312])
    """
    u, w, _, j, z = _axes(2, 2 * grid + 1, _TILE, 2, grid)
    partitions: NDArray[np.int64] = (2 * u + w + 2 * z + j) % N_PARTITIONS
    return partitions


def zephyr_radii(grid: int) -> NDArray[np.float64]:
    """Distance of each qubit's middle from the middle of the chip, in cells, in the order of linear indices.

    Args:
        grid: m of the chip.
    """
    _, across, _, j, z = _axes(2, 2 * grid + 1, _TILE, 2, grid)
    radii: NDArray[np.float64] = np.hypot(across - grid, 2 * z + j + 0.5 - grid)
    return radii


def zephyr_edges(grid: int) -> NDArray[np.int64]:
    """Linear indices of the coupled qubits, (n_couplers, 2).

    A qubit is (u, w, k, j, z): its direction, three offsets across it, and the place along it. It is coupled to the
    next of its line (external), to its twin half a step on (odd), and to those that cross it (internal).

    Args:
        grid: m of the chip.

    References:
        Zephyr Topology of D-Wave Quantum Processors, K. Boothby, 2021,
        https://dwavesys.com/media/fawfas04/14-1056a-a_zephyr_topology_of_d-wave_quantum_processors.pdf
    """
    return np.concatenate([_external(grid), *(_odd(grid, back) for back in (0, 1)), _internal(grid)])


def _external(m: int) -> NDArray[np.int64]:
    u, w, k, j, z = _axes(2, 2 * m + 1, _TILE, 2, m - 1)
    return np.stack([_linear(m, u, w, k, j, z), _linear(m, u, w, k, j, z + 1)], axis=1)


def _odd(m: int, back: int) -> NDArray[np.int64]:
    u, w, k, z = _axes(2, 2 * m + 1, _TILE, m - back)
    zero = np.zeros_like(z)
    return np.stack([_linear(m, u, w, k, zero, z + back), _linear(m, u, w, k, zero + 1, z)], axis=1)


def _internal(m: int) -> NDArray[np.int64]:
    w, z, h, k, i, j, a, b = _axes(m, m, _TILE, _TILE, 2, 2, 2, 2)
    vertical = _linear(m, np.zeros_like(w), 2 * w + 1 + a * (2 * i - 1), k, j, z)
    horizontal = _linear(m, np.ones_like(w), 2 * z + 1 + b * (2 * j - 1), h, i, w)
    return np.stack([vertical, horizontal], axis=1)


def _linear(
    m: int,
    u: NDArray[np.int64],
    w: NDArray[np.int64],
    k: NDArray[np.int64],
    j: NDArray[np.int64],
    z: NDArray[np.int64],
) -> NDArray[np.int64]:
    return (((u * (2 * m + 1) + w) * _TILE + k) * 2 + j) * m + z


def _axes(*sizes: int) -> NDArray[np.int64]:
    """Every combination of indices, one row an axis."""
    return np.indices(sizes).reshape(len(sizes), -1)
