"""``moliere check``: what is broken in a file, before a model learns it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from moliere.cli.options import (
    Branches,
    DetectorName,
    FileNames,
    NegativeSignals,
    Overwrite,
    ToFormat,
    console,
    examples,
)

if TYPE_CHECKING:
    from moliere.events import EventSource
    from moliere.events.check import CheckReport

_COLOURS = {"fault": "bold red", "warning": "yellow", "note": "dim"}


@examples("moliere check showers.h5", "moliere check run-*.h5 --negative clip --fix clean.h5 --report page.html")
def check(
    events: FileNames,
    detector: DetectorName = None,
    branches: Branches = None,
    negative: NegativeSignals = "refuse",
    fix: Annotated[
        Path | None, typer.Option("--fix", help="Write the events without the faulty ones; lists each with its reason.")
    ] = None,
    to: ToFormat = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write what was found as an HTML page.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Look for events that must not reach a training: NaN, wrong units, cells above the incident energy, copies, …

    Exit code 1 when a fault is found, also with --fix, so that a pipeline can stop; warnings and notes do not count.
    """
    from moliere import front
    from moliere.events.check import write_clean
    from moliere.events.convert import choose_format
    from moliere.files import check_free

    for path in filter(None, (fix, report)):
        check_free(path, overwrite=overwrite)
    source, name = front.opened(events, detector, branches=branches, negative=negative)
    if fix is not None:
        choose_format(fix, source.detector.kind, to)  # says what is wrong before an hour of reading, not after
    found = front.check(source, name=name)
    _show(found)
    if report is not None:
        _write_page(source, found, report, overwrite=overwrite)
    if fix is not None:
        kept = write_clean(source, found, fix, to, overwrite=overwrite)
        console.print(f"{fix}: {kept:,} events kept, {len(found.reasons):,} dropped")
    elif found.faults:
        console.print("a file without them: moliere check FILE --fix CLEAN.h5")
    if found.faults:
        raise typer.Exit(1)


def _show(found: CheckReport) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("severity", "check", "what", "events", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in found.findings:
        words = finding.severity, finding.check, finding.text, finding.listed, finding.advice
        table.add_row(*words, style=_COLOURS[finding.severity])
    if found.findings:
        console.print(table, soft_wrap=False)
    console.print(f"{found.name} ({found.detector}): {found.verdict}")


def _write_page(source: EventSource, found: CheckReport, path: Path, *, overwrite: bool) -> None:
    from moliere.report.check_page import write_check_page

    console.print(f"page: {write_check_page(source, found, path, overwrite=overwrite)}")
