"""Which nodes of a Boltzmann machine are coupled: all of them, none, a random few, or what an annealer's chip has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import ConfigError

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


Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Topology:
    """Partitions of nodes and the couplings between them; nodes of one partition are never coupled.

    Args:
        sizes: nodes in each partition; the first partition is the one that is clamped.
        masks: pair of partitions (a < b) → which of their nodes are coupled, bool (n_a, n_b); pairs that are left out
            are not coupled at all.
        qubits: for each node, in the order of the partitions, the qubit that it is on a chip.

    Raises:
        ConfigError: fewer than two partitions, an empty one, or a mask of another shape.
    """

    sizes: tuple[int, ...]
    masks: Mapping[Pair, Tensor] = field(default_factory=dict)
    qubits: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Check sizes and shapes."""
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ConfigError(f"a Boltzmann machine needs two or more partitions of one node or more, got {self.sizes}")
        for (a, b), mask in self.masks.items():
            if not a < b < len(self.sizes) or tuple(mask.shape) != (self.sizes[a], self.sizes[b]):
                raise ConfigError(
                    f"the mask of partitions {a} and {b} is {tuple(mask.shape)}, but the partitions are {self.sizes}"
                )

    @property
    def n_couplings(self) -> int:
        """Number of coupled pairs of nodes."""
        return sum(int(mask.sum()) for mask in self.masks.values())


def independent(sizes: Sequence[int]) -> Topology:
    """No couplings: each free node is a coin of its own, the Bernoulli prior that a Boltzmann machine must beat.

    Example:
        >>> independent([2, 3, 3, 3]).n_couplings
        0
    """
    return Topology(tuple(sizes))


def fully_connected(sizes: Sequence[int]) -> Topology:
    """Every node with every node of every other partition.

    Example:
        >>> fully_connected([2, 3, 3, 3]).n_couplings
        45
    """
    pairs = combinations(range(len(sizes)), 2)
    return Topology(tuple(sizes), {(a, b): torch.ones(sizes[a], sizes[b], dtype=torch.bool) for a, b in pairs})


def sparse(sizes: Sequence[int], degree: int, rng: torch.Generator) -> Topology:
    """Random couplings: every node with ``degree`` nodes of each later partition.

    Args:
        sizes: nodes in each partition.
        degree: couplings of a node to a partition.
        rng: says which.

    Raises:
        ConfigError: more couplings than a partition has nodes.

    Example:
        >>> sparse([4, 8, 8, 8], 3, torch.Generator().manual_seed(0)).n_couplings
        108
    """
    if not 0 < degree <= min(sizes[1:]):
        raise ConfigError(f"degree {degree} does not fit partitions of {list(sizes)} nodes; use 1 to {min(sizes[1:])}")
    pairs = combinations(range(len(sizes)), 2)
    order = {(a, b): torch.rand(sizes[a], sizes[b], generator=rng).argsort(dim=1) for a, b in pairs}
    return Topology(tuple(sizes), {pair: rank < degree for pair, rank in order.items()})


def zephyr(sizes: Sequence[int], grid: int | None = None, working: Collection[int] | None = None) -> Topology:
    """The couplings of a D-Wave Advantage2 chip, whose graph divides into four partitions without inner couplings.

    The middle of the chip is taken, where couplings are densest; a partition smaller than the largest is spread evenly
    over that part. A machine that is to be sampled on a chip needs that chip's own grid and working qubits.

    Args:
        sizes: nodes in each of the four partitions.
        grid: m of the chip (12 for Advantage2); the smallest that holds the partitions by default.
        working: linear indices of the qubits that work (``nodelist`` of the SDK's sampler); all by default.

    Raises:
        ConfigError: not four partitions, or more nodes than the chip has qubits for.

    References:
        Zephyr Topology of D-Wave Quantum Processors, K. Boothby, 2021; Conditioned quantum-assisted deep generative
        surrogate for particle-calorimeter interactions (the partition), J. Q. Toledo-Marín, 2024,
        https://arxiv.org/abs/2410.22870

    Example:
        >>> topology = zephyr([302, 302, 302, 302])
        >>> topology.n_couplings, len(topology.qubits)
        (11064, 1208)
    """
    if len(sizes) != N_PARTITIONS:
        raise ConfigError(f"a Zephyr chip has four partitions, got {len(sizes)}: {list(sizes)}")
    for m in range(1, LARGEST_GRID + 1) if grid is None else [grid]:
        qubits = _choose_qubits(sizes, m, working)
        if qubits is not None:
            return Topology(tuple(sizes), _masks(sizes, m, qubits), tuple(np.concatenate(qubits).tolist()))
    chip = f"up to m = {LARGEST_GRID}" if grid is None else f"with m = {grid}"
    raise ConfigError(f"no Zephyr chip {chip} has partitions of {list(sizes)} working qubits; use fewer nodes")


def _choose_qubits(sizes: Sequence[int], grid: int, working: Collection[int] | None) -> list[NDArray[np.int64]] | None:
    """Qubits of each partition; None where there are too few."""
    partitions = zephyr_partitions(grid)
    if working is not None:
        partitions[~np.isin(np.arange(len(partitions)), list(working))] = -1
    from_middle = np.argsort(zephyr_radii(grid), kind="stable")
    found = [from_middle[partitions[from_middle] == k] for k in range(N_PARTITIONS)]
    if any(len(there) < n for there, n in zip(found, sizes, strict=True)):
        return None
    part = [np.sort(there[: max(sizes)]) for there in found]
    return [there[np.arange(n) * len(there) // n] for there, n in zip(part, sizes, strict=True)]


def _masks(sizes: Sequence[int], grid: int, qubits: Sequence[NDArray[np.int64]]) -> dict[Pair, Tensor]:
    partitions = zephyr_partitions(grid)
    place = np.full(len(partitions), -1)
    for chosen in qubits:
        place[chosen] = np.arange(len(chosen))
    edges = zephyr_edges(grid)
    edges = edges[(place[edges] >= 0).all(axis=1)]
    edges = np.take_along_axis(edges, partitions[edges].argsort(axis=1), axis=1)
    masks = {}
    for a, b in combinations(range(N_PARTITIONS), 2):
        here = place[edges[(partitions[edges] == (a, b)).all(axis=1)]]
        masks[a, b] = torch.zeros(sizes[a], sizes[b], dtype=torch.bool)
        masks[a, b][here[:, 0], here[:, 1]] = True
    return masks


#: couplings of a prior by their name in a recipe
TOPOLOGIES: dict[str, Callable[[Sequence[int]], Topology]] = {
    "full": fully_connected,
    "zephyr": zephyr,
    "none": independent,
}
