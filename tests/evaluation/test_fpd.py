from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from moliere.evaluation.fpd import fpd, frechet_distance, kpd, mmd


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
    assert fpd(np.ones((500, 2)), np.ones((500, 2)))[0] == pytest.approx(0, abs=1e-9)
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
