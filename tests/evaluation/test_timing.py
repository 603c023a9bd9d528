from __future__ import annotations

import pytest

from moliere.evaluation.timing import measure
from moliere.evaluation.verdicts import judge, judge_auc


def test_measure_calls_once_more_than_it_counts() -> None:
    sizes: list[int] = []
    timing = measure(sizes.append, 50, "CPU", repeats=4, reference_ms=12.0)
    assert sizes == [50] * 5
    assert timing.generated_ms >= 0
    assert (timing.batch_size, timing.device, timing.reference_ms) == (50, "CPU", 12.0)


@pytest.mark.parametrize(
    ("value", "floor", "words"),
    [
        (1.0, 1.0, "at the floor"),
        (1.2, 1.0, "at the floor"),
        (3.0, 1.0, "3.0 × the floor"),
        (3.0, -0.1, "above the floor"),
    ],
)
def test_a_distance_in_words(value: float, floor: float, words: str) -> None:
    assert judge(value, 0.1, floor, 0.1) == words


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.41, "at the floor"), (0.51, "at the floor"), (0.54, "hardly distinguishable"), (0.6, "close"),
     (0.7, "differences are visible"), (1.0, "clearly different")],
)  # fmt: skip
def test_an_auc_in_words(auc: float, words: str) -> None:
    assert judge_auc(auc, 0.01, 0.5, 0.01) == words
