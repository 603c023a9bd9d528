"""Dense layers: normalisation in evaluation, and what dropout drops."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from moliere.models.networks.leaky_mlp import LeakyMLP, kept


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_norms_that_are_folded_in_are_the_norms() -> None:
    torch.manual_seed(0)
    network = LeakyMLP(5, (8, 7, 6), 2, norm=True)
    for _ in range(5):
        network(2 * torch.randn(64, 5) + 1)  # running statistics that are not 0 and 1
    network.eval()
    x = expected = torch.randn(10, 5)
    with torch.no_grad():
        for layer, norm in zip(network.layers, network.norms, strict=True):
            expected = norm(F.leaky_relu(layer(expected), 0.2))
        torch.testing.assert_close(network(x), network.outward(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(1000, 101), (3, 7), (0, 4)])
def test_dropout_keeps_the_mean(shape: tuple[int, int]) -> None:
    mask = kept(shape, 0.2, rng())
    assert mask.shape == shape
    assert all(value in (0.0, pytest.approx(256 / 205)) for value in mask.unique().tolist())
    if shape[0] == 1000:
        assert float(mask.mean()) == pytest.approx(1, abs=0.01)
        rows, columns = mask.mean(dim=1), mask.mean(dim=0)
        # independent: the spread of sums is a binomial's
        assert float(rows.std()) == pytest.approx(0.5 / 101**0.5, rel=0.1)
        assert float(columns.std()) == pytest.approx(0.5 / 1000**0.5, rel=0.25)


def test_dropout_is_the_seeds_and_only_in_training() -> None:
    network = LeakyMLP(4, (32,), 1, dropout=0.5)
    x = torch.randn(6, 4)
    assert torch.equal(network(x, rng(1)), network(x, rng(1)))
    assert not torch.equal(network(x, rng(1)), network(x, rng(2)))
    plain = network(x)
    network.eval()
    assert torch.equal(network(x, rng(1)), plain)
