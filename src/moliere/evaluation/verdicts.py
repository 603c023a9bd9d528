"""Numbers in words, by rules that are written down."""

from __future__ import annotations

from collections.abc import Sequence

from moliere.evaluation.finding import Metric, largest

#: AUC up to which a sample is hardly distinguishable, and from which it is clearly different
AUC_GOOD, AUC_POOR = 0.55, 0.80

#: AUC up to which the words hold
_AUC_WORDS = (
    (AUC_GOOD, "hardly distinguishable"),
    (0.65, "close"),
    (AUC_POOR, "differences are visible"),
    (1.01, "clearly different"),
)
AT_THE_FLOOR = "at the floor"


def judge(value: float, error: float, floor: float, floor_error: float) -> str:
    """How far a distance lies above its floor: within two standard deviations it is at it, else how many times it."""
    if _is_at_floor(value, error, floor, floor_error):
        return AT_THE_FLOOR
    if floor > 0 and value / floor < 100:
        return f"{value / floor:.1f} × the floor"
    return "above the floor"


def judge_share(value: float, error: float, floor: float, floor_error: float) -> str:
    """A share, of which more is better: within two standard deviations of what the reference has, or how far below."""
    if value > floor - 2 * max((error**2 + floor_error**2) ** 0.5, 1e-300):
        return AT_THE_FLOOR
    return f"{value / floor:.2f} × the reference's" if floor > 0 else "below the reference's"


def judge_auc(value: float, error: float, floor: float, floor_error: float) -> str:
    """An AUC in words: at the floor, else hardly distinguishable (to 0.55), close (0.65), visible (0.80), clear."""
    return AT_THE_FLOOR if _is_at_floor(value, error, floor, floor_error) else _auc_words(value)


def overall(metrics: Sequence[Metric]) -> str:
    """The whole in words: the worst classifier decides."""
    scores = [metric for metric in metrics if metric.name.startswith("auc-")]
    worst = largest(scores)
    if worst is None or worst.value is None:
        return "too few events for a verdict"
    if all(metric.verdict == AT_THE_FLOOR for metric in scores):
        return "indistinguishable at this sample size"
    return f"{_auc_words(worst.value)}: the best classifier ({worst.label}) reaches AUC {worst.value:.3f}"


def _is_at_floor(value: float, error: float, floor: float, floor_error: float) -> bool:
    """Whether a value is within two standard deviations of its floor, or below it."""
    return bool(value - floor < 2 * max((error**2 + floor_error**2) ** 0.5, 1e-300))


def _auc_words(value: float) -> str:
    return next(words for limit, words in _AUC_WORDS if value < limit)
