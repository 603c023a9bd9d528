"""The study of footprints as a page: energies, critic's loss, and footprints after the first and the last epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import SurfaceArray, from_spec, of_kind
from moliere.evaluation.footprints import Curve, Epoch, FootprintResult
from moliere.report.footprints import GROUND_KEY, draw_ground
from moliere.report.section import Picture
from moliere.report.studies import draw_legend, quality_pictures, write_page
from moliere.report.style import GENERATED, REFERENCE, new_figure, style
from moliere.report.tables import Table
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: real footprints, those of the last epoch, those of the first: colour, line and marker
_LOOKS = ((REFERENCE, "-", "o"), (GENERATED, "--", "s"), ("#2f6fb3", ":", "^"))
#: largest bias and distance that the verdict calls reached
_MOST_BIAS, _MOST_KS = 0.03, 0.05


def write_footprint_study(result: FootprintResult, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``study.html`` and ``study.json``.

    Args:
        result: from :func:`moliere.studies.run_footprints`.
        folder: made if it does not exist.
        overwrite: replace what is there.

    Returns:
        The path of the page.

    Raises:
        OutputExists: the folder holds a page and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    last, named = result.last, _named(result)
    looks = dict(zip(named, _LOOKS, strict=False))
    points = {name: named[name].points for name in looks}
    return write_page(
        "footprint_study.html",
        result,
        folder,
        lambda: {
            "rows": named,
            "verdict": verdict_of(result),
            "reached": not result.short and abs(last.whole.bias) <= _MOST_BIAS and last.total_ks <= _MOST_KS,
            "energies": quality_pictures(points, looks, "{} of the energy (%)", "energy that was asked for"),
            "critic": [
                Picture("critic-loss", _draw_curves(result.curves), "loss of the critic", table=_curves(result))
            ],
            "footprints": _footprint_pictures(result),
            "key": GROUND_KEY,
        },
        overwrite=overwrite,
    )


def verdict_of(result: FootprintResult) -> str:
    """One sentence: the energy of what was generated, and its total signal."""
    last, real = result.last, result.real
    found = (
        f"an independent constrainer reads energies of generated footprints that are {100 * last.whole.bias:+.1f} % "
        f"away from those that were asked for, of real ones {100 * real.whole.bias:+.1f} % away from the true ones; "
        f"total signals have a KS distance of {last.total_ks:.3f}"
    )
    if result.short:
        return f"a short run, which shows that every step works and proves nothing: {result.short}; {found}"
    return found


def _named(result: FootprintResult) -> dict[str, Epoch]:
    """What stands in tables and pictures, real footprints first, then the last epoch."""
    later = sorted(result.epochs, reverse=True)
    return {"real footprints": result.real, **{f"epoch {n}": result.epochs[n] for n in later}}


def _draw_curves(curves: Mapping[str, Curve]) -> Figure:
    with style():
        figure = new_figure(4.4, 2.9)
        axes = figure.add_axes((0.16, 0.15, 0.81, 0.74))
        for (name, curve), (colour, line, _) in zip(curves.items(), _LOOKS, strict=False):
            axes.plot(curve.epochs, curve.values, color=colour, ls=line, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss of the critic")
        draw_legend(axes)
    return figure


def _curves(result: FootprintResult) -> Table:
    columns: dict[str, list[float]] = {}
    for name, curve in result.curves.items():
        columns.setdefault("epoch", list(curve.epochs))
        columns[f"loss ({name})"] = list(curve.values)
    return columns


def _footprint_pictures(result: FootprintResult) -> list[Picture]:
    """For each energy, a real footprint and those of each training, the first epoch beside it."""
    array = of_kind(from_spec(result.detector), SurfaceArray, "a footprint")
    order = {"real": result.real, **{f"epoch {n}": result.epochs[n] for n in sorted(result.epochs)}}
    every = np.concatenate([example.signals for epoch in order.values() for example in epoch.examples])
    ends = (float(every[every > 0].min()), float(every.max())) if (every > 0).any() else None
    pictures = []
    for k in range(len(result.real.examples)):
        for name, epoch in order.items():
            example = epoch.examples[k]
            signals = np.asarray(example.signals)
            title = f"{format_energy(example.energy)}, {name}: {signals.sum():,.0f} {array.unit}"
            pictures.append(
                Picture(f"footprint-{k}-{name.replace(' ', '-')}", draw_ground(signals, array, "", ends), title)
            )
    return pictures
