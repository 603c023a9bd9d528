"""What a generated shower costs, measured so that the number can be trusted."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from moliere.evaluation.result import Timing


def measure(
    generate: Callable[[int], object],
    batch_size: int,
    device: str,
    *,
    repeats: int = 5,
    reference_ms: float | None = None,
) -> Timing:
    """Median wall time a shower over a few batches, after one that is not counted.

    Args:
        generate: makes so many showers.
        batch_size: showers a call.
        device: in words, threads included.
        repeats: counted calls.
        reference_ms: milliseconds a shower of the reference simulation, where known.
    """
    generate(batch_size)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        generate(batch_size)
        seconds.append(time.perf_counter() - start)
    return Timing(1e3 * median(seconds) / batch_size, batch_size, device, reference_ms)
