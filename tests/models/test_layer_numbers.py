"""Layers in numbers that are normal: they come back, and drawn from one normal distribution they are as dark."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from moliere.models.layer_numbers import LayerNumbers
from moliere.models.networks.correlated_normal import CorrelatedNormal


@pytest.fixture
def showers() -> tuple[Tensor, Tensor]:
    """Energies and signals of three layers of four cells, the last dark in four showers of five."""
    rng = torch.Generator().manual_seed(0)
    energy = 1000 * torch.rand(4000, generator=rng, dtype=torch.float64) + 500
    shares = torch.rand(4000, 12, generator=rng).double()
    shares[:, 8:] *= (torch.rand(4000, 1, generator=rng) < 0.2).double()
    signals = shares * energy[:, None] / 20
    return energy, torch.where(signals < 0.1, torch.zeros_like(signals), signals)


def test_layers_come_back(showers: tuple[Tensor, Tensor]) -> None:
    energy, signals = showers
    rng = torch.Generator().manual_seed(1)
    coder = LayerNumbers([4, 4, 4], threshold=0.1)
    state = coder.measure(signals)
    coder.fit(state, energy, rng)
    coded = coder.encode(state, energy, rng)
    assert coded.shape == (4000, coder.width) == (4000, 7)
    assert coded.mean(dim=0).abs().max() < 0.1
    back = coder.decode(coded, energy)
    assert torch.equal(back.counts, state.counts)
    torch.testing.assert_close(back.energies, state.energies, rtol=1e-4, atol=1e-3)


def test_a_normal_distribution_knows_dark_layers_and_the_response(showers: tuple[Tensor, Tensor]) -> None:
    energy, signals = showers
    rng = torch.Generator().manual_seed(1)
    coder = LayerNumbers([4, 4, 4], threshold=0.1)
    state = coder.measure(signals)
    coder.fit(state, energy, rng)
    head = CorrelatedNormal(1, 4, coder.width)
    head.start(coder.encode(state, energy, rng))
    with torch.no_grad():
        drawn = coder.decode(head(torch.zeros(4000, 1), torch.randn(4000, coder.width, generator=rng)), energy)
    dark, truth = ((s.counts[:, 2] == 0).double().mean() for s in (drawn, state))
    assert float(dark) == pytest.approx(float(truth), abs=0.04)
    responses = [(s.energies.sum(dim=1) / energy).mean() for s in (drawn, state)]
    assert float(responses[0]) == pytest.approx(float(responses[1]), rel=0.02)
    assert ((drawn.energies > 0) == (drawn.counts > 0)).all()
    lit = drawn.counts > 0
    assert (drawn.energies[lit] >= 0.1 * drawn.counts[lit]).all()
