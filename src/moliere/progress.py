"""How far a long piece of work has come, so that a user sees how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

#: told the name of each step as it begins, and the share of the whole work that is done then, 0 to 1
Progress = Callable[[str, float], None]


def silent(step: str, share: float) -> None:
    """Nobody watches."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """What is told of a part of the work, whose shares are its own.

    Example:
        >>> half = part(lambda step, share: print(step, share), 0.5, 1.0)
        >>> half("drawing", 0.5)
        drawing 0.75
    """
    return lambda step, share: progress(step, start + (end - start) * share)


def parts(progress: Progress, efforts: Sequence[float]) -> Iterator[Progress]:
    """The parts of the work, one after the other.

    Args:
        progress: told of the whole.
        efforts: how long each part takes, in any unit.
    """
    whole, done = sum(efforts) or 1.0, 0.0
    for effort in efforts:
        yield part(progress, done / whole, (done + effort) / whole)
        done += effort
