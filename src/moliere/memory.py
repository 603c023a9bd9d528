"""Memory that a process has freed and will need again at once, kept instead of given back to the system.

Every iteration of a training asks for the same large tensors. The C library returns each to the system when it is
freed, and the system hands out empty pages anew: of a training step of 3DGAN with 64 showers, 40 % of the time.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

#: parameters of glibc's mallopt, from malloc.h, and the values it starts with
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_USUAL_TRIM_THRESHOLD, _USUAL_MMAP_MAX = 128 * 1024, 65_536


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
