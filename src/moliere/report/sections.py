"""What the page shows, in order: a report's numbers drawn and grouped into sections."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from moliere.evaluation.result import HistogramPair, Report
from moliere.report.correlation_picture import correlation_table, draw_correlations, worst_pairs
from moliere.report.picture import Picture
from moliere.report.plane_picture import draw_pairs, draw_plane, plane_table
from moliere.report.plots import draw_histogram, draw_resolution, draw_response
from moliere.report.small_multiples import draw_separations, draw_small_multiples, family
from moliere.report.tables import histogram_table, histograms_table, response_table, separations_table
from moliere.report.words import number

_GROUPS = {
    "energy": "Energy",
    "longitudinal": "Longitudinal shape",
    "transverse": "Transverse shape",
    "sparsity": "Sparsity",
    "voxels": "Cells",
    "signal": "Signal",
    "timing": "Arrival times",
    "momentum": "Momentum",
    "position": "Position",
    "shield": "Behind a magnetised shield",
}
_KEY = (
    "Fraction of all events in each bin: reference filled, generated as a line with statistical errors. "
    "Below, generated / reference on the band of the reference's own error. "
    "“Outside” is the share beyond the axis, reference | generated."
)
#: Families of more layers than this are condensed; so many of their worst members are drawn in full.
_MANY, _WORST = 10, 2


@dataclass(frozen=True)
class Section:
    """A heading with pictures; parts are folded until they are asked for.

    Args:
        anchor: for links.
        title: heading.
        pictures: in order.
        parts: what is folded.
        note: below the heading.
    """

    anchor: str
    title: str
    pictures: tuple[Picture, ...] = ()
    parts: tuple[Section, ...] = ()
    note: str = ""


def response_pictures(report: Report) -> tuple[Picture, ...]:
    """Response and resolution against energy; nothing where no energy was binned."""
    if not report.response:
        return ()
    table = response_table(report.response)
    drawn = (
        ("response-by-energy", draw_response, "Mean response against incident energy"),
        ("resolution-by-energy", draw_resolution, "Resolution against incident energy"),
    )
    return tuple(Picture(name, draw(report.response), title, table=table) for name, draw, title in drawn)


def correlation_section(report: Report) -> Section:
    """Correlation matrices, where there are two observables at least."""
    found = report.correlations
    if found is None or len(found.names) < 2:
        return Section("correlations", "Correlations")
    expected = math.hypot(*(1 / math.sqrt(max(1, x.n_used)) for x in (report.reference, report.generated)))
    notes = (
        f"{len(found.names)} observables, numbered as their names are.",
        f"Differences up to {expected:.2g} are statistical (one standard deviation, uncorrelated observables).",
        f"Worst: {'; '.join(worst_pairs(found))}.",
    )
    title, table = "Correlations of the observables", correlation_table(found)
    picture = Picture("correlations", draw_correlations(found), title, notes, broad=True, table=table)
    return Section("correlations", "Correlations", (picture,))


def plane_section(report: Report) -> Section:
    """Pairs of observables, where a suite shows any: the first in full, the others in one square."""
    if not report.planes:
        return Section("planes", "Pairs")
    first, *others = report.planes
    title = " against ".join(first.names[::-1])
    pictures = [Picture("plane", draw_plane(first), title, broad=True, table=plane_table(first))]
    if others:
        notes = ("reference below the diagonal, generated above; colours are logarithmic, the same for both of a pair",)
        pictures.append(Picture("pairs", draw_pairs(others), "All pairs of columns", notes, broad=True))
    return Section("planes", "Pairs", tuple(pictures))


def histogram_sections(histograms: Sequence[HistogramPair]) -> list[Section]:
    """One section a group of observables, large families condensed."""
    sections: list[Section] = []
    for group, title in _GROUPS.items():
        members = [pair for pair in histograms if pair.group == group]
        if members:
            sections.append(_group_section(group, title, members, _KEY if not sections else ""))
    return sections


def _group_section(group: str, title: str, histograms: Sequence[HistogramPair], note: str) -> Section:
    pictures: list[Picture] = []
    parts: list[Section] = []
    for name in dict.fromkeys(map(family, histograms)):
        pairs = [pair for pair in histograms if family(pair) == name]
        if len(pairs) <= _MANY:
            pictures += [_histogram_picture(pair) for pair in pairs]
        else:
            pictures += _condensed(name, pairs)
            parts.append(_all_of(name, pairs))
    return Section(group, title, tuple(pictures), tuple(parts), note)


def _condensed(name: str, pairs: Sequence[HistogramPair]) -> list[Picture]:
    """Separation power of every layer, and the layers where it is worst."""
    words = name.replace("_", " ")
    title, notes = f"{words}, all layers", ("the two layers farthest above their floor are drawn beside",)
    worst = sorted(pairs, key=lambda pair: pair.separation_floor - pair.separation)[:_WORST]
    table = separations_table(pairs)
    overview = Picture(f"{name}-separation", draw_separations(pairs), title, notes, table=table)
    return [overview, *(_histogram_picture(pair) for pair in worst)]


def _all_of(name: str, pairs: Sequence[HistogramPair]) -> Section:
    words = name.replace("_", " ")
    note, table = "Layer number and separation power above each panel.", histograms_table(pairs)
    picture = Picture(f"{name}-all", draw_small_multiples(pairs), "", (note,), broad=True, table=table)
    return Section(f"all-{name}", f"{words}: all {len(pairs)} layers", (picture,))


def _histogram_picture(pair: HistogramPair) -> Picture:
    notes = (
        f"separation {number(pair.separation)} (floor {number(pair.separation_floor)})",
        f"KS p {number(pair.ks_p)}" if pair.ks_p > 1e-6 else "KS p < 1e-6",
        f"W₁ {number(pair.wasserstein)} {pair.unit}".rstrip(),
    )
    return Picture(file_name(pair.name), draw_histogram(pair), pair.label, notes, table=histogram_table(pair))


def file_name(name: str) -> str:
    """A name without characters that file systems or identifiers mind."""
    return re.sub(r"\W+", "-", name).strip("-")
