"""Histograms of every observable, one section a group, large families condensed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from moliere.detectors import Detector
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.result import Report
from moliere.report.picture import Picture
from moliere.report.plots import draw_histogram
from moliere.report.section import Section, draw, file_name
from moliere.report.small_multiples import draw_separations, draw_small_multiples, family
from moliere.report.tables import histogram_table, histograms_table, separations_table
from moliere.report.words import number, small

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


@draw.register
def _(finding: Observables, report: Report, detector: Detector) -> Sequence[Section]:
    del report, detector
    return histogram_sections(finding.histograms)


def histogram_sections(histograms: Sequence[HistogramPair]) -> list[Section]:
    """One section a group of observables, large families condensed."""
    sections: list[Section] = []
    # groups that somebody else has named come last
    for group in dict.fromkeys((*_GROUPS, *(pair.group for pair in histograms))):
        members = [pair for pair in histograms if pair.group == group]
        if members:
            title = _GROUPS.get(group, group.capitalize())
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
    return Section(file_name(group), title, tuple(pictures), tuple(parts), note)


def _condensed(name: str, pairs: Sequence[HistogramPair]) -> list[Picture]:
    """Separation power of every layer, and the layers where it is worst."""
    words = name.replace("_", " ")
    title, notes = f"{words}, all layers", ("the two layers farthest above their floor are drawn beside",)
    worst = sorted(pairs, key=lambda pair: (pair.separation_floor or 0.0) - (pair.separation or 0.0))[:_WORST]
    table = separations_table(pairs)
    overview = Picture(f"{name}-separation", draw_separations(pairs), title, notes, table=table)
    return [overview, *(_histogram_picture(pair) for pair in worst)]


def _all_of(name: str, pairs: Sequence[HistogramPair]) -> Section:
    words = name.replace("_", " ")
    note, table = "Layer number and separation power above each panel.", histograms_table(pairs)
    picture = Picture(f"{name}-all", draw_small_multiples(pairs), "", (note,), broad=True, table=table)
    return Section(f"all-{name}", f"{words}: all {len(pairs)} layers", (picture,))


def _histogram_picture(pair: HistogramPair) -> Picture:
    return Picture(
        file_name(pair.name), draw_histogram(pair), pair.label, tuple(_notes(pair)), table=histogram_table(pair)
    )


def _notes(pair: HistogramPair) -> Iterator[str]:
    """The distances, and why one of them is not there."""
    if pair.separation is not None:
        floor = "" if pair.separation_floor is None else f" (floor {number(pair.separation_floor)})"
        yield f"separation {number(pair.separation)}{floor}"
    if pair.ks_p is not None:
        yield f"KS p {small(pair.ks_p)}"
    if pair.wasserstein is not None:
        yield f"W₁ {number(pair.wasserstein)} {pair.unit}".rstrip()
    if pair.reason:
        yield f"{'not measurable' if pair.ks_p is None else 'no ratio of means or widths'}, because {pair.reason}"
