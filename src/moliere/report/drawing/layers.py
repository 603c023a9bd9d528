"""FastCaloSim's validation drawn: ratios of every layer at every energy, and layers against pseudorapidity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors import Calorimeter, Detector
from moliere.detectors.base import Floats
from moliere.evaluation.findings.layers import EtaRow, LayerRow, LayerValidation
from moliere.evaluation.result import Report
from moliere.report.plots import draw_legend
from moliere.report.section import Picture, Section, draw
from moliere.report.style import GENERATED, GUIDE, RATIO, REFERENCE, new_figure, style
from moliere.report.tables import Table, known
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: colours end at ratios of 1 ± this; numbers are written while layers are no more than these
_SPAN, _WRITTEN = 0.2, 16
_COLUMNS = 4
#: what a table holds where a value with an error cannot be measured
_UNKNOWN = (float("nan"), float("nan"))


@draw.register
def _(finding: LayerValidation, report: Report, detector: Detector) -> Sequence[Section]:
    del report
    named = detector.atlas_parts if isinstance(detector, Calorimeter) else []
    return (Section("layers", finding.title, layer_pictures(finding, named)),)


def layer_pictures(found: LayerValidation, named: Sequence[str] = ()) -> tuple[Picture, ...]:
    """A picture of the ratios with what the layers are, and one against eta where events have it."""
    note = (
        "Red is more than the reference and blue less, up to 20 %; blank where the reference layer is dark or "
        "never varies. Chi-squares, Kolmogorov-Smirnov and Wasserstein distances are in the CSV file."
    )
    notes = (note, f"The layers: {'; '.join(named)}.") if named else (note,)
    title, table = "Layer energies at each incident energy", ratio_table(found.rows)
    pictures = [Picture("layer-ratios", draw_ratios(found.rows), title, notes, broad=True, table=table)]
    if found.eta:
        title, table = "Mean layer energies against |eta|", eta_table(found.eta)
        pictures.append(Picture("layers-by-eta", draw_eta(found.eta), title, broad=True, table=table))
    if any(row.reference_asymmetry and row.generated_asymmetry for row in found.eta):
        title, drawn = "Asymmetry of layer energies, +eta against −eta", draw_eta(found.eta, asymmetry=True)
        pictures.append(Picture("eta-asymmetry", drawn, title, broad=True))
    return tuple(pictures)


def draw_ratios(rows: Sequence[LayerRow]) -> Figure:
    """Ratio of means and of standard deviations, a row an energy and a column a layer."""
    layers, energies = list(dict.fromkeys(row.layer for row in rows)), sorted({row.energy for row in rows})
    with style():
        figure = new_figure(11.0, 1.3 + 0.26 * len(energies))
        for k, (title, name) in enumerate((("mean", "mean_ratio"), ("standard deviation", "std_ratio"))):
            ratios = np.full((len(energies), len(layers)), np.nan)
            for row in rows:
                ratios[energies.index(row.energy), layers.index(row.layer)] = (getattr(row, name) or _UNKNOWN)[0]
            axes = figure.add_axes((0.09 + 0.46 * k, 0.3, 0.44, 0.58))
            _paint(axes, ratios, layers)
            axes.tick_params(which="both", length=0)
            axes.set_title(f"{title}, generated / reference", fontsize=8)
            axes.set_yticks([] if k else range(len(energies)), [] if k else [_middle(e) for e in energies])
    return figure


def _paint(axes: Axes, ratios: Floats, layers: Sequence[str]) -> None:
    axes.imshow(ratios, cmap=RATIO, vmin=1 - _SPAN, vmax=1 + _SPAN, aspect="auto", origin="lower")
    step = -(-len(layers) // _WRITTEN)
    axes.set_xticks(range(0, len(layers), step), layers[::step], rotation=40, ha="right", fontsize=7)
    if len(layers) <= _WRITTEN:
        for (y, x), value in np.ndenumerate(ratios):
            axes.text(x, y, "" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", fontsize=6.5)


def _middle(energy: tuple[float, float]) -> str:
    return format_energy((energy[0] * energy[1]) ** 0.5)


def draw_eta(rows: Sequence[EtaRow], *, asymmetry: bool = False) -> Figure:
    """A panel a layer: mean energy, or the asymmetry of both sides, in slices of |eta|."""
    layers = list(dict.fromkeys(row.layer for row in rows))
    lines = -(-len(layers) // _COLUMNS)
    with style():
        figure = new_figure(11.0, 1.9 * lines + 0.3)
        for k, layer in enumerate(layers):
            axes = figure.add_subplot(lines, _COLUMNS, k + 1)
            own = [row for row in rows if row.layer == layer]
            for label, colour, shift in (("reference", REFERENCE, -0.003), ("generated", GENERATED, 0.003)):
                name = f"{label}_asymmetry" if asymmetry else label
                points = [(sum(row.eta) / 2 + shift, *found) for row in own if (found := getattr(row, name))]
                if points:
                    x, y, error = zip(*points, strict=True)
                    axes.errorbar(x, y, error, fmt="o", markersize=3, linewidth=1, color=colour, label=label)
            if asymmetry:
                axes.axhline(0, color=GUIDE, linewidth=0.5)
            axes.set_title(layer, fontsize=8)
            axes.set_xlabel("|eta|")
            axes.set_ylabel("" if k % _COLUMNS else ("asymmetry" if asymmetry else "mean (MeV)"))
            if not k:
                draw_legend(axes)
        figure.subplots_adjust(
            left=0.07, right=0.99, top=0.93, bottom=0.1 if lines > 2 else 0.16, hspace=0.7, wspace=0.35
        )
    return figure


def ratio_table(rows: Sequence[LayerRow]) -> Table:
    """Every measure of every layer and energy."""
    return {
        "layer": [row.layer for row in rows],
        "energy low (MeV)": [row.energy[0] for row in rows],
        "energy high (MeV)": [row.energy[1] for row in rows],
        "reference events": [float(row.n_reference) for row in rows],
        "generated events": [float(row.n_generated) for row in rows],
        "mean ratio": [(row.mean_ratio or _UNKNOWN)[0] for row in rows],
        "mean ratio error": [(row.mean_ratio or _UNKNOWN)[1] for row in rows],
        "std ratio": [(row.std_ratio or _UNKNOWN)[0] for row in rows],
        "std ratio error": [(row.std_ratio or _UNKNOWN)[1] for row in rows],
        "sem ratio": [known(row.sem_ratio) for row in rows],
        "ROOT chi2/ndf": [known(row.root_chi2) for row in rows],
        "ROOT p": [known(row.root_p) for row in rows],
        "CaloChallenge chi2": [known(row.separation) for row in rows],
        "KS": [row.ks for row in rows],
        "KS p": [known(row.ks_p) for row in rows],
        "Wasserstein (MeV)": [row.wasserstein for row in rows],
    }


def eta_table(rows: Sequence[EtaRow]) -> Table:
    """Means and asymmetries of every layer and slice; a side without events leaves the asymmetry empty."""
    return {
        "layer": [row.layer for row in rows],
        "eta low": [row.eta[0] for row in rows],
        "eta high": [row.eta[1] for row in rows],
        "reference (MeV)": [row.reference[0] for row in rows],
        "reference error (MeV)": [row.reference[1] for row in rows],
        "generated (MeV)": [row.generated[0] for row in rows],
        "generated error (MeV)": [row.generated[1] for row in rows],
        "reference asymmetry": [(row.reference_asymmetry or _UNKNOWN)[0] for row in rows],
        "reference asymmetry error": [(row.reference_asymmetry or _UNKNOWN)[1] for row in rows],
        "generated asymmetry": [(row.generated_asymmetry or _UNKNOWN)[0] for row in rows],
        "generated asymmetry error": [(row.generated_asymmetry or _UNKNOWN)[1] for row in rows],
    }
