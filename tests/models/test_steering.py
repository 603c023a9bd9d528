"""Boosted auxiliaries with weights are half-Gaussians again."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from moliere.errors import ConfigError
from moliere.models.steering import NearSeeds, Proposal, WiderHalfNormal, effective_share, half_normal_log_density


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_density_is_scipys() -> None:
    values = torch.tensor([[0.0, 1.0], [2.5, 0.1]], dtype=torch.float64)
    expected = stats.halfnorm(scale=1.3).logpdf(values.numpy()).sum(axis=1)
    assert half_normal_log_density(values, 1.3).tolist() == pytest.approx(expected.tolist())


PROPOSALS: dict[str, Proposal] = {
    "wide": WiderHalfNormal(2, 1.5),
    "narrow": WiderHalfNormal(2, 0.8),
    "one seed": NearSeeds(torch.tensor([[3.0, 0.2]])),
    "many seeds": NearSeeds(2 + torch.randn(3000, 2, generator=rng(3)).abs()),
    "seeds all alike": NearSeeds(torch.full((40, 2), 2.0)),
}


@pytest.mark.parametrize("name", PROPOSALS)
def test_densities_are_normalised(name: str) -> None:
    step = 0.1
    axis = torch.arange(0, 9, step, dtype=torch.float64) + step / 2
    density = PROPOSALS[name].log_density(torch.cartesian_prod(axis, axis)).exp()
    assert float(density.sum() * step**2) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", PROPOSALS)
def test_weighted_draws_are_half_gaussians(name: str) -> None:
    proposal, n = PROPOSALS[name], 20_000
    values = proposal.draw(n, rng(1)).double()
    weights = (half_normal_log_density(values) - proposal.log_density(values)).exp()
    assert (values >= 0).all()
    assert values.shape == (n, 2)
    checks: list[tuple[Tensor, float]] = [
        (torch.ones(n, dtype=torch.float64), 1.0),
        (values[:, 0], math.sqrt(2 / math.pi)),
        (values[:, 1] ** 2, 1.0),
        ((values[:, 0] > 2).double(), 2 * stats.norm.sf(2)),
    ]
    for numbers, expected in checks:
        terms = weights * numbers
        assert abs(float(terms.mean()) - expected) < 5 * float(terms.std()) / math.sqrt(n)


def test_seeds_bound_the_weights() -> None:
    proposal = PROPOSALS["one seed"]
    values = torch.rand(1000, 2, generator=rng(), dtype=torch.float64) * 6
    assert float((half_normal_log_density(values) - proposal.log_density(values)).max()) <= math.log(5) + 1e-9


def test_draws_are_near_their_seeds() -> None:
    values = PROPOSALS["many seeds"].draw(10_000, rng())
    assert float((values > 2).all(dim=1).float().mean()) > 0.6  # four fifths, less what kernels spread below 2


def test_effective_share_of_a_wider_half_gaussian() -> None:
    scale = 1.2
    values = WiderHalfNormal(1, scale).draw(200_000, rng()).double()
    weights = half_normal_log_density(values) - half_normal_log_density(values, scale)
    assert effective_share(weights) == pytest.approx(math.sqrt(2 - scale**-2) / scale, abs=2e-3)


@pytest.mark.parametrize("scale", [0.0, -1.0, 0.7, math.inf, math.nan])
def test_scales_without_finite_variance_are_refused(scale: float) -> None:
    with pytest.raises(ConfigError, match="variance of the weights is infinite"):
        WiderHalfNormal(1, scale)


def test_no_seeds_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least one event to look like"):
        NearSeeds(torch.zeros(0, 1))
