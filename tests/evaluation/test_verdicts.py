"""One rule for all metrics: how many standard errors above the floor, and whether the error lets anybody tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moliere.evaluation.finding import Metric
from moliere.evaluation.verdicts import AUC_TOLERANCE, judged, overall, standing
from moliere.report.words import level


def metric(
    value: float | None, error: float, floor: float, tolerance: float | None = None, name: str = "fpd"
) -> Metric:
    return judged(Metric(name, name, "distribution", value, error, floor, error, tolerance=tolerance))


def auc(value: float, error: float, name: str = "auc-observables-boosting") -> Metric:
    return metric(value, error, 0.5, AUC_TOLERANCE, name)


@pytest.mark.parametrize(
    ("value", "floor", "words"),
    [
        (1.0, 1.0, "at the floor (0.0 σ below it)"),
        (1.2, 1.0, "at the floor (1.4 σ above it)"),
        (3.0, 1.0, "14.1 σ above the floor, 3.0 times it"),
        (3.0, -0.1, "21.9 σ above the floor"),
    ],
)
def test_a_distance_in_words_says_how_many_errors(value: float, floor: float, words: str) -> None:
    assert metric(value, 0.1, floor).verdict == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.48, "at the floor"), (0.51, "at the floor"), (0.54, "hardly distinguishable"), (0.6, "close"),
     (0.7, "differences are visible"), (1.0, "clearly different"), (0.3, "14.1 σ below the floor: the samples may")],
)  # fmt: skip
def test_an_auc_in_words(value: float, words: str) -> None:
    assert auc(value, 0.01).verdict.startswith(words)


def test_a_significant_classifier_is_above_a_floor_that_is_high_by_chance() -> None:
    score = replace(auc(0.567, 0.029), floor=0.588, p_value=2.6e-4)
    assert standing(score) == "above"
    assert judged(score).verdict == "close (p = 0.0003, although 0.5 σ below the floor)"
    assert overall([score]).startswith("close")
    assert standing(replace(score, p_value=0.02)) == "at"


def test_a_large_error_is_undecided_and_not_green() -> None:
    found = metric(24.08, 6.6, 13.55, tolerance=5.0, name="response-width")
    assert found.verdict == "cannot tell: the error is too large (1.1 σ above the floor)"
    assert standing(found) == "undecided"
    assert level(found) is None
    assert level(auc(0.915, 0.25)) is None


@pytest.mark.parametrize("error", [0.001, 0.01, 0.05, 0.1])
def test_a_clear_difference_is_never_green(error: float) -> None:
    assert level(auc(0.915, error)) == "poor"


def test_what_was_not_measured_has_no_colour_and_no_praise() -> None:
    found = metric(None, 0.1, 0.5)
    assert found.verdict == "not measurable"
    assert level(found) is None


def test_a_share_is_better_when_it_is_larger() -> None:
    low, high = (
        judged(Metric("recall", "recall", "d", x, 0.01, 0.9, 0.01, larger_is_better=True)) for x in (0.5, 0.95)
    )
    assert low.verdict == "28.3 σ below the floor, 0.56 times it"
    assert high.verdict == "at the floor (3.5 σ above it)"


def test_the_verdict_says_why_there_is_none() -> None:
    assert overall([]) == "too few events for a verdict"
    assert "left out" in overall([], classifiers=False)
    assert overall([auc(0.5, 0.02)]) == "indistinguishable at this sample size"
    assert overall([auc(0.6, 0.2)]).startswith("cannot tell")
    assert "share events" in overall([auc(0.2, 0.02)])
    assert overall([auc(0.2, 0.02), auc(0.9, 0.02, "auc-voxels-mlp")]).startswith("clearly different")
