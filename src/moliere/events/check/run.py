"""All checks on one source, and the table that shows what a file holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moliere.events.check.checks import CHECKS
from moliere.events.check.findings import CheckReport, Finding, LayerRow
from moliere.events.check.overview import Overview, look
from moliere.events.events import EventSource

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
