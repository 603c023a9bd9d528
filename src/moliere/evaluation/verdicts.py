"""Numbers in words, by one rule: how many standard errors a metric lies above its floor, and how large the error is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from moliere.evaluation.finding import Metric, largest

Standing = Literal["at", "undecided", "above", "below"]

#: AUC up to which a sample is hardly distinguishable, and from which it is clearly different
AUC_GOOD, AUC_POOR = 0.55, 0.80
_AUC_CLOSE = 0.65
#: AUC up to which the words hold
_AUC_WORDS = (
    (AUC_GOOD, "hardly distinguishable"),
    (_AUC_CLOSE, "close"),
    (AUC_POOR, "differences are visible"),
    (1.01, "clearly different"),
)
#: standard errors above the floor up to which a metric is at it, and below it from which equal samples do not get
AT_MOST, SUSPICIOUS = 2.0, -3.5
#: p-value below which held-out events are told apart, whatever a floor of few events says
SIGNIFICANT = 1e-3
#: largest error of an AUC at which two errors above 0.5 are still close
AUC_TOLERANCE = (_AUC_CLOSE - 0.5) / AT_MOST


def noise(metric: Metric) -> float:
    """Standard error of the difference of a metric and its floor; 0 where no error is known."""
    known = [x for x in (metric.error, metric.floor_error) if x is not None and np.isfinite(x)]
    return float(np.hypot.reduce(known)) if known else 0.0


def excess(metric: Metric) -> float | None:
    """Standard errors that a metric lies above its floor, or below where more is better: positive is worse.

    Returns:
        ``None`` where value, floor or error is not known.
    """
    if metric.value is None or metric.floor is None or noise(metric) == 0:
        return None
    return (metric.value - metric.floor) * (-1 if metric.larger_is_better else 1) / noise(metric)


def standing(metric: Metric) -> Standing | None:
    """Where a metric stands: above its floor by more than two standard errors, or at it if its error is small enough.

    A classifier whose p-value is significant is above its floor, even if two halves of the reference gave a high
    floor by chance. An error above the metric's tolerance leaves it undecided, because a difference that matters
    could hide in it. A distance or an AUC far below its floor is what two samples have that share events.

    Returns:
        ``None`` where the metric or its floor could not be measured.
    """
    if metric.value is None or metric.floor is None:
        return None
    far = excess(metric)
    if far is None:
        worse = metric.value < metric.floor if metric.larger_is_better else metric.value > metric.floor
        return "above" if worse else "at"
    if far > AT_MOST or (far > SUSPICIOUS and _is_significant(metric)):
        return "above"
    if far < SUSPICIOUS and not metric.larger_is_better:
        return "below"
    return "undecided" if metric.tolerance is not None and noise(metric) > metric.tolerance else "at"


def judged(metric: Metric) -> Metric:
    """The metric with its verdict: where it stands, and by how many standard errors."""
    found = standing(metric)
    if found is None:
        return replace(metric, verdict="not measurable")
    far = excess(metric)
    sigmas = "" if far is None else f"{abs(far):.1f} σ {_direction(metric, far)}"
    if found == "at":
        return replace(metric, verdict=f"at the floor ({sigmas} it)" if sigmas else "at the floor")
    if found == "undecided":
        return replace(metric, verdict=f"cannot tell: the error is too large ({sigmas} the floor)")
    if found == "below":
        return replace(metric, verdict=f"{sigmas} the floor: the samples may share events")
    where = f"{sigmas or _direction(metric, 1.0)} the floor"
    if far is not None and far <= AT_MOST:
        where = f"p = {metric.p_value:.1g}, although {where}"
    if metric.name.startswith("auc-"):
        return replace(metric, verdict=f"{auc_words(metric.value or 0.0)} ({where})")
    return replace(metric, verdict=where + _times(metric))


def overall(metrics: Sequence[Metric], *, classifiers: bool = True) -> str:
    """The whole in words: the worst classifier decides.

    Args:
        metrics: of all findings.
        classifiers: whether classifiers were asked for.
    """
    if not classifiers:
        return "no verdict: classifiers, which decide it, were left out"
    scores = [metric for metric in metrics if metric.name.startswith("auc-") and metric.value is not None]
    by_standing = {found: [score for score in scores if standing(score) == found] for found in map(standing, scores)}
    worst = largest(by_standing.get("above", ()))
    if not scores:
        return "too few events for a verdict"
    if worst is not None and worst.value is not None:
        return f"{auc_words(worst.value)}: the best classifier ({worst.label}) reaches AUC {worst.value:.3f}"
    if low := by_standing.get("below"):
        return f"no verdict: {low[0].label} is {low[0].value:.3f}, far below its floor; the samples may share events"
    if by_standing.get("undecided"):
        return "cannot tell: the classifiers' errors are too large; use more events"
    return "indistinguishable at this sample size"


def auc_words(value: float) -> str:
    """An AUC in words: hardly distinguishable (to 0.55), close (0.65), visible (0.80), clear."""
    return next(words for limit, words in _AUC_WORDS if value < limit)


def _is_significant(metric: Metric) -> bool:
    """Whether a permutation of the labels hardly ever gives such a value: a floor, too, is high by chance at times."""
    return metric.p_value is not None and metric.p_value < SIGNIFICANT


def _direction(metric: Metric, far: float) -> str:
    return "above" if (far > 0) != metric.larger_is_better else "below"


def _times(metric: Metric) -> str:
    """How many times the floor, where that says something."""
    if metric.value is None or not metric.floor or not 0 <= metric.value / metric.floor < 100:
        return ""
    return f", {metric.value / metric.floor:.{2 if metric.larger_is_better else 1}f} times it"
