"""Writing a file without its faulty events, each listed with the reason why it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from moliere.errors import InvalidEvents
from moliere.events.check.findings import CheckReport
from moliere.events.convert import choose_format
from moliere.events.events import Events, EventSource, Index, piece_rows
from moliere.events.formats import create_events
from moliere.events.formats.growing import GrowingFile


def write_clean(source: EventSource, report: CheckReport, output: Path, *, overwrite: bool = False) -> int:
    """Copy the events that no check faults.

    The output says which events are missing: in HDF5 in the group ``dropped`` (``event``, ``reason``), and in short in
    the provenance of every format.

    Args:
        source: the events that were checked.
        report: what was found.
        output: the file to be written; its ending says the format, as for ``moliere convert``.
        overwrite: replace it.

    Returns:
        Number of events that were kept.

    Raises:
        InvalidEvents: a fault of the file as a whole, which leaving out events does not mend; no event is sound.
    """
    whole = [finding for finding in report.faults if not len(finding.events)]
    if whole:
        raise InvalidEvents(f"{report.name}: {whole[0].text}; {whole[0].advice}")
    reasons = report.reasons
    kept = np.setdiff1d(np.arange(len(source)), list(reasons))
    if len(source) and not len(kept):
        raise InvalidEvents(f"{report.name}: all {len(source):,} events are faulty; nothing is left to write")
    name = choose_format(output, source.detector.kind)
    note = {"checked": report.name, "dropped_events": len(reasons)}
    with create_events(output, source.detector, name, overwrite=overwrite) as writer:
        for events in _pieces(source, kept):
            writer.append(replace(events, metadata={**events.metadata, **note}))
        if isinstance(writer, GrowingFile):
            _list_dropped(writer.file, reasons)
    return len(kept)


def _pieces(source: EventSource, kept: Index) -> Iterator[Events]:
    rows = piece_rows(source.detector)
    for start in range(0, max(len(kept), 1), rows):  # type: ignore[arg-type]
        yield source.take(np.asarray(kept)[start : start + rows])


def _list_dropped(file: h5py.File, reasons: dict[int, str]) -> None:
    file["dropped/event"] = np.array(list(reasons), np.int64)
    file.create_dataset("dropped/reason", data=list(reasons.values()), dtype=h5py.string_dtype())
