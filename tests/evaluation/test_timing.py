from __future__ import annotations

from moliere.evaluation.result import measure


def test_measure_calls_once_more_than_it_counts() -> None:
    sizes: list[int] = []
    timing = measure(sizes.append, 50, "CPU", repeats=4, reference_ms=12.0)
    assert sizes == [50] * 5
    assert timing.generated_ms >= 0
    assert (timing.batch_size, timing.device, timing.reference_ms) == (50, "CPU", 12.0)
