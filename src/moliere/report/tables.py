"""The numbers behind figures as columns, for whoever wants to draw them again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.response import ResponsePoint
from moliere.report.profiles import energy_beyond
from moliere.report.scene import Scene, cell_bounds, layer_of

#: Heading → values, all columns of one length; units stand in the headings.
Table: TypeAlias = Mapping[str, Sequence[str | float]]

#: What a cell's edges are called, by the kind of its grid.
_EDGES = {"polar": ("alpha (rad)", "r (mm)"), "cartesian": ("x (mm)", "y (mm)")}


def to_csv(table: Table) -> str:
    """Comma-separated values with six digits; a number that is not known leaves its field empty.

    Example:
        >>> to_csv({"layer": ["front", "a, b"], "energy (MeV)": [1 / 3, float("nan")]})
        'layer,energy (MeV)\\nfront,0.333333\\n"a, b",\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(map(_field, column) for column in table.values()), strict=True))
    return text.getvalue()


def _field(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else f"{value:.6g}"


def known(value: float | None) -> float:
    """A number for a table: NaN, which leaves its field empty, where there is none."""
    return float("nan") if value is None else value


def histogram_table(pair: HistogramPair) -> Table:
    """Counts in all bins; the first and the last reach to infinity, so that they are all there is."""
    edges = [-np.inf, *pair.edges, np.inf]
    unit = f" ({pair.unit})" if pair.unit else ""
    return {
        f"low{unit}": edges[:-1],
        f"high{unit}": edges[1:],
        "reference": pair.reference,
        "generated": pair.generated,
    }


def histograms_table(pairs: Sequence[HistogramPair]) -> Table:
    """Counts of several histograms below each other; their observables have one unit."""
    tables = [histogram_table(pair) for pair in pairs]
    names = [pair.name for pair, table in zip(pairs, tables, strict=True) for _ in table["reference"]]
    return {"observable": names, **{key: [x for table in tables for x in table[key]] for key in tables[0]}}


def separations_table(pairs: Sequence[HistogramPair]) -> Table:
    """Separation power of each of a family."""
    return {
        "observable": [pair.name for pair in pairs],
        "separation": [known(pair.separation) for pair in pairs],
        "floor": [known(pair.separation_floor) for pair in pairs],
    }


def response_table(points: Sequence[ResponsePoint]) -> Table:
    """Mean and width of the response with errors, at each energy."""
    table: dict[str, Sequence[float]] = {"incident energy (MeV)": [point.energy for point in points]}
    for sample in ("reference", "generated"):
        table[f"{sample} events"] = [getattr(point, f"n_{sample}") for point in points]
        for value in ("mean", "mean_error", "width", "width_error"):
            table[f"{sample} {value.replace('_', ' ')}"] = [getattr(point, f"{sample}_{value}") for point in points]
    return table


def longitudinal_table(detector: Calorimeter, reference: Floats, generated: Floats) -> Table:
    """Mean energy of each layer."""
    names = [layer.label for layer in detector.read_out]
    base, value = (np.add.reduceat(mean, detector.boundaries[:-1]) for mean in (reference, generated))
    return {"layer": names, **_both(base, value, detector.unit)}


def radial_table(detector: Calorimeter, reference: Floats, generated: Floats) -> Table:
    """Share of the energy beyond each radius."""
    radii, base = energy_beyond(detector.r, reference)
    return {"r (mm)": radii.tolist(), **_both(base, energy_beyond(detector.r, generated)[1])}


def cells_table(scene: Scene, reference: Floats, generated: Floats, chosen: Sequence[int]) -> Table:
    """Mean energy of every cell of the chosen layers, with its channel number and its edges."""
    position = layer_of(scene.layers, np.arange(len(reference)))
    channels = np.flatnonzero(np.isin(position, chosen))
    bounds = cell_bounds(scene.layers, channels)
    kinds = dict.fromkeys(scene.layers[k].kind for k in chosen)
    edges = {
        f"{end} {' or '.join(_EDGES[kind][axis] for kind in kinds)}": bounds[:, axis, side].tolist()
        for axis in (0, 1)
        for side, end in enumerate(("low", "high"))
    }
    return {
        "channel": channels.tolist(),
        "layer": [scene.layers[k].label for k in position[channels]],
        **edges,
        **_both(reference[channels], generated[channels], scene.unit),
    }


def _both(reference: Floats, generated: Floats, unit: str = "") -> dict[str, list[float]]:
    where = f" ({unit})" if unit else ""
    return {f"reference{where}": reference.tolist(), f"generated{where}": generated.tolist()}
