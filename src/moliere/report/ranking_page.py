"""Several samples against one reference as a page: pictures, and a table that leads to each sample's own report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.reading import Row
from moliere.files import check_free, replacing_entries
from moliere.progress import Progress, parts, silent
from moliere.report.html import render, write_report
from moliere.report.plots import draw_legend, fractions, label_axis, visible_bins, with_unit
from moliere.report.section import Picture, file_name
from moliere.report.style import GUIDE, REFERENCE, log_ticks, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: a sample's colour, the best first; more samples begin again with other lines
_COLOURS = ("#c2410c", "#2f6fb3", "#1a7f4b", "#7c3aed", "#9a6700")
_LINES = ("-", "--", ":")
#: observables that are drawn, those first that the samples differ in most
_DRAWN = 4


def write_ranking(
    rows: Sequence[Row], folder: str | Path, *, overwrite: bool = False, progress: Progress = silent
) -> Path:
    """Write ``compare.html``, ``compare.json`` and a folder with a report for each sample.

    Args:
        rows: best first.
        folder: made if it does not exist.
        overwrite: replace what is there.
        progress: called with the name of each step, and the share of the work that is done.

    Returns:
        The path of the page.

    Raises:
        OutputExists: the folder holds a comparison and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in ("compare.html", "compare.json"):
        check_free(folder / name, overwrite=overwrite)
    columns = list(dict.fromkeys(column for row in rows for column in row.metrics))
    content = {row.name: row.report.to_dict() for row in rows}
    with replacing_entries(folder, overwrite=overwrite) as new:
        places = [new / f"{k}-{Path(row.name).stem}" for k, row in enumerate(rows, 1)]
        shares = parts(progress, [1.0] * len(rows))
        pages = [
            write_report(row.report, at, progress=share) for row, at, share in zip(rows, places, shares, strict=True)
        ]
        links = [page.relative_to(new).as_posix() for page in pages]
        text = render("compare.html", rows=rows, links=links, columns=columns, pictures=ranking_pictures(rows))
        (new / "compare.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        (new / "compare.html").write_text(text, encoding="utf-8")
    return folder / "compare.html"


def ranking_pictures(rows: Sequence[Row]) -> list[Picture]:
    """Metrics of all samples beside their floors, then observables of all samples in one panel each."""
    columns = list(dict.fromkeys(column for row in rows for column in row.metrics))
    drawn = [Picture(f"ranking-{file_name(name)}", draw_metric(rows, name), name) for name in columns[:_DRAWN]]
    found = [_histograms(row) for row in rows]
    shared = [name for name in found[0] if all(name in one for one in found)]
    # two reports have the same bins, because both take them from the same reference
    shared = [name for name in shared if len({one[name].edges for one in found}) == 1]
    differ = sorted(shared, key=lambda name: -max(one[name].separation or 0.0 for one in found))
    for name in differ[:_DRAWN]:
        pairs = {row.name: one[name] for row, one in zip(rows, found, strict=True)}
        drawn.append(Picture(f"samples-{file_name(name)}", draw_overlay(pairs), found[0][name].label))
    return drawn


def _histograms(row: Row) -> dict[str, HistogramPair]:
    observed = row.report.find(Observables)
    return {} if observed is None else {pair.name: pair for pair in observed.histograms}


def draw_metric(rows: Sequence[Row], column: str) -> Figure:
    """One metric of every sample with its error, the best sample on top; grey is the floor."""
    with style():
        figure = new_figure(3.5, 0.9 + 0.3 * len(rows))
        axes = figure.add_axes((0.32, 0.55 / figure.get_figheight(), 0.65, 1 - 0.65 / figure.get_figheight()))
        for k, row in enumerate(rows):
            metric = row.metrics.get(column)
            if metric is None or metric.value is None:
                continue
            if metric.floor is not None:
                axes.errorbar(metric.floor, k, xerr=metric.floor_error, fmt="|", color=REFERENCE, markersize=9)
            axes.errorbar(metric.value, k, xerr=metric.error, fmt="o", color=_COLOURS[k % len(_COLOURS)])
        if column.startswith("AUC"):
            axes.axvline(0.5, color=GUIDE, linewidth=0.7)
        axes.set_yticks(range(len(rows)), [_short(row.name) for row in rows], fontsize=7)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(column)
    return figure


def _short(name: str) -> str:
    """The end of a long name, which tells files of one folder apart."""
    return name if len(name) <= 16 else f"…{name[-15:]}"


def draw_overlay(pairs: dict[str, HistogramPair]) -> Figure:
    """One observable of all samples, the reference filled."""
    first = next(iter(pairs.values()))
    spans = [visible_bins(pair) for pair in pairs.values()]
    seen = slice(min(span.start for span in spans), max(span.stop for span in spans))
    edges = np.asarray(first.edges)[seen.start : seen.stop + 1]
    with style():
        figure = new_figure(3.5, 2.4)
        axes = figure.add_axes((0.17, 0.19, 0.8, 0.68))
        axes.stairs(
            fractions(first.reference)[0][seen], edges, fill=True, color=REFERENCE, alpha=0.35, label="reference"
        )
        for k, (name, pair) in enumerate(pairs.items()):
            colour, line = _COLOURS[k % len(_COLOURS)], _LINES[k // len(_COLOURS) % len(_LINES)]
            values = fractions(pair.generated)[0][seen]
            axes.stairs(values, edges, baseline=None, label=_short(name), color=colour, linestyle=line)
        axes.set_xlim(edges[0], edges[-1])
        if first.log_x:
            axes.set_xscale("log")
            log_ticks(axes, "x")
        label_axis(axes, with_unit(first.label, first.unit))
        axes.set_ylabel("fraction")
        draw_legend(axes)
    return figure
