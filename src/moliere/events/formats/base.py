"""What a file format offers: recognise a file, open it lazily, write events piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moliere.detectors import Detector
from moliere.events.events import Events, EventSource
from moliere.registry import Registry


class Writer(Protocol):
    """Takes events piece by piece."""

    def append(self, events: Events) -> None:
        """Write some more events."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        summary: one line for ``moliere list formats``.
        extensions: file name endings.
        sniff: whether a file looks like this format.
        open: path and, where the file does not say it, the detector → events that are read when asked for.
        create: path, detector, keyword ``overwrite`` → context manager around a writer; the file appears, whole,
            when the block ends well. ``None``: read-only.
    """

    summary: str
    extensions: tuple[str, ...]
    sniff: Callable[[Path], bool]
    open: Callable[[Path, Detector | None], EventSource]
    create: Callable[..., AbstractContextManager[Writer]] | None = None


#: name → format
formats: Registry[Format] = Registry("format")
