"""Response and resolution against energy."""

from __future__ import annotations

from collections.abc import Sequence

from moliere.detectors import Detector
from moliere.evaluation.findings.response import Response
from moliere.evaluation.result import Report
from moliere.report.plots import draw_resolution, draw_response
from moliere.report.section import Picture, Section, draw
from moliere.report.tables import response_table


@draw.register
def _(finding: Response, report: Report, detector: Detector) -> Sequence[Section]:
    del report, detector
    table = response_table(finding.points)
    drawn = (
        ("response-by-energy", draw_response, "Mean response against incident energy"),
        ("resolution-by-energy", draw_resolution, "Resolution against incident energy"),
    )
    pictures = tuple(Picture(name, plot(finding.points), title, table=table) for name, plot, title in drawn)
    return (Section("response", finding.title, pictures),)
