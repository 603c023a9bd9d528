"""Cells become normal numbers, and layers come back with exactly their energy and their count."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from moliere.models.flow.cell_coder import CellCoder
from moliere.models.networks.layer_state import LayerReader, LayerState

SIZES = [8, 24, 8]
THRESHOLD = 1.0
#: sixteen thousand showers: signals of 20 to 40 MeV, or nothing, far above the threshold
N = 4_000


@pytest.fixture(scope="module")
def showers() -> tuple[Tensor, LayerState, Tensor]:
    rng = torch.Generator().manual_seed(0)
    energy = torch.exp(torch.rand(N, generator=rng, dtype=torch.float64) * 3 + 7)
    p = ((energy.log() - 6) / 5)[:, None].float() * torch.linspace(0.9, 0.2, sum(SIZES))
    lit = torch.rand(N, sum(SIZES), generator=rng) < p
    signals = lit * (20 + 20 * torch.rand(lit.shape, generator=rng)) * torch.linspace(3, 1, sum(SIZES))
    signals[: N // 4, 32:] = 0  # a layer that a quarter of the showers does not reach
    return signals, LayerReader(SIZES, THRESHOLD).measure(signals), energy


@pytest.fixture(scope="module")
def coder(showers: tuple[Tensor, LayerState, Tensor]) -> CellCoder:
    made = CellCoder(SIZES, THRESHOLD, [k // 4 for k in range(sum(SIZES))])
    made.fit(*showers)
    return made


def test_cells_are_normal_before_anything_is_learned(
    coder: CellCoder, showers: tuple[Tensor, LayerState, Tensor]
) -> None:
    coded = coder.encode(*showers, torch.Generator().manual_seed(1))
    for cell in range(0, sum(SIZES), 3):
        assert stats.kstest(coded[:, cell].double().numpy(), "norm").statistic < 0.06


def test_showers_come_back(coder: CellCoder, showers: tuple[Tensor, LayerState, Tensor]) -> None:
    signals, state, energy = showers
    coded = coder.encode(signals, state, energy, torch.Generator().manual_seed(1))
    back = coder.decode(coded, state, energy)
    assert torch.equal(back > 0, signals > 0)
    far = (back - signals).abs() > 0.02 * signals
    assert far.double().mean() < 0.01, "only what lies beyond a table's last knots moves"


def test_noise_gives_each_layer_its_energy_and_count_and_leaves_the_gap_empty(
    coder: CellCoder, showers: tuple[Tensor, LayerState, Tensor]
) -> None:
    _, state, energy = showers
    noise = torch.randn(N, sum(SIZES), generator=torch.Generator().manual_seed(2))
    made = coder.decode(noise, state, energy)
    again = LayerReader(SIZES, THRESHOLD).measure(made)
    assert torch.equal(again.counts, state.counts)
    torch.testing.assert_close(again.energies, state.energies, rtol=1e-9, atol=1e-6)
    lit = made[made > 0]
    assert (lit < 15).double().mean() < 0.03, "real cells hold 20 MeV or nothing"


@pytest.mark.parametrize("more", [-3, 3])
def test_more_or_fewer_cells_than_the_network_lit_are_like_any_others(
    coder: CellCoder, showers: tuple[Tensor, LayerState, Tensor], more: int
) -> None:
    """Cells that are pushed over the bar one by one would all have the smallest signals there are."""
    signals, state, energy = showers
    coded = coder.encode(signals, state, energy, torch.Generator().manual_seed(1))
    counts = state.counts.clone()
    counts[:, 1] = (counts[:, 1] + more).clamp(1, 24)
    made = coder.decode(coded, LayerState(state.energies * counts / state.counts.clamp(min=1), counts), energy)
    assert torch.equal(LayerReader(SIZES, THRESHOLD).measure(made).counts, counts)
    own = (made / torch.linspace(3, 1, sum(SIZES)))[:, 8:32]
    assert (own[own > 0] < 21).double().mean() < 0.1, "of signals of 20 to 40 MeV"


def test_an_empty_layer_is_noise_on_the_way_in_and_zero_on_the_way_out(
    coder: CellCoder, showers: tuple[Tensor, LayerState, Tensor]
) -> None:
    signals, state, energy = (values[:500] for values in showers)
    coded = coder.encode(signals, state, energy, torch.Generator().manual_seed(1))
    assert abs(float(coded[:, 32:].mean())) < 0.05
    assert not coder.decode(coded, state, energy)[:, 32:].any()


def test_tables_are_trimmed_to_what_a_network_makes(showers: tuple[Tensor, LayerState, Tensor]) -> None:
    """A network whose numbers are too large and too spread out in one group still lights it as often as it should."""
    coder = CellCoder(SIZES, THRESHOLD, [k // 4 for k in range(sum(SIZES))])
    coder.fit(*showers)
    signals, state, energy = showers
    made = torch.randn(N, sum(SIZES), generator=torch.Generator().manual_seed(3))
    made[:, 8:12] = 1.3 * made[:, 8:12] + 0.4

    def miss() -> float:
        got = coder.decode(made, state, energy)
        return float(((got[:, 8:12] > 0).double().mean() / (signals[:, 8:12] > 0).double().mean() - 1).abs())

    assert miss() > 0.2
    coder.trim(made, signals, state, energy)
    assert miss() < 0.02
