"""What pages of studies share: how they are written, and how well energies are reconstructed as pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from moliere.evaluation.reconstruction import Quality, QualityPoint
from moliere.files import check_free, replacing_entries
from moliere.report.html import render
from moliere.report.section import Picture
from moliere.report.style import GUIDE, new_figure, style
from moliere.report.tables import Table
from moliere.units import EeV

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: colour, line and marker of a sample
Look = tuple[str, str, str]
#: value and error of what is drawn, in %
Get = Callable[[Quality], tuple[float, float]]

_VIEWS: dict[str, Get] = {
    "bias": lambda q: (100 * q.bias, 100 * q.bias_error),
    "resolution": lambda q: (100 * q.resolution, 100 * q.resolution_error),
}


class Result(Protocol):
    """What a study found."""

    def to_dict(self) -> dict[str, Any]:
        """In plain types."""


def write_page(
    template: str, result: Result, folder: str | Path, context: Callable[[], Mapping[str, Any]], *, overwrite: bool
) -> Path:
    """Write ``study.html`` and ``study.json``.

    Args:
        template: of the page.
        result: of the study.
        folder: made if it does not exist.
        context: what the template shows beside the result, made when it is clear that the page may be written.
        overwrite: replace what is there.

    Raises:
        OutputExists: the folder holds a page and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    page = Path(folder) / "study.html"
    check_free(page, overwrite=overwrite)
    text = render(template, result=result, **context())
    with replacing_entries(page.parent, overwrite=True) as new:
        (new / "study.json").write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")
        (new / "study.html").write_text(text, encoding="utf-8")
    return page


def quality_pictures(
    points: Mapping[str, Sequence[QualityPoint]], looks: Mapping[str, Look], title: str, energy: str
) -> list[Picture]:
    """Bias and resolution against energy, a line a sample.

    Args:
        points: name of a sample → what was found at each energy.
        looks: name of a sample → how it is drawn.
        title: with a place for the quantity.
        energy: what kind of energy it is, for the axis.
    """
    return [
        Picture(name, _draw(points, looks, name, get, energy), title.format(name), table=_table(points, get))
        for name, get in _VIEWS.items()
    ]


def _draw(
    points: Mapping[str, Sequence[QualityPoint]], looks: Mapping[str, Look], name: str, get: Get, energy: str
) -> Figure:
    with style():
        figure = new_figure(4.4, 2.9)
        axes = figure.add_axes((0.14, 0.15, 0.83, 0.74))
        for sample, found in points.items():
            colour, line, marker = looks[sample]
            values, errors = zip(*(get(point.quality) for point in found), strict=True)
            energies = [point.energy / EeV for point in found]
            axes.errorbar(energies, values, errors, color=colour, ls=line, marker=marker, label=sample)
        axes.axhline(0, color=GUIDE, linewidth=0.7)
        axes.set_xlabel(f"{energy} (EeV)")
        axes.set_ylabel(f"{name} (%)")
        draw_legend(axes)
    return figure


def draw_legend(axes: Axes) -> None:
    """Above the axes: lines never hide it."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, borderpad=0.1, handlelength=2.2, columnspacing=1.0
    )


def _table(points: Mapping[str, Sequence[QualityPoint]], get: Get) -> Table:
    columns: dict[str, list[float]] = {"energy (EeV)": [p.energy / EeV for p in next(iter(points.values()))]}
    for name, found in points.items():
        values = [get(point.quality) for point in found]
        columns |= {f"{name} (%)": [v for v, _ in values], f"error of {name} (%)": [e for _, e in values]}
    return columns
