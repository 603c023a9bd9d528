from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moliere.evaluation.distances import (
    expected_separation,
    histogram,
    ks_test,
    root_chi2,
    separation_power,
    wasserstein,
)

counts = st.lists(st.integers(0, 1000), min_size=3, max_size=12).filter(any)


def test_histogram_reports_what_lies_outside() -> None:
    values = np.array([-5.0, 0.0, 0.5, 1.0, 2.0, 2.0001, 7.0])
    # left-closed bins, the last one closed on both sides
    assert histogram(values, np.array([0.0, 1.0, 2.0])).tolist() == [1, 2, 2, 2]


@given(st.lists(st.floats(-10, 10), max_size=50))
def test_histogram_loses_nothing(values: list[float]) -> None:
    assert histogram(np.array(values), np.linspace(-3, 3, 7)).sum() == len(values)


def test_separation_power_by_hand() -> None:
    # shares (1/2, 1/2, 0) and (1/4, 1/4, 1/2): ½ (1/16 / ¾ + 1/16 / ¾ + ¼ / ½) = ⅓
    assert separation_power(np.array([5.0, 5.0, 0.0]), np.array([1.0, 1.0, 2.0])) == pytest.approx(1 / 3)


@settings(deadline=None)
@given(counts, st.integers(2, 9))
def test_separation_power_is_symmetric_and_ignores_sample_size(numbers: list[int], factor: int) -> None:
    one = np.array(numbers, dtype=np.float64)
    other = one[::-1].copy()
    value = separation_power(one, other)
    assert 0 <= value <= 1 + 1e-12
    assert separation_power(other, one) == pytest.approx(value, abs=1e-12)
    assert separation_power(factor * one, other) == pytest.approx(value, abs=1e-12)
    assert separation_power(one, factor * one) == pytest.approx(0, abs=1e-12)


def test_separation_power_of_gaussians_has_the_integral_as_its_limit() -> None:
    edges = np.linspace(-8, 9, 2001)
    p, q = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=1.0))
    x = np.linspace(-8, 9, 100_001)
    f, g = stats.norm.pdf(x), stats.norm.pdf(x, loc=1.0)
    exact = np.trapezoid(0.5 * (f - g) ** 2 / (f + g), x)
    assert separation_power(p, q) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize(("n", "m"), [(2000, 2000), (5000, 1000)])
def test_expected_separation_is_what_equal_distributions_score_on_average(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    p = stats.norm.pdf(np.linspace(-2, 2, 20))
    p /= p.sum()
    pairs = [(rng.multinomial(n, p).astype(float), rng.multinomial(m, p).astype(float)) for _ in range(300)]
    measured = np.mean([separation_power(a, b) for a, b in pairs])
    expected = np.mean([expected_separation(a, b) for a, b in pairs])
    assert measured == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("shift", [0.3, -2.5])
def test_wasserstein_of_a_shift_is_the_shift(shift: float) -> None:
    values = np.random.default_rng(0).normal(size=500)
    assert wasserstein(values, values + shift) == pytest.approx(abs(shift))


def test_wasserstein_of_a_widened_gaussian() -> None:
    # W1 of N(0, 1) and N(0, s²) is (s - 1) E|x| = (s - 1) √(2/π)
    values = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert wasserstein(values, 1.5 * values) == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=1e-3)


def test_ks_distance_of_shifted_gaussians() -> None:
    rng = np.random.default_rng(0)
    statistic, p = ks_test(rng.normal(size=20_000), rng.normal(0.5, 1, size=20_000))
    assert statistic == pytest.approx(2 * stats.norm.cdf(0.25) - 1, abs=0.02)
    assert p < 1e-100


def test_ks_p_values_are_uniform_for_equal_distributions() -> None:
    rng = np.random.default_rng(0)
    values = [ks_test(rng.normal(size=700), rng.normal(size=900))[1] for _ in range(200)]
    assert stats.kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("shift", [0.0, 0.3, 9.0])
def test_ks_is_scipys(shift: float) -> None:
    rng = np.random.default_rng(6)
    first, second = rng.normal(size=700).round(1), rng.normal(shift, 1, size=901).round(1)
    expected = stats.ks_2samp(first, second, method="asymp")
    assert ks_test(first, second) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12, abs=0)


def test_two_events_are_never_evidence() -> None:
    assert ks_test(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == (1.0, pytest.approx(1 / 3))


def test_ties_in_small_samples_are_no_trouble() -> None:
    # SciPy's exact p-value fails where hardly any distance is left, and warns
    rng = np.random.default_rng(0)
    for _ in range(50):
        one, other = rng.integers(0, 3, 60).astype(float), rng.integers(0, 3, 60).astype(float)
        statistic, p = ks_test(one, other)
        assert 0 <= statistic <= 1
        assert 0 <= p <= 1


@pytest.mark.parametrize(("n", "m"), [(1000, 30), (1000, 2), (200, 10), (40, 40), (3, 5)])
def test_the_floor_of_few_events_is_what_they_score_and_never_above_one(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    p = np.full(60, 1 / 60)
    measured = np.mean([
        separation_power(rng.multinomial(n, p).astype(float), rng.multinomial(m, p).astype(float)) for _ in range(300)
    ])  # fmt: skip
    floor = expected_separation(n * p, np.array([float(m)]))
    assert floor is not None
    assert floor <= 1
    assert floor == pytest.approx(measured, abs=0.05)


def test_a_sample_outside_the_axis_is_as_far_as_can_be_and_two_of_them_are_not_compared() -> None:
    nothing, something = np.zeros(4), np.array([1.0, 2.0, 0.0, 3.0])
    assert separation_power(nothing, something) == separation_power(something, nothing) == 1
    assert separation_power(nothing, nothing) is None
    assert expected_separation(something, nothing) is None
    assert root_chi2(something, nothing)[2] is None
    assert root_chi2(np.array([5.0]), np.array([7.0]))[2] is None
