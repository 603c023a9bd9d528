from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg
from scipy.optimize import curve_fit

from moliere.evaluation.fpd import extrapolate, fpd, frechet_distance
from moliere.evaluation.kpd import kpd, mmd


def random_covariance(d: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(d, 2 * d))
    return root @ root.T / (2 * d)


def slow_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The textbook's double sums."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 4)

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def plain_fpd(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """The definition, with samples that are copied, a matrix root and a general fit."""
    x, y = x / np.abs(x).max(axis=0), y / np.abs(x).max(axis=0)
    sizes = (1 / np.linspace(5 / len(x), 1 / len(x), 10)).astype(int)
    rng, values = np.random.default_rng(seed), []
    for size in sizes:
        distances = []
        for _ in range(20):
            (mean1, cov1), (mean2, cov2) = (moments(sample[rng.choice(len(sample), size=size)]) for sample in (x, y))
            root = linalg.sqrtm(cov1 @ cov2).real
            distances.append(np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2 - 2 * root))
        values.append(np.mean(distances))
    return curve_fit_line(sizes, np.array(values))


def curve_fit_line(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Intercept and its error as JetNet finds them."""
    fit, covariance = curve_fit(lambda n, a, b: a + b * n, 1 / sizes, values, bounds=([0, 0], [np.inf, np.inf]))
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def plain_kpd(x: np.ndarray, y: np.ndarray, size: int) -> tuple[float, float]:
    """The definition, with whole kernel matrices in float64."""
    x, y = x / np.abs(x).max(axis=0), y / np.abs(x).max(axis=0)
    values = []
    for i in range(10):
        rng = np.random.default_rng(42 + 1000 * i)
        a, b = x[rng.choice(len(x), size=size)], y[rng.choice(len(y), size=size)]
        aa, bb, ab = (np.square(np.square(p @ q.T / x.shape[1] + 1)) for p, q in ((a, a), (b, b), (a, b)))
        pairs = size * (size - 1)
        values.append((aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / pairs - 2 * ab.mean())
    low, high = np.percentile(values, [16.275, 83.725])
    return float(np.median(values)), float((high - low) / 2)


def correlated(n: int, d: int, seed: int, shift: float = 0.0, width: float = 1.0) -> np.ndarray:
    mixing = np.eye(d) + np.random.default_rng(0).normal(size=(d, d)) / 3
    return np.random.default_rng(seed).normal(shift, width, size=(n, d)) @ mixing


def test_values_are_those_that_jetnet_finds() -> None:
    # JetNet 0.2.5, gen_metrics.fpd(x, y, min_samples=2000, max_samples=10000) and kpd(x, y), numpy 1.26.4
    rng = np.random.default_rng(0)
    mixing = np.eye(8) + rng.normal(size=(8, 8)) / 3
    x, y = rng.normal(size=(10_000, 8)) @ mixing, rng.normal(0.03, 1.02, size=(10_000, 8)) @ mixing
    assert fpd(x, y) == pytest.approx((0.0009924337678939325, 0.00014483199203248282), abs=1e-6)
    value, error = kpd(x, y)
    assert value == pytest.approx(0.00042396101162034405, abs=0.05 * error)
    assert error == pytest.approx(0.00013827108292384236, rel=0.05)


def test_fpd_is_its_definition() -> None:
    x, y = correlated(900, 5, seed=1), correlated(900, 5, seed=2, shift=0.2, width=1.1)
    assert fpd(x, y, seed=7) == pytest.approx(plain_fpd(x, y, seed=7), abs=1e-6)


def test_fpd_counts_events_that_are_drawn_many_times() -> None:
    # events that come back three times and more are added by themselves: the larger the draw, the more of them
    x = correlated(100, 2, seed=1)
    assert fpd(x, 1.5 * x) == pytest.approx(plain_fpd(x, 1.5 * x, seed=42), abs=1e-6)


def test_fpd_of_a_feature_given_twice_is_twice_the_distance() -> None:
    x, y = correlated(2000, 1, seed=1), correlated(2000, 1, seed=2, shift=0.5, width=2)
    value, error = fpd(x, y)
    assert fpd(np.hstack([x, x]), np.hstack([y, y])) == pytest.approx((2 * value, 2 * error), rel=1e-4)


def test_fpd_of_a_widened_gaussian() -> None:
    # independent features: the sum of (σ1 - σ2)²
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(20_000, 3)), rng.normal(scale=[1.0, 1.5, 3.0], size=(20_000, 3))
    expected = np.sum((np.array([0.0, 0.5, 2.0]) / np.abs(x).max(axis=0)) ** 2)
    assert fpd(x, y)[0] == pytest.approx(expected, rel=0.03)


def test_fpd_of_what_does_not_vary_but_differs() -> None:
    assert fpd(np.full((500, 2), 2.0), np.full((500, 2), 3.0)) == pytest.approx((2 * 0.5**2, 0), abs=1e-4)


def test_fpd_of_small_differences_beside_large_offsets() -> None:
    x, y = correlated(2000, 3, seed=1), correlated(2000, 3, seed=2, shift=0.3)
    offset = np.array([1e4, -1e3, 0.0])
    assert fpd(x + offset, y + offset) == pytest.approx(plain_fpd(x + offset, y + offset, seed=42), rel=1e-4)


@pytest.mark.parametrize(
    ("intercept", "slope", "expected"),
    [
        (0.1, 30, (0.10000278091551829, 5.928565013741795e-06)),
        (0.001, 5, (0.0010472435335935324, 1.8061293573647633e-05)),
        (-0.001, 40, (7.880431733698177e-08, 0.0003526559677347425)),
        (0.0, 0, (3.1505536072161986e-05, 2.7336954402590884e-05)),
    ],
)
def test_extrapolation_is_jetnets(intercept: float, slope: float, expected: tuple[float, float]) -> None:
    # scipy 1.17.1's curve_fit of JetNet 0.2.5's gen_metrics._linear, called as in gen_metrics.fpd
    sizes = (1 / np.linspace(1 / 10_000, 1 / 50_000, 10)).astype(int)
    values = intercept + slope / sizes + 1e-5 * np.sin(np.arange(10))
    assert extrapolate(sizes, values) == pytest.approx(expected, abs=1e-6)


def test_extrapolation_is_the_best_line_where_the_slope_is_well_known() -> None:
    sizes = (1 / np.linspace(1 / 10_000, 1 / 50_000, 10)).astype(int)
    for seed in range(20):
        values = 0.1 + 30 / sizes + np.random.default_rng(seed).normal(scale=1e-5, size=10)
        line, covariance = np.polyfit(1 / sizes, values, 1, cov=True)
        assert extrapolate(sizes, values) == pytest.approx((line[1], np.sqrt(covariance[1, 1])), abs=1e-6)


def test_extrapolation_of_a_falling_or_a_negative_line_stops_at_the_bound() -> None:
    sizes = np.array([10, 20, 40])
    assert extrapolate(sizes, np.array([1.0, 2.0, 3.0]))[0] == pytest.approx(2, abs=1e-3)  # slope 0: the mean
    assert 0 <= extrapolate(sizes, 1 / sizes - 0.01)[0] < 1e-6


def test_frechet_distance_in_one_dimension() -> None:
    # (μ1 - μ2)² + (σ1 - σ2)²
    value = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([-2.0]), np.array([[9.0]]))
    assert value == pytest.approx(9 + 1)


def test_frechet_distance_of_commuting_covariances() -> None:
    first, second = np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 1.0, 0.0])
    assert frechet_distance(np.zeros(3), first, np.ones(3), second) == pytest.approx(3 + 1 + 1 + 9)


def test_frechet_distance_is_the_formula_with_a_matrix_root() -> None:
    first, second = random_covariance(6, 1), random_covariance(6, 2)
    mean = np.arange(6) / 3
    root = linalg.sqrtm(first @ second).real
    expected = mean @ mean + np.trace(first + second - 2 * root)
    assert frechet_distance(mean, first, np.zeros(6), second) == pytest.approx(expected)


def test_frechet_distance_of_equal_and_singular_covariances_is_zero() -> None:
    singular = np.ones((4, 4))
    assert frechet_distance(np.ones(4), singular, np.ones(4), singular) == pytest.approx(0, abs=1e-7)


def test_fpd_of_a_shift_scaled_by_the_largest_reference_value() -> None:
    rng = np.random.default_rng(0)
    reference, generated = rng.normal(size=(6000, 3)), rng.normal(size=(6000, 3)) + 1.0
    expected = np.sum(1 / np.abs(reference).max(axis=0) ** 2)
    assert fpd(reference, generated)[0] == pytest.approx(expected, rel=0.08)


def test_fpd_extrapolation_removes_the_bias_of_small_samples() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4000, 20)), rng.normal(size=(4000, 20))
    scale = np.abs(x).max(axis=0)
    biased = frechet_distance(*moments(x[:800] / scale), *moments(y[:800] / scale))
    assert 0 <= fpd(x, y)[0] < 0.4 * biased


def moments(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return sample.mean(axis=0), np.cov(sample, rowvar=False)


def test_fpd_does_not_depend_on_units() -> None:
    rng = np.random.default_rng(2)
    x, y, units = rng.normal(size=(600, 3)), rng.normal(0.2, 1, size=(600, 3)), np.array([1e-3, 1.0, 1e4])
    assert fpd(x * units, y * units) == pytest.approx(fpd(x, y), rel=1e-6)


def test_a_single_or_a_constant_feature_is_no_trouble() -> None:
    x = np.random.default_rng(3).normal(size=(500, 1))
    assert fpd(x, x + 5)[0] > 1
    assert fpd(np.ones((500, 2)), np.ones((500, 2)))[0] == pytest.approx(0, abs=1e-4)  # where JetNet's fit stops
    assert kpd(np.zeros((500, 2)), np.zeros((500, 2))) == (0, 0)


def test_mmd_against_double_sums() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(12, 3)), rng.normal(0.5, 2, size=(9, 3))
    assert mmd(x, y) == pytest.approx(slow_mmd(x, y))


def test_mmd_of_equal_distributions_is_zero_on_average() -> None:
    rng = np.random.default_rng(5)
    values = [mmd(rng.uniform(-1, 1, size=(100, 4)), rng.uniform(-1, 1, size=(80, 4))) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0  # unbiased, so it is negative about as often as not


def test_kpd_over_all_pairs_is_its_definition() -> None:
    x, y = correlated(700, 6, seed=1), correlated(700, 6, seed=2, shift=0.1)
    assert kpd(x, y) == pytest.approx(plain_kpd(x, y, 700), rel=1e-4, abs=1e-8)


def test_kpd_from_moments_is_its_definition_within_a_part_of_the_error() -> None:
    x, y = correlated(3000, 20, seed=1) + 4, correlated(3000, 20, seed=2, shift=0.05) + 4
    expected, error = plain_kpd(x, y, 2000)
    assert kpd(x, y, batch_size=2000) == pytest.approx((expected, error), abs=0.1 * error)


def test_kpd_sums_all_pairs_where_moments_do_not_tell() -> None:
    # signs: every order of the kernel is as large as the next
    rng = np.random.default_rng(12)
    x, y = rng.choice([-1.0, 1.0], size=(2500, 1)), rng.choice([-1.0, 1.0], p=[0.48, 0.52], size=(2500, 1))
    assert kpd(x, y, batch_size=2000) == pytest.approx(plain_kpd(x, y, 2000), rel=1e-4)


def test_kpd_grows_with_the_shift() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(600, 4)), rng.normal(size=(600, 4))
    near, far = (kpd(x, y + shift)[0] for shift in (0.3, 1.0))
    assert abs(kpd(x, y)[0]) < near < far


@pytest.mark.parametrize("distance", [fpd, kpd])
def test_the_same_seed_gives_the_same_number(distance: object) -> None:
    assert callable(distance)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(700, 3)), rng.normal(size=(700, 3))
    assert distance(x, y, seed=3) == distance(x, y, seed=3)
    assert distance(x, y, seed=3) != distance(x, y, seed=4)


def test_samples_with_fewer_events_than_features_have_their_distance() -> None:
    """Of A Aᵀ and B Bᵀ, which are singular here, the trace of the root is the sum of the singular values of AᵀB."""
    rng = np.random.default_rng(8)
    mixing = rng.normal(size=(40, 40)) * np.geomspace(1e-3, 1, 40)
    x, y = rng.normal(size=(30, 40)) @ mixing, rng.normal(0.1, 1.1, size=(25, 40)) @ mixing
    (mean1, cov1), (mean2, cov2) = moments(x), moments(y)
    product = (x - mean1) @ (y - mean2).T / np.sqrt((len(x) - 1) * (len(y) - 1))
    expected = np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2) - 2 * np.linalg.svd(product)[1].sum()
    assert frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(mean1, cov1, mean1, cov1) == pytest.approx(0, abs=1e-6 * np.trace(cov1))
