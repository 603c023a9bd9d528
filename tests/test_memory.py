"""Freed memory is used again instead of asked for anew."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from moliere.memory import freed_memory_kept

_BYTES, _PAGE = 2**26, 4096


def faults_of_the_last_of_four() -> int:
    """Pages that the system hands out for a tensor when others of its size were just freed."""
    before = 0
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(_BYTES // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_kept_within_the_block_and_given_back_after() -> None:
    with freed_memory_kept():
        kept = faults_of_the_last_of_four()
    given_back = faults_of_the_last_of_four()
    assert kept < 0.05 * _BYTES / _PAGE
    assert given_back > 0.5 * _BYTES / _PAGE
