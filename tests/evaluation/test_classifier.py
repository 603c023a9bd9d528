from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from moliere.evaluation.classifier import (
    auc_sampling_error,
    classifier_test,
    classifiers,
    split_parts,
    split_rows,
    splittable,
)
from moliere.seeding import derive_seed

KINDS = ("boosting", "mlp")


def gaussians(n: int, shift: float, seed: int, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    other = rng.normal(size=(n, d))
    other[:, 0] += shift
    return rng.normal(size=(n, d)).astype(np.float32), other.astype(np.float32)


def test_both_kinds_are_registered() -> None:
    assert set(KINDS) <= set(classifiers)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_distributions_give_half(kind: str) -> None:
    score = classifier_test(kind, *gaussians(400, 0.0, 1), seeds=2)
    assert abs(score.auc - 0.5) < 3 * score.auc_error
    assert score.jsd < 3 * score.jsd_error


@pytest.mark.parametrize(("kind", "n"), [("boosting", 220), ("mlp", 600)])
def test_far_apart_gives_one(kind: str, n: int) -> None:
    # with more than 255 values to learn from, the boosting's bins end at quantiles and one can straddle the gap
    score = classifier_test(kind, *gaussians(n, 12.0, 2), seeds=1)
    assert score.auc == pytest.approx(1, abs=1e-6)
    assert score.jsd == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("kind", "n"), [("boosting", 6000), ("mlp", 2000)])
def test_shifted_gaussians_reach_the_best_possible_auc(kind: str, n: int) -> None:
    # the likelihood ratio of N(0, 1) and N(1, 1) is monotone in x, so x itself is the best score on any events
    samples = gaussians(n, 1.0, 3)
    features, labels = split_parts(*samples, derive_seed(0, 0)).test
    best = roc_auc_score(labels, features[:, 0])
    assert best == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert best - 0.02 < classifier_test(kind, *samples, seeds=1).auc < best + 0.01


def test_jsd_of_shifted_gaussians() -> None:
    x = np.linspace(-9, 10, 100_001)
    p, q = stats.norm.pdf(x), stats.norm.pdf(x, loc=1.0)
    exact = 0.5 * np.trapezoid(p * np.log2(2 * p / (p + q)) + q * np.log2(2 * q / (p + q)), x)
    score = classifier_test("mlp", *gaussians(3000, 1.0, 4), seeds=1)
    assert abs(score.jsd - exact) < max(3 * score.jsd_error, 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_correlations_behind_right_histograms_are_seen(kind: str) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2000, 1)).astype(np.float32)
    linked = np.hstack([x, x + 0.3 * rng.normal(size=x.shape)]).astype(np.float32)
    shuffled = np.column_stack([linked[:, 0], rng.permutation(linked[:, 1])])
    assert classifier_test(kind, linked[:1000], shuffled[1000:], seeds=1).auc > 0.75


def test_the_mlp_does_not_care_for_scales() -> None:
    # voxels over incident energy can be of the order of 1e-7
    one, other = gaussians(700, 1.5, 6, d=1)
    plain, tiny = (classifier_test("mlp", one * unit, other * unit, seeds=1).auc for unit in (1.0, 1e-7))
    assert tiny == pytest.approx(plain, abs=0.02)


def test_a_constant_feature_is_no_trouble() -> None:
    one, other = gaussians(600, 2.0, 7, d=2)
    one[:, 1] = other[:, 1] = np.float32(4.2)
    assert classifier_test("mlp", one, other, seeds=1).auc > 0.85


def test_parts_are_disjoint_and_complete() -> None:
    one, other = (np.arange(a, b, dtype=np.float32)[:, None] for a, b in ((0, 300), (300, 450)))
    parts = split_parts(one, other, seed=1)
    numbers = [np.sort(part[0][:, 0]) for part in (parts.train, parts.stop, parts.test)]
    assert [len(part) for part in numbers] == [240, 60, 150]
    assert np.array_equal(np.sort(np.concatenate(numbers)), np.arange(450))
    for features, labels in (parts.train, parts.stop, parts.test):
        assert np.array_equal(labels, (features[:, 0] >= 300).astype(int))


def test_sampling_error_of_an_auc_is_that_of_mann_whitney() -> None:
    rng = np.random.default_rng(8)
    n, m = 60, 90
    draws = [(rng.normal(size=n)[:, None] < rng.normal(size=m)).mean() for _ in range(4000)]
    assert auc_sampling_error(n, m) == pytest.approx(np.std(draws), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_reproducible_and_leave_the_global_generator_alone(kind: str) -> None:
    import torch

    samples = gaussians(200, 0.5, 9)
    torch.manual_seed(11)
    first = classifier_test(kind, *samples, seeds=1, seed=5)
    drawn = torch.rand(1).item()
    torch.manual_seed(11)
    assert torch.rand(1).item() == drawn
    assert classifier_test(kind, *samples, seeds=1, seed=5) == first
    assert classifier_test(kind, *samples, seeds=1, seed=6) != first


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_sample_is_no_difference(kind: str) -> None:
    # entropy of the labels themselves would give a divergence of 0.45 at 7 : 1
    rng = np.random.default_rng(10)
    one, other = (rng.normal(size=(n, 3)).astype(np.float32) for n in (2100, 300))
    score = classifier_test(kind, one, other, seeds=2)
    assert abs(score.auc - 0.5) < 3 * score.auc_error
    assert abs(score.jsd) < max(3 * score.jsd_error, 0.05)


def test_the_p_value_of_equal_samples_is_one_of_many_and_of_others_next_to_nothing() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(size=(2, 900, 3)).astype(np.float32)
    assert classifier_test("boosting", one, other, 2).p_value > 1e-3
    assert classifier_test("boosting", one, other + 1, 2).p_value < 1e-10


def test_the_parts_are_those_of_both_samples_one_below_the_other() -> None:
    one, other = gaussians(70, 1.0, 3)
    both = np.concatenate([one, other])
    parts = split_parts(one, other, 5)
    for (features, labels), rows in zip((parts.train, parts.stop, parts.test), split_rows(len(both), 5), strict=True):
        assert np.array_equal(features, both[rows])
        assert np.array_equal(labels, rows >= len(one))


@pytest.mark.parametrize("seed", range(4))
def test_a_divergence_is_between_nought_and_one_also_where_nothing_differs(seed: int) -> None:
    score = classifier_test("boosting", *gaussians(160, 0.0, 20), seeds=1, seed=seed)
    assert 0 <= score.jsd <= 1


def sparse_showers(n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Columns of every occupancy: constant, with one event, nearly empty, half full, full, full but for some events."""
    rng = np.random.default_rng(7)
    occupancy = np.concatenate([[0, 1 / n, 0.05, 0.08, 0.5, 1, 0.95, 0.9], rng.random(12)])
    samples = [rng.gamma(1.0, shift, (n, len(occupancy))).astype(np.float32) for shift in (1.0, 1.4)]
    for sample in samples:
        sample[rng.random(sample.shape) > occupancy] = 0
        sample[:, 6:8] = np.minimum(sample[:, 6:8] * 1e3, 5.0)
    return samples[0], samples[1]


def test_boosting_is_the_same_without_the_columns_that_it_cannot_split() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    parts = split_parts(*sparse_showers(), 3)
    columns = splittable(parts.train[0])
    assert 0 < len(columns) < parts.train[0].shape[1]
    model = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.08, early_stopping=True, n_iter_no_change=15, random_state=5
    ).fit(*parts.train)
    expected = [model.predict_proba(part[0])[:, 1] for part in (parts.stop, parts.test)]
    for scores, known in zip(classifiers["boosting"](parts, 5), expected, strict=True):
        np.testing.assert_array_equal(scores, known)


def test_what_can_be_split() -> None:
    n = 50
    column = np.zeros((n, 5), np.float32)
    column[:20, 0] = 1  # 20 in one part, 30 in the other
    column[:19, 1] = 1
    column[:19, 2] = -1
    column[:, 3] = np.arange(n)
    column[0, 4] = np.nan
    assert splittable(column).tolist() == [0, 3, 4]
    assert splittable(np.zeros((n, 3), np.float32)).tolist() == [0]
    assert splittable(column[:30]).tolist() == [0]
