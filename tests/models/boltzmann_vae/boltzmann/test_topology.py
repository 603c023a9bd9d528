"""Couplings are those asked for; the Zephyr graph is the one that its geometry makes."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import torch

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.boltzmann import Topology, fully_connected, sparse, zephyr
from moliere.models.boltzmann_vae.boltzmann.topology import zephyr_edges, zephyr_partitions


def edges_by_geometry(m: int) -> set[tuple[int, int]]:
    """Zephyr qubits are bars over two cells of a lattice: coupled where bars cross, overlap or follow each other."""
    qubits = list(product(range(2), range(2 * m + 1), range(4), range(2), range(m)))

    def cells(u: int, w: int, j: int, z: int) -> set[tuple[int, int]]:
        along = (2 * z + j, 2 * z + j + 1)
        return {(w, place) if u else (place, w) for place in along}

    def coupled(one: tuple[int, ...], two: tuple[int, ...]) -> bool:
        (u, w, k, j, z), (u2, w2, k2, j2, z2) = one, two
        share = bool(cells(u, w, j, z) & cells(u2, w2, j2, z2))
        if u != u2:
            return share
        same_line = (w, k) == (w2, k2)
        return same_line and (share if j != j2 else abs(z - z2) == 1)

    numbered = list(enumerate(qubits))  # the order of linear indices
    return {(a, b) for (a, one), (b, two) in combinations(numbered, 2) if coupled(one, two)}


@pytest.mark.parametrize("m", [1, 2])
def test_zephyr_graph_is_the_one_of_its_geometry(m: int) -> None:
    found = [tuple(sorted(edge)) for edge in zephyr_edges(m).tolist()]
    assert len(found) == len(set(found))
    assert set(found) == edges_by_geometry(m)


@pytest.mark.parametrize("m", [3, 6, 12])
def test_zephyr_has_the_published_counts(m: int) -> None:
    edges = zephyr_edges(m)
    assert len(zephyr_partitions(m)) == 16 * m * (2 * m + 1)
    assert len(edges) == 8 * (40 * m**2 - 2 * m - 3)
    assert np.bincount(edges.ravel()).max() == 20


@pytest.mark.parametrize("m", [2, 6, 12])
def test_no_coupler_stays_within_a_partition(m: int) -> None:
    partitions = zephyr_partitions(m)
    a, b = partitions[zephyr_edges(m)].T
    assert (a != b).all()


def test_zephyr_masks_are_the_couplers_between_chosen_qubits() -> None:
    sizes = (20, 35, 35, 35)
    topology = zephyr(sizes, grid=2)
    assert topology.qubits is not None
    couplers = {tuple(sorted(edge)) for edge in zephyr_edges(2).tolist()}
    starts = np.cumsum([0, *sizes])
    for a, b in combinations(range(4), 2):
        for i, j in product(range(sizes[a]), range(sizes[b])):
            qubits = topology.qubits[starts[a] + i], topology.qubits[starts[b] + j]
            assert bool(topology.masks[a, b][i, j]) == (tuple(sorted(qubits)) in couplers)


def test_a_part_of_a_large_chip_is_as_dense_as_a_small_chip() -> None:
    whole, part = zephyr([302] * 4, grid=6), zephyr([302] * 4, grid=12)
    assert part.n_couplings > 0.95 * whole.n_couplings
    assert part.qubits != whole.qubits


def test_a_small_partition_is_coupled_all_over() -> None:
    topology = zephyr([53, 302, 302, 302])
    per_node = sum(topology.masks[0, b].sum(dim=1) for b in (1, 2, 3))
    assert isinstance(per_node, torch.Tensor)
    assert per_node.float().mean() > 15
    assert topology.masks[0, 1].any(dim=0).float().mean() > 0.5


def test_broken_qubits_are_not_used() -> None:
    broken = {0, 17, 100}
    topology = zephyr([38, 38, 38, 38], grid=2, working=set(range(160)) - broken)
    assert topology.qubits is not None
    assert not broken & set(topology.qubits)


def test_the_largest_partitions_of_an_advantage2_chip() -> None:
    assert zephyr([1200] * 4, grid=12).n_couplings == 8 * (40 * 144 - 27)
    with pytest.raises(ConfigError, match="with m = 12 has partitions of"):
        zephyr([1201, 10, 10, 10], grid=12)


@pytest.mark.parametrize(("sizes", "message"), [([5000] * 4, "no Zephyr chip up to m = 15"), ([9] * 3, "four")])
def test_partitions_that_no_chip_has(sizes: list[int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        zephyr(sizes)


def test_sparse_rows_have_their_degree() -> None:
    topology = sparse([9, 12, 15, 12], 4, torch.Generator().manual_seed(0))
    for mask in topology.masks.values():
        assert (mask.sum(dim=1) == 4).all()
    assert not torch.equal(topology.masks[0, 1], topology.masks[0, 3])


@pytest.mark.parametrize("degree", [0, 13])
def test_sparse_degree_must_fit(degree: int) -> None:
    with pytest.raises(ConfigError, match=f"degree {degree} does not fit"):
        sparse([9, 12, 15, 12], degree, torch.Generator())


@pytest.mark.parametrize("sizes", [[4], [4, 0, 4]])
def test_partitions_must_hold_nodes(sizes: list[int]) -> None:
    with pytest.raises(ConfigError, match="two or more partitions of one node or more"):
        fully_connected(sizes)


def test_a_mask_must_have_the_shape_of_its_partitions() -> None:
    with pytest.raises(ConfigError, match=r"the mask of partitions 0 and 1 is \(3, 2\)"):
        Topology((2, 3), {(0, 1): torch.ones(3, 2, dtype=torch.bool)})
