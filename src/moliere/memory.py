"""Memory of this process: its peak, and what it has freed and will need again at once, kept instead of given back.

Every iteration of a training asks for the same large tensors. The C library returns each to the system when it is
freed, and the system hands out empty pages anew: of a training step of 3DGAN with 64 showers, 40 % of the time.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: parameters of glibc's mallopt, from malloc.h, and the values it starts with
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_USUAL_TRIM_THRESHOLD, _USUAL_MMAP_MAX = 128 * 1024, 65_536
#: taken where the system does not say how much memory it has
_USUAL_MEMORY = 16 * 2**30


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within the block freed memory stays with the process; afterwards the system gets what it can have.

    Only glibc can be told so; elsewhere nothing changes. The price is a higher peak, about 40 % where tensors fill
    gigabytes.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
        libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_THRESHOLD)
        libc.malloc_trim(0)


def peak_memory_mb() -> int | None:
    """The most memory that this process has held, in MB of 2²⁰ bytes; ``None`` where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))  # macOS counts bytes, Linux kilobytes


def machine_memory() -> int:
    """The memory of this machine in bytes; 16 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return _USUAL_MEMORY
