"""Many histograms of one family on little space: one number a layer, and one small panel a layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.histograms import HistogramPair
from moliere.report.plots import draw_legend, fractions
from moliere.report.style import GENERATED, GUIDE, REFERENCE, log_ticks, new_figure, style
from moliere.report.tables import known
from moliere.report.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
