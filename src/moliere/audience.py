"""Who listens to how far a long task is: the bar on a terminal shows the same to who looks at it."""

from __future__ import annotations

from collections.abc import Callable

#: fraction that is done, None where that is not known; and what is going on, in words
Listener = Callable[[float | None, str], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Tell a listener of all progress from now on."""
    _listeners.append(listener)


def tell(fraction: float | None, words: str) -> None:
    """Tell all listeners; costs nothing where there are none."""
    for listener in _listeners:
        listener(fraction, words)
