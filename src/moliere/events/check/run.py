"""A check of a file from beginning to end, and the clean copy of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from moliere.errors import InvalidEvents
from moliere.events.check.checks import CHECKS
from moliere.events.check.findings import CheckReport, Finding, LayerRow
from moliere.events.check.overview import Overview, look
from moliere.events.convert import choose_format
from moliere.events.events import Events, EventSource, Index, piece_rows
from moliere.events.formats import create_events
from moliere.events.formats.growing import GrowingFile

_ORDER = ("fault", "warning", "note")


def check_source(source: EventSource, name: str = "") -> CheckReport:
    """Look at all events of a source.

    Args:
        source: a file that was opened, or events in memory.
        name: for the report; the file's by default.

    Returns:
        What was found, faults first.

    Raises:
        FormatError: the file breaks off.

    Example:
        >>> import moliere
        >>> check_source(moliere.samples.open("photons-mini")).verdict
        'no fault in 5,000 events'
    """
    view = look(source)
    findings = list(_run(view))
    return CheckReport(
        name=name or str(getattr(source, "path", "events in memory")),
        detector=source.detector.name,
        n_events=len(source),
        findings=tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))),
        table=tuple(_rows(view)),
        energy=view.energy,
        response=view.response,
    )


def _run(view: Overview) -> Iterator[Finding]:
    """All checks in order, up to a fault of the whole file, after which nothing can be judged."""
    for check in CHECKS:
        found = list(check(view))
        yield from found
        if any(finding.severity == "fault" and not len(finding.events) for finding in found):
            return


def _rows(view: Overview) -> Iterator[LayerRow]:
    """A row a layer and group of energies, of sound events."""
    for number in range(view.group.max(initial=-1) + 1):
        inside = np.flatnonzero(view.group == number)
        if not len(inside):
            continue
        energy = view.energy[inside]
        ends = float(energy.min()), float(energy.max())
        for k, label in enumerate(view.detector.layer_labels):
            values, brightest = view.layer_energies[inside, k], view.layer_brightest[inside, k]
            share, empty = float((values / energy).mean()), float((values <= 0).mean())
            yield LayerRow(ends, label, len(inside), share, empty, float((brightest / energy).max()))


def write_clean(
    source: EventSource, report: CheckReport, output: Path, to: str | None = None, *, overwrite: bool = False
) -> int:
    """Copy the events that no check faults.

    The output says which events are missing: in HDF5 in the group ``dropped`` (``event``, ``reason``), and in short in
    the provenance of every format.

    Args:
        source: the events that were checked.
        report: what was found.
        output: the file to be written.
        to: its format; by its ending, as for ``moliere convert``.
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
    name = choose_format(output, source.detector.kind, to)
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
