"""Converts a file to another format of the same kind of detector, in pieces, and says which quantities are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from moliere.errors import FormatError
from moliere.events.events import EventSource
from moliere.events.formats import Format, formats, write_events


def choose_format(path: Path, kind: str, name: str | None = None) -> str:
    """The format to write a file in: as asked for, else by the ending of its name.

    Where several formats share an ending, moliere's own is taken.

    Args:
        path: the file to be written.
        kind: of the detector whose events are to be written.
        name: registry name.

    Raises:
        FormatError: no format, or several, of this ending can hold such events.

    Example:
        >>> choose_format(Path("muons.root"), "phase-space"), choose_format(Path("showers.h5"), "calorimeter")
        ('fairship', 'calochallenge')
    """
    if name is not None:
        _check_kind(name, formats[name], kind)
        return name
    holding = [key for key, format_ in formats.items() if format_.create and kind in format_.kinds]
    fitting = [key for key in holding if path.suffix.lower() in formats[key].extensions]
    if "calochallenge" in fitting:
        return "calochallenge"
    if len(fitting) > 1:
        raise FormatError(f"{path} could be {' or '.join(fitting)}; name the format", options=("--to FORMAT",))
    if not fitting:
        first = formats["calochallenge" if "calochallenge" in holding else holding[0]]
        raise FormatError(
            f"{path}: the name {f'ends in {path.suffix}' if path.suffix else 'has no ending'}, which says no format "
            f"for events of a {kind}; let it end in {first.extensions[0]}, or name one of {', '.join(holding)}",
            options=("--to FORMAT",),
        )
    return fitting[0]


def convert(
    source: EventSource,
    output: Path,
    to: str,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Write events in another format.

    Args:
        source: the events.
        output: the file to be written.
        to: registry name of its format.
        overwrite: replace the output.
        progress: called with the number of events that were just written.

    Returns:
        What got lost on the way, in words; empty where nothing did.

    Raises:
        FormatError: the format holds another kind of events, or another detector's.
        InvalidEvents: the source holds events that are broken.
    """
    _check_kind(to, formats[to], source.detector.kind)
    write_events(output, source, to, overwrite=overwrite, progress=progress)
    unread = [f"{name} (not read)" for name in getattr(source, "passed_over", ())]
    return formats[to].losses(source) + unread


def _check_kind(name: str, format_: Format, kind: str) -> None:
    if format_.create is None:
        raise FormatError(f"format {name!r} can be read, not written")
    if kind not in format_.kinds:
        fitting = [key for key, other in formats.items() if other.create and kind in other.kinds]
        raise FormatError(
            f"format {name!r} holds {' or '.join(format_.kinds)} events, but these are of a {kind}; formats that hold "
            f"them: {', '.join(fitting)}"
        )
