"""Rareness: neighbours as scikit-learn finds them, ranks that become a half-Gaussian, weights that count."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import halfnorm, kstest
from sklearn.neighbors import NearestNeighbors

from moliere.errors import ConfigError, InvalidEvents
from moliere.preprocess import Facts, Rareness, half_normal_ranks

FOUR = [(0, 1, 2, 3)]


def sample(n: int, seed: int = 0) -> torch.Tensor:
    """Skewed and correlated columns, (n, 4)."""
    normal = np.random.default_rng(seed).normal(size=(n, 4))
    normal[:, 1] += 0.5 * normal[:, 0]
    return torch.from_numpy(np.column_stack([normal[:, :2], np.exp(0.5 * normal[:, 2:])]))


def fitted(values: torch.Tensor, weights: torch.Tensor | None = None, **settings: int) -> Rareness:
    rareness = Rareness(FOUR, **settings)
    rareness.fit(values, Facts(weights=weights), np.random.default_rng(1))
    return rareness


def test_ranks_become_a_half_gaussian() -> None:
    values = np.random.default_rng(0).exponential(size=1000)
    found = half_normal_ranks(values)
    assert np.array_equal(np.argsort(found), np.argsort(values))
    np.testing.assert_allclose(np.sort(found), halfnorm.ppf((np.arange(1000) + 0.5) / 1000))


def test_ranks_of_equal_values_are_equal_and_in_the_middle() -> None:
    np.testing.assert_allclose(
        half_normal_ranks(np.array([7.0, 7.0, 9.0, 7.0])), halfnorm.ppf([3 / 8, 3 / 8, 7 / 8, 3 / 8])
    )
    assert half_normal_ranks(np.array([])).shape == (0,)


def test_a_weight_of_two_is_a_muon_that_comes_twice() -> None:
    values = np.array([1.0, 4.0, 2.0])
    twice = half_normal_ranks(np.array([1.0, 4.0, 4.0, 2.0]))
    np.testing.assert_allclose(half_normal_ranks(values, np.array([1.0, 2.0, 1.0])), twice[[0, 1, 3]])


def test_rareness_orders_muons_as_the_distance_to_their_neighbours_does() -> None:
    values, others = sample(3000), sample(500, seed=1)
    rareness = fitted(values, reference_size=1000)
    assert rareness.n_reference == 1000
    nearest = NearestNeighbors(n_neighbors=3, algorithm="ball_tree").fit(rareness.reference.numpy())
    distance = nearest.kneighbors(others.numpy())[0].mean(axis=1)
    found = rareness(others)[:, 0].numpy()
    assert (np.diff(found[np.argsort(distance)]) >= 0).all()


def test_rareness_of_new_muons_is_a_half_gaussian() -> None:
    found = fitted(sample(20_000), reference_size=2000)(sample(3000, seed=2))[:, 0].numpy()
    assert kstest(found, "halfnorm").pvalue > 1e-4


def test_each_group_makes_a_column_of_its_own() -> None:
    values = sample(4000)
    groups = [(0,), (2,), (0, 1, 2, 3)]
    rareness = Rareness(groups, reference_size=1000)
    rareness.fit(values, rng=np.random.default_rng(0))
    probe = values.mean(dim=0).repeat(2, 1)
    probe[1, 2] = 30.0
    common, rare = rareness(probe)
    assert common[0] == rare[0]
    assert common[1] < 1.5 < 4 < rare[1]
    assert common[2] < 1.5 < 4 < rare[2]
    for k in range(3):
        assert kstest(rareness(sample(2000, seed=3))[:, k].numpy(), "halfnorm").pvalue > 1e-5


def test_a_muon_farther_than_all_of_the_fit_is_rarer_in_proportion() -> None:
    rareness = fitted(sample(2000), reference_size=500)
    near, far = rareness(torch.tensor([[1e3] * 4, [2e3] * 4], dtype=torch.float64))[:, 0]
    assert near > rareness.highest
    assert float(far / near) == pytest.approx(2, rel=0.01)


def test_weights_undo_an_enriched_sample() -> None:
    """Muons drawn three times too often above 0.5, with a third of the weight, are as rare as without all that."""
    values = sample(60_000)
    rng = np.random.default_rng(5)
    is_high = values[:, 0] > 0.5
    kept = is_high | torch.from_numpy(rng.random(60_000) < 1 / 3)
    enriched, weights = values[kept], torch.where(is_high[kept], 1 / 3, 1.0)
    plain, corrected, wrong = fitted(values), fitted(enriched, weights), fitted(enriched)
    probe = sample(4000, seed=6)
    expected = plain(probe)[:, 0].numpy()
    assert kstest(corrected(probe)[:, 0].numpy(), "halfnorm").pvalue > 1e-4
    assert kstest(wrong(probe)[:, 0].numpy(), "halfnorm").pvalue < 1e-6
    assert abs(np.mean(corrected(probe)[:, 0].numpy() - expected)) < 0.02


def test_the_reference_is_drawn_by_weight() -> None:
    values = sample(30_000)
    weights = torch.where(values[:, 0] > 0, 1.0, 0.25)
    reference = fitted(values, weights, reference_size=5000).reference
    assert abs((reference[:, 0] > 0).double().mean().item() - 0.8) < 5 * math.sqrt(0.8 * 0.2 / 5000)


def test_muons_that_come_again_count_once_with_all_their_weight() -> None:
    """Otherwise each would be its own neighbour, and the commonest of all."""
    values = sample(2000)
    again = torch.cat([values, values[:1000], values[:1000]])
    weights = torch.cat([torch.full((1000,), 1 / 3), torch.ones(1000), torch.full((2000,), 1 / 3)])
    one, two = fitted(values), fitted(again, weights)
    assert two.n_reference == 2000
    torch.testing.assert_close(two(values), one(values), atol=1e-6, rtol=0)
    assert one(values).mean() > 0.7  # 0.8 for a half-Gaussian


def test_the_state_travels_with_weights() -> None:
    values = sample(500)
    rareness, other = fitted(values, reference_size=1000), Rareness(FOUR, reference_size=1000)
    with pytest.raises(InvalidEvents, match="no reference sample"):
        other(values)
    other.load_state_dict(rareness.state_dict())
    assert other.n_reference == 500
    assert torch.equal(other(values), rareness(values))


def test_no_muons_have_no_rareness_and_precision_is_kept() -> None:
    rareness = fitted(sample(100))
    assert rareness(sample(0)).shape == (0, 1)
    assert rareness(sample(3).float()).dtype == torch.float32


def test_a_reference_smaller_than_its_neighbours_is_refused() -> None:
    with pytest.raises(InvalidEvents, match=r"3 different muons.*reference of 3.*needs at least 4: give more muons"):
        fitted(sample(3).repeat(10, 1))
    heavy = torch.ones(100).index_fill(0, torch.tensor([7]), 1e9)
    with pytest.raises(InvalidEvents, match="the heaviest with 100 % of all weight"):
        fitted(sample(100), heavy)
    with pytest.raises(ConfigError, match="more muons than neighbours"):
        Rareness(FOUR, k=5, reference_size=5)
    with pytest.raises(ConfigError, match="at least one column"):
        Rareness([()])


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan])
def test_weights_that_are_not_above_0_are_refused(weight: float) -> None:
    weights = torch.ones(50).index_fill(0, torch.tensor([7]), weight)
    with pytest.raises(InvalidEvents, match=r"1 of 50 weights are not above 0 \(first: row 7"):
        fitted(sample(50), weights)
    with pytest.raises(InvalidEvents, match="not above 0"):
        half_normal_ranks(np.arange(50.0), weights.numpy())


def test_muons_that_are_not_finite_or_not_there_are_refused() -> None:
    values = sample(50)
    values[3, 2] = math.inf
    with pytest.raises(InvalidEvents, match="first: row 3"):
        fitted(values)
    with pytest.raises(InvalidEvents, match="no muons"):
        fitted(values[:0])
