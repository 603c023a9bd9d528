"""CPU threads, set explicitly: torch, BLAS and OpenMP each take all cores, which a shared machine does not give."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def available_threads() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int) -> None:
    """Set torch's threads for the rest of the process.

    Args:
        threads: 0 takes as many as this process may use.
    """
    import torch

    torch.set_num_threads(threads or available_threads())


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Hold torch, BLAS and OpenMP to so many threads inside a block; 0 takes as many as this process may use."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    set_threads(threads)
    try:
        with threadpool_limits(threads or available_threads()):
            yield
    finally:
        torch.set_num_threads(before)
