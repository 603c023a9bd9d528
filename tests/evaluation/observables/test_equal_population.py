from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from moliere.errors import InvalidEvents
from moliere.evaluation.distances import equal_population_edges, equal_population_separation


def slow_separation(first: list[float], second: list[float]) -> float:
    """CaloGAN's recipe, value by value."""
    pooled = sorted(first + second)
    edges = [pooled[k * (len(pooled) // 10)] for k in range(10)] + [pooled[-1]]
    result = 0.0
    for k in range(10):
        shares = []
        for sample in (first, second):
            last = k == 9
            inside = [v for v in sample if edges[k] <= v and (v < edges[k + 1] or (last and v <= edges[k + 1]))]
            shares.append(len(inside) / len(sample))
        result += 0.5 * (shares[0] - shares[1]) ** 2 / (1e-5 + shares[0] + shares[1])
    return result


@pytest.mark.parametrize("sizes", [(50, 50), (37, 68), (3, 8), (1, 99)])
def test_against_loops_over_values(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    first, second = rng.normal(0, 1, sizes[0]), rng.normal(0.5, 1, sizes[1])
    assert equal_population_separation(first, second) == pytest.approx(slow_separation(first.tolist(), second.tolist()))


def test_repeated_values_against_loops() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.choice(3, 100, p=[0.1, 0.2, 0.7]).astype(float), rng.integers(0, 3, 90).astype(float)
    assert equal_population_separation(first, second) == pytest.approx(slow_separation(first.tolist(), second.tolist()))


def test_known_answers() -> None:
    same = np.arange(30.0)
    assert equal_population_separation(same, same) == 0
    # each fills five bins with 1/5 of itself: 10 · ½ · 0.04 / (0.2 + 1e-5)
    assert equal_population_separation(np.arange(50.0), np.arange(50.0, 100.0)) == pytest.approx(0.2 / (0.2 + 1e-5))
    assert equal_population_edges(np.arange(12.0), np.arange(12.0, 23.0)).tolist() == [*range(0, 20, 2), 22]


def test_only_the_order_of_values_counts() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(0, 1, 500), rng.normal(0.3, 1.2, 400)
    plain = equal_population_separation(first, second)
    assert equal_population_separation(np.exp(first), np.exp(second)) == plain
    assert equal_population_separation(second, first) == plain


def test_shifted_gaussians_have_their_closed_form() -> None:
    shift, rng, n = 0.8, np.random.default_rng(3), 100_000
    cdfs = stats.norm(0, 1).cdf, stats.norm(shift, 1).cdf
    deciles = [
        optimize.brentq(lambda x, q=q: (cdfs[0](x) + cdfs[1](x)) / 2 - q, -9, 9) for q in np.linspace(0.1, 0.9, 9)
    ]
    p, q = (np.diff([0, *cdf(np.array(deciles)), 1]) for cdf in cdfs)
    expected = 0.5 * np.sum((p - q) ** 2 / (1e-5 + p + q))
    assert 0.1 < expected < 0.2
    measured = equal_population_separation(rng.normal(0, 1, n), rng.normal(shift, 1, n))
    assert measured == pytest.approx(expected, abs=3e-3)


def test_too_few_values_are_refused() -> None:
    with pytest.raises(InvalidEvents, match="9 values are too few for 10"):
        equal_population_separation(np.arange(4.0), np.arange(5.0))
    with pytest.raises(InvalidEvents, match="samples of 0 and 20 values"):
        equal_population_separation(np.zeros(0), np.arange(20.0))
