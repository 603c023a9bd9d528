"""Correlation matrices of both samples in one square, and their difference beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.evaluation.findings.correlations import Correlations
from moliere.evaluation.result import Report
from moliere.report.section import Picture, Section, draw
from moliere.report.style import RATIO, new_figure, style
from moliere.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Most rows that are named, and most letters of a name.
_MAX_NAMES, _MAX_LETTERS = 36, 32
#: Width and height of the figure, and of each square, in inches.
_WIDTH, _HEIGHT, _SQUARE = 11.0, 5.2, 4.05
#: Differences share a scale that is at least so wide: statistical ones shall look like nothing.
_LEAST_SCALE = 0.1
#: Steps of the colour scale: fewer hide noise, which makes large images out of many observables.
_SHADES = 33


@draw.register
def _(finding: Correlations, report: Report, detector: Detector) -> Sequence[Section]:
    del detector
    expected = math.hypot(*(1 / math.sqrt(max(1, x.n_used)) for x in (report.reference, report.generated)))
    notes = (
        f"{len(finding.names)} observables, numbered as their names are.",
        f"Differences up to {expected:.2g} are statistical (one standard deviation, uncorrelated observables).",
        f"Worst: {'; '.join(worst_pairs(finding))}.",
    )
    title, table = "Correlations of the observables", correlation_table(finding)
    picture = Picture("correlations", draw_correlations(finding), title, notes, broad=True, table=table)
    return (Section("correlations", finding.title, (picture,)),)


def draw_correlations(correlations: Correlations) -> Figure:
    """Pearson coefficients, reference below the diagonal and generated above; beside, generated - reference."""
    reference, generated = matrices(correlations)
    difference = generated - reference
    scale = max(_LEAST_SCALE, float(np.abs(difference).max(initial=0.0)))
    with style():
        figure = new_figure(_WIDTH, _HEIGHT)
        left, right = (_square(figure, x) for x in (2.35, 6.75))
        _paint(figure, left, np.tril(reference) + np.triu(generated, k=1), 1.0, "correlation")
        _paint(figure, right, difference, scale, "generated − reference")
        left.set_title("reference below the diagonal, generated above", fontsize=8)
        _name_rows(left, right, correlations.labels)
    return figure


def correlation_table(correlations: Correlations) -> Table:
    """One matrix as it is drawn, the reference below the diagonal; report.json has more digits."""
    reference, generated = matrices(correlations)
    both = (np.tril(reference) + np.triu(generated, k=1)).round(2)
    columns = {name: both[:, k].tolist() for k, name in enumerate(correlations.names)}
    return {"reference below the diagonal, generated above": correlations.names, **columns}


def worst_pairs(correlations: Correlations, n: int = 3) -> list[str]:
    """The pairs of observables whose coefficients differ most, in words."""
    reference, generated = matrices(correlations)
    rows, columns = np.tril_indices(len(reference), k=-1)
    order = np.argsort(-np.abs(generated - reference)[rows, columns], kind="stable")[:n]
    names = correlations.labels
    return [
        f"{names[i]} with {names[j]}: {reference[i, j]:.2f} → {generated[i, j]:.2f}"
        for i, j in zip(rows[order], columns[order], strict=True)
    ]


def matrices(correlations: Correlations) -> tuple[Floats, Floats]:
    """Reference and generated as arrays, (d, d) each."""
    return np.asarray(correlations.reference), np.asarray(correlations.generated)


def _square(figure: Figure, left: float) -> Axes:
    return figure.add_axes((left / _WIDTH, 0.78 / _HEIGHT, _SQUARE / _WIDTH, _SQUARE / _HEIGHT))


def _paint(figure: Figure, axes: Axes, values: Floats, scale: float, label: str) -> None:
    """A matrix, a pixel a coefficient: as paths, hundreds of observables would be megabytes."""
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    image = axes.imshow(values, cmap=colormaps[RATIO].resampled(_SHADES), vmin=-scale, vmax=scale, interpolation="none")
    box = axes.get_position()
    key = figure.add_axes((box.x0 + 0.1 * box.width, 0.4 / _HEIGHT, 0.8 * box.width, 0.12 / _HEIGHT))
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10])  # more numbers would touch
    figure.colorbar(image, cax=key, orientation="horizontal", label=label, ticks=ticks).ax.minorticks_off()


def _name_rows(left: Axes, right: Axes, labels: tuple[str, ...]) -> None:
    """Names to the left, numbers below; of many observables only every so many are named."""
    named = range(0, len(labels), -(-len(labels) // _MAX_NAMES))
    left.set_yticks(list(named), [f"{_short(labels[k])} · {k + 1}" for k in named], fontsize=6.5)
    right.set_yticks([])
    for axes in (left, right):
        some = named[:: -(-len(named) // 12)]
        axes.set_xticks(list(some), [str(k + 1) for k in some], fontsize=6.5)
        axes.tick_params(which="both", length=0)


def _short(label: str) -> str:
    """Beginning and end, because names of one family differ in either."""
    half = _MAX_LETTERS // 2
    return label if len(label) <= _MAX_LETTERS else f"{label[: half - 1]}…{label[-half:]}"
