"""Layers in numbers that are normal: they come back, and drawn from one normal distribution they are as dark."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from moliere.models.boltzmann_vae.layer_numbers import CorrelatedNormal, LayerNumbers
from moliere.models.networks.layer_state import LayerState


@dataclass(frozen=True)
class Coded:
    """Showers and what a coder that is fitted to them makes of their layers."""

    energy: Tensor
    state: LayerState
    coder: LayerNumbers
    numbers: Tensor
    rng: torch.Generator


@pytest.fixture
def coded() -> Coded:
    """Three layers of four cells, the last dark in four showers of five."""
    rng = torch.Generator().manual_seed(0)
    energy = 1000 * torch.rand(4000, generator=rng, dtype=torch.float64) + 500
    shares = torch.rand(4000, 12, generator=rng).double()
    shares[:, 8:] *= (torch.rand(4000, 1, generator=rng) < 0.2).double()
    signals = shares * energy[:, None] / 20
    rng.manual_seed(1)
    coder = LayerNumbers([4, 4, 4], threshold=0.1)
    state = coder.measure(torch.where(signals < 0.1, torch.zeros_like(signals), signals))
    coder.fit(state, energy)
    return Coded(energy, state, coder, coder.encode(state, energy, rng), rng)


def test_layers_come_back(coded: Coded) -> None:
    assert coded.numbers.shape == (4000, coded.coder.width) == (4000, 7)
    assert coded.numbers.mean(dim=0).abs().max() < 0.1
    back = coded.coder.decode(coded.numbers, coded.energy)
    assert torch.equal(back.counts, coded.state.counts)
    torch.testing.assert_close(back.energies, coded.state.energies, rtol=1e-4, atol=1e-3)


def test_a_normal_distribution_knows_dark_layers_and_the_response(coded: Coded) -> None:
    head = CorrelatedNormal(1, 4, coded.coder.width)
    head.start(coded.numbers)
    noise = torch.randn(4000, coded.coder.width, generator=coded.rng)
    with torch.no_grad():
        drawn = coded.coder.decode(head(torch.zeros(4000, 1), noise), coded.energy)
    dark, truth = ((s.counts[:, 2] == 0).double().mean() for s in (drawn, coded.state))
    assert float(dark) == pytest.approx(float(truth), abs=0.04)
    responses = [(s.energies.sum(dim=1) / coded.energy).mean() for s in (drawn, coded.state)]
    assert float(responses[0]) == pytest.approx(float(responses[1]), rel=0.02)
    assert ((drawn.energies > 0) == (drawn.counts > 0)).all()
    lit = drawn.counts > 0
    assert (drawn.energies[lit] >= 0.1 * drawn.counts[lit]).all()
