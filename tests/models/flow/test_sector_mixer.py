"""The sector backbone treats all sectors alike."""

from __future__ import annotations

import pytest
import torch

from moliere.detectors import Calorimeter, catalog
from moliere.models.flow.sector_mixer import SectorLayout, SectorMixer, find_sectors, sector_symmetries


@pytest.fixture
def layout(polar: Calorimeter) -> SectorLayout:
    found = find_sectors(polar)
    assert found is not None
    return found


def test_sectors_are_found_and_undivided_rings_set_apart(layout: SectorLayout) -> None:
    assert layout.rest == (0, 1, 2, 3)
    assert layout.sectors[0] == (4, 5, 6, 16, 17)
    assert len(layout.sectors) == 4


def test_detectors_without_common_sectors_have_none(cartesian: Calorimeter) -> None:
    assert find_sectors(cartesian) is None
    mixed = catalog.get("calochallenge-1-pions")
    assert isinstance(mixed, Calorimeter)
    assert find_sectors(mixed) is not None


def test_symmetries_are_permutations_that_form_a_group(layout: SectorLayout) -> None:
    table = [tuple(p) for p in sector_symmetries(layout)]
    assert table[0] == tuple(range(24))
    assert len(set(table)) == 2 * len(layout.sectors)
    for p in table:
        assert sorted(p) == list(range(24))
        for q in table:
            assert tuple(p[k] for k in q) in table


def test_symmetries_move_cells_to_cells_of_the_same_ring(polar: Calorimeter, layout: SectorLayout) -> None:
    for p in sector_symmetries(layout):
        assert polar.r[p] == pytest.approx(polar.r)
        assert (polar.layer_of_channel[p] == polar.layer_of_channel).all()


def test_the_network_commutes_with_rotation_and_reflection(layout: SectorLayout) -> None:
    torch.manual_seed(0)
    network = SectorMixer(layout, condition_width=3, width=16, global_width=16, blocks=2).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    x, t, told = torch.randn(5, 24).double(), torch.rand(5).double(), torch.randn(5, 3).double()
    for p in sector_symmetries(layout):
        torch.testing.assert_close(network(x[:, p], t, told), network(x, t, told)[:, p])
