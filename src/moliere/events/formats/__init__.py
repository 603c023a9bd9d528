"""One module a file format, and the functions that find the right one: open, read, write, create."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from moliere.detectors import Detector
from moliere.errors import ConfigError, FormatError
from moliere.events.events import Events, EventSource, piece_rows
from moliere.events.formats import airshower as airshower
from moliere.events.formats import atlas_slices as atlas_slices
from moliere.events.formats import auger as auger
from moliere.events.formats import calochallenge as calochallenge
from moliere.events.formats import calogan as calogan
from moliere.events.formats import calogan_root as calogan_root
from moliere.events.formats import calohadronic as calohadronic
from moliere.events.formats import fairship as fairship
from moliere.events.formats import fastcalogan as fastcalogan
from moliere.events.formats import hgcal as hgcal
from moliere.events.formats import lemurs as lemurs
from moliere.events.formats import root_hits as root_hits
from moliere.events.formats import showerdata as showerdata
from moliere.events.formats import step2point as step2point
from moliere.events.formats import table as table
from moliere.events.formats import threedgan as threedgan
from moliere.events.formats.base import FileSource, Format, Writer, formats
from moliere.events.formats.chain import Chain
from moliere.events.formats.foreign import foreign
from moliere.events.formats.hdf5 import reading
from moliere.events.formats.negatives import Negative, with_negatives
from moliere.events.formats.npz import open_npz

__all__ = ["FileSource", "Format", "Writer", "create_events", "formats", "open_events", "read_events", "write_events"]


#: one file, a pattern such as ``run-*.h5``, names with commas between them, or several of these
Files = str | Path | Sequence[str | Path]


def open_events(
    path: Files,
    detector: Detector | None = None,
    format: str | None = None,
    *,
    negative: Negative = "refuse",
    branches: root_hits.HitBranches | str | None = None,
) -> EventSource:
    """Open a file without reading its signals.

    Args:
        path: the file; several files, as a list, a pattern or with commas between them, are one sample.
        detector: what was read out, where the file does not say it.
        format: registry name; found from the content by default.
        negative: what becomes of negative amounts: ``refuse``, ``clip`` (they count as 0) or ``keep``.
        branches: of ROOT hits, which branch holds what: "incident=E_beam:GeV,energy=dE:MeV,channel=id", or a TOML file.

    Raises:
        FormatError: no format recognises the file, or its content is not what the format promises.
        ConfigError: branches that cannot be read, or of no ROOT file; an unknown treatment of negative amounts.
    """
    files = _split(path)
    if len(files) == 1:
        return with_negatives(_open_one(files[0], detector, format, branches), negative)
    parts = [_open_one(file, detector, format, branches) for file in files]
    return with_negatives(Chain(files[0].with_name(f"{files[0].name} and {len(files) - 1} more"), parts), negative)


def _split(path: Files) -> list[Path]:
    """The files that are meant.

    Raises:
        FormatError: none is.
    """
    if not isinstance(path, str | Path):
        if not path:
            raise FormatError("no file is named; name at least one")
        return [file for part in path for file in _split(part)]
    if os.path.exists(path):
        return [Path(path)]
    if "," in str(path):
        return _split([part for part in str(path).split(",") if part.strip()])
    found = sorted(Path(path).parent.glob(Path(path).name)) if set("*?[") & set(Path(path).name) else []
    return found or [Path(path)]


def _open_one(
    path: Path, detector: Detector | None, format: str | None, branches: root_hits.HitBranches | str | None
) -> EventSource:
    with foreign(path, "events"):
        if branches is not None:
            if format not in {None, "root-hits"}:
                raise ConfigError(f"branches are of ROOT hits, not of format {format!r}; leave one of the two out")
            chosen = root_hits.parse_branches(branches) if isinstance(branches, str) else branches
            return root_hits.RootHitsFile(path, detector, chosen)
        return formats[format or _find(path)].open(path, detector)


def read_events(path: Files, detector: Detector | None = None, format: str | None = None, **how: Any) -> Events:
    """Read whole files into memory; the arguments are those of :func:`open_events`."""
    return open_events(path, detector, format, **how).take(slice(None))


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
