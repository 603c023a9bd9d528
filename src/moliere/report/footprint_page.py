"""The study of footprints as a page: energies, critic's loss, and footprints after the first and the last epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import SurfaceArray, from_spec, of_kind
from moliere.evaluation.footprints import Curve, Epoch, FootprintResult
from moliere.evaluation.reconstruction import Quality
from moliere.files import check_free, replacing_entries
from moliere.report.footprints import FOOTPRINT_KEY, draw_ground
from moliere.report.html import make_environment, package_version
from moliere.report.section import Picture
from moliere.report.style import GENERATED, GUIDE, REFERENCE, new_figure, style
from moliere.report.tables import Table
from moliere.units import EeV, format_energy

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
    folder = Path(folder)
    check_free(folder / "study.html", overwrite=overwrite)
    last = result.last
    context = {
        "result": result,
        "rows": _named(result),
        "verdict": verdict_of(result),
        "reached": not result.short and abs(last.whole.bias) <= _MOST_BIAS and last.total_ks <= _MOST_KS,
        "energies": _energy_pictures(result),
        "critic": [Picture("critic-loss", _draw_curves(result.curves), "loss of the critic", table=_curves(result))],
        "footprints": _footprint_pictures(result),
        "key": FOOTPRINT_KEY,
    }
    page = make_environment().get_template("footprint_study.html").render(**context, version=package_version())
    with replacing_entries(folder, overwrite=True) as new:
        (new / "study.json").write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")
        (new / "study.html").write_text(page, encoding="utf-8")
    return folder / "study.html"


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


def _energy_pictures(result: FootprintResult) -> list[Picture]:
    views: tuple[tuple[str, Callable[[Quality], tuple[float, float]]], ...] = (
        ("bias", lambda q: (100 * q.bias, 100 * q.bias_error)),
        ("resolution", lambda q: (100 * q.resolution, 100 * q.resolution_error)),
    )
    named = _named(result)
    return [
        Picture(label, _draw_points(named, label, get), f"{label} of the energy (%)", table=_table(named, get))
        for label, get in views
    ]


def _draw_points(named: Mapping[str, Epoch], label: str, get: Callable[[Quality], tuple[float, float]]) -> Figure:
    with style():
        figure = new_figure(4.4, 2.9)
        axes = figure.add_axes((0.14, 0.15, 0.83, 0.74))
        for (name, epoch), (colour, line, marker) in zip(named.items(), _LOOKS, strict=False):
            energies = [point.energy / EeV for point in epoch.points]
            values, errors = zip(*(get(point.quality) for point in epoch.points), strict=True)
            axes.errorbar(energies, values, errors, color=colour, ls=line, marker=marker, label=name)
        axes.axhline(0, color=GUIDE, linewidth=0.7)
        axes.set_xlabel("energy that was asked for (EeV)")
        axes.set_ylabel(f"{label} (%)")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, borderpad=0.1)
    return figure


def _table(named: Mapping[str, Epoch], get: Callable[[Quality], tuple[float, float]]) -> Table:
    columns: dict[str, list[float]] = {}
    for name, epoch in named.items():
        columns.setdefault("energy (EeV)", [point.energy / EeV for point in epoch.points])
        values = [get(point.quality) for point in epoch.points]
        columns |= {f"{name} (%)": [v for v, _ in values], f"error of {name} (%)": [e for _, e in values]}
    return columns


def _draw_curves(curves: Mapping[str, Curve]) -> Figure:
    with style():
        figure = new_figure(4.4, 2.9)
        axes = figure.add_axes((0.16, 0.15, 0.81, 0.74))
        for (name, curve), (colour, line, _) in zip(curves.items(), _LOOKS, strict=False):
            axes.plot(curve.epochs, curve.values, color=colour, ls=line, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss of the critic")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=2, borderpad=0.1)
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
    pictures = []
    for k in range(len(result.real.examples)):
        for name, epoch in order.items():
            example = epoch.examples[k]
            signals = np.asarray(example.signals)
            title = f"{format_energy(example.energy)}, {name}: {signals.sum():,.0f} {array.unit}"
            pictures.append(Picture(f"footprint-{k}-{name.replace(' ', '-')}", draw_ground(signals, array, ""), title))
    return pictures
