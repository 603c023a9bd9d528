"""Freed memory is used again instead of asked for anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from moliere.memory import peak_memory_mb

#: pages that the system hands out for 64 MB when as much was just freed, before a block and in it
_SCRIPT = """
import resource, torch
from moliere.memory import freed_memory_kept

def faults():
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults())
with freed_memory_kept():
    print(faults())
"""
_PAGES = 2**26 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_kept_within_the_block() -> None:
    """In processes of their own: where the heap begins decides, in one of ten, that small things lie between blocks."""
    runs = [subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True) for _ in "abc"]
    usual, kept = (min(column) for column in zip(*(map(int, run.stdout.split()) for run in runs), strict=True))
    assert usual > 0.5 * _PAGES
    assert kept < 0.05 * _PAGES


def test_the_peak_is_in_megabytes() -> None:
    import numpy as np

    held = np.ones(2**25)  # 256 MB
    peak = peak_memory_mb()
    assert peak is not None
    assert 256 < peak < 2**15
    assert held.any()


def test_macos_counts_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = peak_memory_mb()
    monkeypatch.setattr("sys.platform", "darwin")
    there = peak_memory_mb()
    assert peak is not None
    assert there is not None
    assert there == pytest.approx(peak / 1024, abs=2)
