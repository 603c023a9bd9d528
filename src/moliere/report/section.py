"""A part of a page with its pictures, and how a finding without a drawing of its own becomes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, singledispatch
from typing import TYPE_CHECKING, Any

from moliere.detectors import Detector
from moliere.evaluation.finding import Finding, Listing, Metric, Unregistered
from moliere.evaluation.result import Report
from moliere.report.style import to_pdf, to_svg
from moliere.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """One figure of a page.

    Args:
        name: of its files, unique.
        figure: as drawn.
        title: what it shows.
        notes: numbers beside it.
        broad: whether it takes the full width.
        table: the numbers that it shows; ``None`` where they are too many for a page.
    """

    name: str
    figure: Figure
    title: str
    notes: tuple[str, ...] = ()
    broad: bool = False
    table: Table | None = None

    @cached_property
    def svg(self) -> str:
        """A whole SVG document."""
        return to_svg(self.figure)

    @cached_property
    def pdf(self) -> bytes:
        """The same as a PDF of one page."""
        return to_pdf(self.figure)


@dataclass(frozen=True)
class Section:
    """A heading with pictures; parts are folded until they are asked for.

    Args:
        anchor: for links.
        title: heading.
        pictures: in order.
        parts: what is folded.
        note: below the heading.
        metrics: numbers that are listed below the note.
        listings: tables below the pictures.
        template: of a part of the page that is more than pictures; empty where there is none.
        data: what the template shows.
        scripts: assets that the template runs.
    """

    anchor: str
    title: str
    pictures: tuple[Picture, ...] = ()
    parts: tuple[Section, ...] = ()
    note: str = ""
    metrics: tuple[Metric, ...] = ()
    listings: tuple[Listing, ...] = ()
    template: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()


@singledispatch
def draw(finding: Finding, report: Report, detector: Detector) -> Sequence[Section]:
    """The sections of one finding; here of one that has no drawing of its own: its words, metrics and listings.

    A drawing for a class of findings is registered with ``draw.register``. The headline is not drawn: the page
    shows the headlines of all findings side by side, with their words.

    Args:
        finding: what was found.
        report: all findings, and the samples.
        detector: of the report.
    """
    del report, detector
    note = "" if finding.headline is not None else finding.words
    if not (note or finding.metrics or finding.listings):
        return ()
    content = finding.to_dict()
    kind = file_name(str(content.get("failed", content["kind"])))
    title = finding.title or kind
    if isinstance(finding, Unregistered):
        title = kind
    return (Section(kind, title, note=note, metrics=finding.metrics, listings=finding.listings),)


def file_name(name: str) -> str:
    """A name without characters that file systems or identifiers mind."""
    return re.sub(r"\W+", "-", name).strip("-")
