"""Histograms of every observable, one section a group, large families condensed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.observables import observables
from moliere.evaluation.result import Report
from moliere.report.plots import draw_histogram, draw_legend, fractions
from moliere.report.section import Picture, Section, draw, file_name
from moliere.report.style import GENERATED, GUIDE, REFERENCE, log_ticks, new_figure, style
from moliere.report.tables import histogram_table, histograms_table, known, separations_table
from moliere.report.words import number, small

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    "particle": "Particle",
    "shield": "Behind a magnetised shield",
}
_KEY = (
    "Fraction of all events in each bin: reference filled, generated as a line with statistical errors. "
    "Below, generated / reference on the band of the reference's own error. "
    "“Below”, “above” or “outside” is the share beyond the axis, reference | generated."
)
#: Families of more layers than this are condensed; so many of their worst members are drawn in full.
_MANY, _WORST = 10, 2


@draw.register
def _(finding: Observables, report: Report, detector: Detector) -> Sequence[Section]:
    del report
    return histogram_sections(finding.histograms, detector)


def histogram_sections(histograms: Sequence[HistogramPair], detector: Detector) -> list[Section]:
    """One section a group of observables, large families condensed."""
    sections: list[Section] = []
    # groups that somebody else has named come last
    for group in dict.fromkeys((*_GROUPS, *(pair.group for pair in histograms))):
        members = [pair for pair in histograms if pair.group == group]
        if members:
            title = _GROUPS.get(group, group.capitalize())
            sections.append(_group_section(group, title, members, detector, _KEY if not sections else ""))
    return sections


def _group_section(
    group: str, title: str, histograms: Sequence[HistogramPair], detector: Detector, note: str
) -> Section:
    pictures: list[Picture] = []
    parts: list[Section] = []
    for name in dict.fromkeys(map(family, histograms)):
        pairs = [pair for pair in histograms if family(pair) == name]
        if len(pairs) <= _MANY:
            pictures += [_histogram_picture(pair) for pair in pairs]
        else:
            label = family_label(name, detector)
            pictures += _condensed(name, label, pairs)
            parts.append(_all_of(name, label, pairs))
    return Section(file_name(group), title, tuple(pictures), tuple(parts), note)


def family_label(name: str, detector: Detector) -> str:
    """What people call an observable of all layers: ``centre_eta`` → ``centre in x, each layer``."""
    known = observables.get(name)
    if known is None or known.layers is None:
        return name.replace("_", " ")
    return known.label.format(layer="each layer", detector=detector)


def _condensed(name: str, label: str, pairs: Sequence[HistogramPair]) -> list[Picture]:
    """Separation power of every layer, and the layers where it is worst."""
    title, notes = f"separation power: {label}", ("the two layers farthest above their floor are drawn beside",)
    worst = sorted(pairs, key=lambda pair: (pair.separation_floor or 0.0) - (pair.separation or 0.0))[:_WORST]
    table = separations_table(pairs)
    overview = Picture(f"{name}-separation", draw_separations(pairs), title, notes, table=table)
    return [overview, *(_histogram_picture(pair) for pair in worst)]


def _all_of(name: str, label: str, pairs: Sequence[HistogramPair]) -> Section:
    note, table = "Layer number and separation power above each panel.", histograms_table(pairs)
    picture = Picture(f"{name}-all", draw_small_multiples(pairs), "", (note,), broad=True, table=table)
    return Section(f"all-{name}", f"{label}: all {len(pairs)} layers", (picture,))


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


_COLUMNS = 9
#: Bins of a small panel: more cannot be seen.
_MAX_BINS = 34
#: Width and height of a panel's drawing inside its unit square.
_PANEL = (0.88, 0.72)
_MEMBER = re.compile(r"\[(\d+)\]")


def family(pair: HistogramPair) -> str:
    """What all layers' histograms of one observable share: ``layer_energy[3]`` → ``layer_energy``."""
    return _MEMBER.sub("", pair.name)


def member(pair: HistogramPair) -> int:
    """Which of its family a histogram is: ``layer_energy[3]`` → 3."""
    found = _MEMBER.search(pair.name)
    return int(found[1]) if found else 0


def draw_separations(pairs: Sequence[HistogramPair]) -> Figure:
    """Separation power of each member of a family, beside its floor."""
    lines = (
        ("floor", "o-", REFERENCE, [known(pair.separation_floor) for pair in pairs]),
        ("generated", "s-", GENERATED, [known(pair.separation) for pair in pairs]),
    )
    with style():
        figure = new_figure(3.5, 2.9)
        axes = figure.add_axes((0.18, 0.145, 0.79, 0.765))
        for label, line, colour, values in lines:
            layers = [member(pair) for pair in pairs]
            axes.plot(layers, values, line, color=colour, markersize=2.5, linewidth=0.8, label=label)
        if any(value > 0 for *_, values in lines for value in values):  # zero everywhere has no logarithm
            axes.set_yscale("log")
            log_ticks(axes, "y")
        axes.set(xlabel="layer", ylabel="separation power")
        axes.yaxis.set_label_coords(-0.175, 0.5)
        draw_legend(axes)
    return figure


def draw_small_multiples(pairs: Sequence[HistogramPair]) -> Figure:
    """A panel for each histogram, each scaled to its own peak, with its number and separation power.

    All panels are painted into one pair of axes: dozens of axes would take seconds.
    """
    rows = -(-len(pairs) // _COLUMNS)
    with style():
        figure = new_figure(11.0, 1.15 * rows)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(-0.02, _COLUMNS), ylim=(rows, 0))
        axes.set_axis_off()
        for k, pair in enumerate(pairs):
            column, row = k % _COLUMNS, k // _COLUMNS
            reference, generated = _panel(pair)
            x = column + _PANEL[0] * np.linspace(0, 1, len(reference) + 1)
            base = row + 0.95
            axes.stairs(base - _PANEL[1] * reference, x, baseline=base, fill=True, color=REFERENCE, alpha=0.35)
            axes.stairs(base - _PANEL[1] * generated, x, baseline=None, color=GENERATED, linewidth=0.8)
            axes.plot(x[[0, -1]], [base, base], color=GUIDE, linewidth=0.5)
            axes.text(column, row + 0.12, f"{member(pair)}", fontsize=8, va="center")
            axes.text(x[-1], row + 0.12, number(pair.separation), fontsize=7, ha="right", va="center")
    return figure


def _panel(pair: HistogramPair) -> tuple[Floats, Floats]:
    """Both histograms with neighbouring bins merged, scaled to their common peak."""
    shapes = [_merge(fractions(counts)[0]) for counts in (pair.reference, pair.generated)]
    top = max(float(shape.max()) for shape in shapes) or 1.0
    return shapes[0] / top, shapes[1] / top


def _merge(values: Floats) -> Floats:
    step = -(-len(values) // _MAX_BINS)
    return np.add.reduceat(values, np.arange(0, len(values), step))
