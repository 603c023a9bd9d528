"""CPU threads, set explicitly: torch, BLAS and OpenMP each take all cores, which a shared machine does not give.

Threads that wait for each other spin. Measured with two threads on two cores: 29 ms an iteration on a free machine
(one thread: 40 ms), 700 ms beside one other busy process; with passive waiting 71 ms even on the free machine. So what
helps is to take no more threads than there are idle cores.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moliere.errors import ConfigError

_WATCH = 0.2  # seconds
_MOST = 1024  # threads


def processor() -> str:
    """What this machine calculates with, in its maker's words where the operating system knows them."""
    with suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"


def idle_threads() -> int:
    """How many CPUs this process may use and nobody else does at this moment; at least 1.

    Where the operating system does not say what is idle (it does in Linux's ``/proc/stat``), all that may be used.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError, ZeroDivisionError):
        before = _cpu_ticks()
        time.sleep(_WATCH)
        idle, total = (b - a for a, b in zip(before, _cpu_ticks(), strict=True))
        return max(1, min(allowed, round(idle / total * (os.cpu_count() or 1))))
    return allowed


def _cpu_ticks() -> tuple[int, int]:
    """Idle and all ticks of all CPUs since the machine started."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def set_threads(threads: int) -> None:
    """Set torch's threads for the rest of the process.

    Args:
        threads: 0 takes as many as there are idle cores.
    """
    import torch

    torch.set_num_threads(chosen_threads(threads))


def chosen_threads(threads: int) -> int:
    """The number itself, if a machine can start so many; a process with far too many is ended by the system.

    Args:
        threads: 0 takes as many as there are idle cores.

    Raises:
        ConfigError: fewer than none, or more than any machine has.
    """
    if not 0 <= threads <= _MOST:
        raise ConfigError(
            f"{threads} CPU threads; expected 0 to {_MOST}; more than the {os.cpu_count()} cores here are of no use"
        )
    return threads or idle_threads()


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Hold torch, BLAS and OpenMP to so many threads inside a block; 0 takes as many as there are idle cores."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = chosen_threads(threads)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
