"""What a notebook shows of a thing: its short text, and a picture drawn by a room that the thing must not import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Drawer = Callable[[Any], str]

_found: list[Callable[[], Drawer]] = []


def drawn_by(find: Callable[[], Drawer]) -> None:
    """Say who draws.

    Args:
        find: gives the drawer, a thing → HTML, when the first picture is asked for and no sooner.
    """
    _found.append(find)


class Shown:
    """A thing that a notebook shows with a picture."""

    def _repr_html_(self) -> str | None:
        """What Jupyter asks for; ``None``, for the plain text, where nobody draws."""
        return _found[-1]()(self) if _found else None
