"""Numbers in words, by rules that are written down."""

from __future__ import annotations

from collections.abc import Sequence

from moliere.evaluation.result import Figure

#: AUC up to which the words hold
_AUC_WORDS = (
    (0.55, "hardly distinguishable"),
    (0.65, "close"),
    (0.80, "differences are visible"),
    (1.01, "clearly different"),
)


def judge(value: float, error: float, floor: float, floor_error: float) -> str:
    """How far a distance lies above its floor: within two standard deviations it is at it, else how many times it."""
    spread = max((error**2 + floor_error**2) ** 0.5, 1e-300)
    if value - floor < 2 * spread:
        return "at the floor"
    if floor > 0 and value / floor < 100:
        return f"{value / floor:.1f} × the floor"
    return "above the floor"


def judge_auc(value: float, error: float, floor: float, floor_error: float) -> str:
    """An AUC in words: at the floor, else hardly distinguishable (to 0.55), close (0.65), visible (0.80), clear."""
    if value - floor < 2 * max((error**2 + floor_error**2) ** 0.5, 1e-300):
        return "at the floor"
    return next(words for limit, words in _AUC_WORDS if value < limit)


def overall(figures: Sequence[Figure]) -> str:
    """The whole in words: the worst classifier decides."""
    scores = [figure for figure in figures if figure.name.startswith("auc-")]
    if not scores:
        return "too few events for a verdict"
    worst = max(scores, key=lambda figure: figure.value)
    if all(figure.verdict == "at the floor" for figure in scores):
        return "indistinguishable at this sample size"
    words = next(words for limit, words in _AUC_WORDS if worst.value < limit)
    return f"{words}: the best classifier ({worst.label}) reaches AUC {worst.value:.3f}"
