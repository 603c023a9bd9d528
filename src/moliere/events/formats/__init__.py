"""One module a file format, and the functions that find the right one: open, read, write, create."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.events import Events, EventSource, piece_rows
from moliere.events.formats import airshower as airshower
from moliere.events.formats import atlas_slices as atlas_slices
from moliere.events.formats import calochallenge as calochallenge
from moliere.events.formats import calogan as calogan
from moliere.events.formats import calogan_root as calogan_root
from moliere.events.formats import fairship as fairship
from moliere.events.formats import fastcalogan as fastcalogan
from moliere.events.formats import lemurs as lemurs
from moliere.events.formats import root_hits as root_hits
from moliere.events.formats import showerdata as showerdata
from moliere.events.formats import table as table
from moliere.events.formats import threedgan as threedgan
from moliere.events.formats.base import FileSource, Format, Writer, formats
from moliere.events.formats.chain import Chain
from moliere.events.formats.foreign import foreign
from moliere.events.formats.hdf5 import reading
from moliere.events.formats.npz import open_npz

__all__ = ["FileSource", "Format", "Writer", "create_events", "formats", "open_events", "read_events", "write_events"]


def open_events(path: str | Path, detector: Detector | None = None, format: str | None = None) -> EventSource:
    """Open a file without reading its signals.

    Args:
        path: the file, or a pattern such as ``run-*.h5``: all files of such names, as one sample.
        detector: what was read out, where the file does not say it.
        format: registry name; found from the content by default.

    Raises:
        FormatError: no format recognises the file, or its content is not what the format promises.
    """
    path = Path(path)
    if not os.path.exists(path) and set("*?[") & set(path.name) and (files := sorted(path.parent.glob(path.name))):
        return Chain(path, [open_events(file, detector, format) for file in files])
    with foreign(path, "events"):
        name = format or _find(path)
        return formats[name].open(path, detector)


def read_events(path: str | Path, detector: Detector | None = None, format: str | None = None) -> Events:
    """Read a whole file into memory."""
    return open_events(path, detector, format).take(slice(None))


@contextmanager
def create_events(
    path: str | Path, detector: Detector, format: str = "calochallenge", *, overwrite: bool = False
) -> Iterator[Writer]:
    """Write a file piece by piece; it appears, whole, when the block ends well."""
    create = formats[format].create
    if create is None:
        raise FormatError(f"format {format!r} can be read, not written")
    with create(Path(path), detector, overwrite=overwrite) as writer:
        yield writer


def write_events(
    path: str | Path,
    events: EventSource,
    format: str = "calochallenge",
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write events, in pieces of bounded size; ``progress`` is told the number of events in each."""
    rows = piece_rows(events.detector)
    with create_events(path, events.detector, format, overwrite=overwrite) as writer:
        for part in events.chunks(rows) if len(events) else [events.take(slice(0))]:
            writer.append(part)
            if progress is not None:
                progress(len(part))


def _find(path: Path) -> str:
    """Name of the first format that recognises a file."""
    if not (os.path.isfile(path) or os.path.isdir(path)):  # False for names that no file can have
        raise FormatError(f"{path} is no regular file" if os.path.exists(path) else f"no file {path}")
    for name, format_ in formats.items():
        if _sniffs(format_, path):
            return name
    known = "; ".join(f"{key}: {value.summary}" for key, value in formats.items())
    raise FormatError(f"{path} is in no known format{_describe(path)}; known formats: {known}")


def _sniffs(format_: Format, path: Path) -> bool:
    """Whether a format recognises a file; what its sniffer does not understand is not its own."""
    with suppress(Exception):
        return format_.sniff(path)
    return False


def _describe(path: Path) -> str:
    """What a file is made of that no format recognises.

    Raises:
        FormatError: it is damaged.
    """
    if path.is_dir():
        return ": it is a folder; name a file in it"
    with path.open("rb") as file:
        head = file.read(8)
    if head == b"\x89HDF\r\n\x1a\n":
        with reading(path) as content:
            return f": it is HDF5 with {', '.join(sorted(content)[:20]) or 'nothing inside'}"
    if head.startswith(b"PK"):
        with open_npz(path) as arrays:
            return f": it is an npz with {', '.join(sorted(arrays)[:20]) or 'nothing inside'}"
    return ": it is empty" if not head else ", or truncated"
