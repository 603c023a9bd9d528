"""In which bins an observable is looked at: the community's where there are any, sensible ones elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.evaluation.observables.base import split_name

Floats = NDArray[np.float64]

_ENERGIES = {"layer_energy", "total_energy", "voxel_energy"}


@dataclass(frozen=True)
class Suite:
    """Which classifiers look at what.

    Args:
        classifiers: registry names.
        inputs: ``observables``, ``voxels`` or ``normed-voxels``.
    """

    classifiers: tuple[str, ...] = ("boosting", "mlp")
    inputs: tuple[str, ...] = ("observables", "voxels")


#: name → suite; the community's is exact and slow
SUITES = {
    "default": Suite(),
    "calochallenge": Suite(("calochallenge",), ("voxels", "normed-voxels", "observables")),
}


@dataclass(frozen=True)
class Binning:
    """Bin edges of one observable.

    Args:
        edges: increasing.
        log: whether they are equidistant in the logarithm.
    """

    edges: Floats
    log: bool = False


def binning_of(name: str, detector: Calorimeter, values: Floats) -> Binning:
    """The bins of an observable.

    Args:
        name: key of :func:`~moliere.evaluation.observables.observe`, or ``voxel_energy``.
        detector: CaloChallenge's datasets have fixed rules (:func:`_calochallenge`).
        values: of the reference; decide the range where no rule does.
    """
    base, _, _ = name.partition("[")
    if base in _ENERGIES:
        return _log_bins(detector.threshold, values, 50 if base == "voxel_energy" else 40)
    if base == "response":
        return Binning(np.linspace(0.5, 1.5, 101) if _is_calochallenge(detector) else _span(values, 0.5, 1.5, 100))
    if base == "sparsity":
        return Binning(np.linspace(0, 1, 21))
    limits = _calochallenge(name, detector)
    return Binning(np.linspace(*limits, 101)) if limits else Binning(_quantile_bins(values))


def _calochallenge(name: str, detector: Calorimeter) -> tuple[float, float] | None:
    """Ranges of the community's evaluate.py in mm for centres and widths; ``None`` for other detectors.

    References:
        plot_* functions of evaluate_plotting_helper.py, CaloChallenge/homepage
    """
    if not _is_calochallenge(detector):
        return None
    base, layer = name.partition("[")[0], split_name(name)[1]
    small = detector.name in ("calochallenge-2", "calochallenge-3")
    number = detector.read_out[layer or 0].id
    kind, axis = base.split("_")
    if axis == "r":
        if small:
            return (0.0, 42.0) if kind == "centre" else (0.0, 20.0)
        return (0.0, 1500.0) if number in (12, 13, 14) else (0.0, 500.0)
    wide = number in (12, 13)
    if kind == "centre":
        reach = 30.0 if small else 500.0 if wide else 100.0
        return -reach, reach
    return 0.0, 30.0 if small else 400.0 if wide else 100.0


def _is_calochallenge(detector: Calorimeter) -> bool:
    return detector.name.startswith("calochallenge-")


def _log_bins(threshold: float, values: Floats, n_edges: int) -> Binning:
    """From the threshold to the reference's largest value; without a threshold from its smallest positive value."""
    positive = values[values > 0]
    if len(positive) == 0:
        return Binning(np.array([0.0, 1.0]))
    low = threshold if threshold > 0 else float(positive.min())
    high = float(positive.max()) * (1 + 1e-6)
    if not low < high:
        return Binning(np.array([low / 2, low * 2]))
    edges = np.geomspace(low, high, n_edges)
    # rounding of the ends must not push the extreme reference values out
    edges[0], edges[-1] = low, high
    return Binning(edges, log=True)


def _span(values: Floats, low: float, high: float, bins: int) -> Floats:
    """The community's range, widened where the reference does not fit into it."""
    if len(values):
        low, high = min(low, float(np.quantile(values, 0.001))), max(high, float(np.quantile(values, 0.999)))
    return np.linspace(low, high, bins + 1)


def _quantile_bins(values: Floats, bins: int = 60) -> Floats:
    """The reference's central 99.8 %, a little widened."""
    if len(values) == 0:
        return np.array([0.0, 1.0])
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.05 * (high - low) or max(1e-3, abs(low) * 1e-3)
    return np.linspace(low - margin, high + margin, bins + 1)
