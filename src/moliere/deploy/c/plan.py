"""Gives each buffer a place in the memory of a shower, so that those that live at different times share it."""

from __future__ import annotations

from collections.abc import Sequence

from moliere.deploy.c.arrays import Buffer

#: bytes; the width of a cache line and of the longest vectors
ALIGNMENT = 64


def place(buffers: Sequence[Buffer]) -> int:
    """Set the places, the largest buffer first, each at the lowest place that is free while it lives.

    Returns:
        Bytes a shower.

    Example:
        >>> place([Buffer("float32", 64, first=0, last=1), Buffer("float32", 64, first=2, last=3)])
        256
    """
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda buffer: (-buffer.n_bytes, buffer.first)):
        buffer.place = _lowest(buffer, [other for other in placed if _together(buffer, other)])
        placed.append(buffer)
    return max((_end(buffer) for buffer in placed), default=ALIGNMENT)


def _together(one: Buffer, other: Buffer) -> bool:
    """Whether both are needed during some call."""
    return one.first <= other.last and other.first <= one.last


def _end(buffer: Buffer) -> int:
    return buffer.place + -(-buffer.n_bytes // ALIGNMENT) * ALIGNMENT


def _lowest(buffer: Buffer, others: Sequence[Buffer]) -> int:
    place = 0
    for other in sorted(others, key=lambda other: other.place):
        if place + buffer.n_bytes <= other.place:
            break
        place = max(place, _end(other))
    return place
