"""Every observable of both samples in the same bins, with the distances of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import (
    expected_separation,
    histogram,
    ks_test,
    mann_whitney,
    root_chi2,
    separation_power,
    wasserstein,
)
from moliere.evaluation.equal_population import BINS, equal_population_separation
from moliere.evaluation.observables.base import Shown
from moliere.evaluation.response import moments
from moliere.evaluation.suites import Suite


@dataclass(frozen=True)
class HistogramPair:
    """One observable of both samples in the same bins.

    Counts have two entries more than there are bins: what lies below the first edge comes first, what lies above the
    last edge comes last, so that nothing is dropped silently.

    Args:
        name: stable identifier, for example ``layer_energy[2]``.
        label: for the axis, without unit.
        unit: of the edges.
        group: where it belongs on the page.
        edges: of the bins, increasing.
        reference: counts, len(edges) + 1.
        generated: counts, len(edges) + 1.
        log_x: whether the bins are logarithmic.
        separation: separation power inside the edges.
        separation_floor: of reference against reference at the same sizes.
        ks_p: p-value of the Kolmogorov-Smirnov test.
        wasserstein: Wasserstein-1 distance in ``unit``.
        chi2_p: p-value of ROOT's chi-square of the two histograms, what lies outside included.
        mann_whitney_p: p-value of the Mann-Whitney test.
        mean_ratio: mean of the generated over the reference's, and its error.
        std_ratio: the same of the standard deviations.
        separation10: separation power in ten bins that both samples fill equally, as CaloGAN has it.
    """

    name: str
    label: str
    unit: str
    group: str
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    generated: tuple[float, ...]
    log_x: bool
    separation: float
    separation_floor: float
    ks_p: float
    wasserstein: float
    chi2_p: float = 1.0
    mann_whitney_p: float = 1.0
    mean_ratio: tuple[float, float] = (1.0, 0.0)
    std_ratio: tuple[float, float] = (1.0, 0.0)
    separation10: float = 0.0


def histogram_pairs(reference: Collected, generated: Collected, suite: Suite) -> tuple[HistogramPair, ...]:
    """One histogram an observable, and the spectrum of single signals where the suite has one."""
    shown = suite.shown(reference.kept.detector)
    pairs = [_pair(name, shown[name], one, generated.observables[name]) for name, one in reference.observables.items()]
    if suite.cells is None:
        return tuple(pairs)
    cells = [x.kept.signals[x.kept.signals > 0].astype(np.float64) for x in (reference, generated)]
    return (*pairs, _pair(suite.cells, shown[suite.cells], *cells))


def own_pairs(pairs: tuple[HistogramPair, ...], suite: Suite) -> list[HistogramPair]:
    """Those with one value an event: the spectrum of single signals counts cells, not events."""
    return [pair for pair in pairs if suite.cells is None or pair.name != suite.cells]


def _pair(name: str, shown: Shown, one: Floats, other: Floats) -> HistogramPair:
    binning = shown.bins(one)
    counts = [histogram(values, binning.edges) for values in (one, other)]
    inside = [c[1:-1] for c in counts]
    return HistogramPair(
        name=name,
        label=shown.label,
        unit=shown.unit,
        group=shown.group,
        edges=tuple(binning.edges.tolist()),
        reference=tuple(counts[0].tolist()),
        generated=tuple(counts[1].tolist()),
        log_x=binning.log,
        separation=separation_power(inside[0], inside[1]),
        separation_floor=expected_separation(inside[0], inside[1]),
        chi2_p=root_chi2(*counts)[2],
        **(_distances(one, other) if len(one) > 1 and len(other) > 1 else {"ks_p": 1.0, "wasserstein": 0.0}),
    )


def _distances(one: Floats, other: Floats) -> dict[str, Any]:
    """What needs two values of each sample, by the names of :class:`HistogramPair`."""
    mean, mean_error, std, std_error = moments(one)
    other_mean, other_mean_error, other_std, other_std_error = moments(other)
    few = len(one) + len(other) < BINS
    return {
        "ks_p": ks_test(one, other)[1],
        "wasserstein": wasserstein(one, other),
        "mann_whitney_p": mann_whitney(one, other),
        "mean_ratio": _ratio(mean, mean_error, other_mean, other_mean_error),
        "std_ratio": _ratio(std, std_error, other_std, other_std_error),
        "separation10": 0.0 if few else equal_population_separation(one, other),
    }


def _ratio(one: float, one_error: float, other: float, other_error: float) -> tuple[float, float]:
    """Generated over reference with its error; 1 where the reference is 0."""
    if one == 0:
        return 1.0, 0.0
    return other / one, float(np.hypot(other_error / one, other * one_error / one**2))
