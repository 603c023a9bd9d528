"""Bins for observables that no community has agreed on: from the reference, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from moliere.detectors.base import Floats

#: bins of a sample that could fill none, and the share of the reference that usual bins must hold
_LEAST_BINS, _LEAST_INSIDE = 5, 0.5
#: largest value over the smallest that has a bin, where there is no threshold
_WIDEST = 1e6


@dataclass(frozen=True)
class Binning:
    """Bin edges of one observable.

    Args:
        edges: increasing.
        log: whether they are equidistant in the logarithm.
    """

    edges: Floats
    log: bool = False


#: values of the reference → bins that both samples are counted in
Bins: TypeAlias = Callable[[Floats], Binning]


def fixed(edges: Floats, *, log: bool = False) -> Bins:
    """The same bins whatever the reference holds.

    Args:
        edges: increasing, at least two.
        log: whether they are equidistant in the logarithm.
    """
    binning = Binning(np.asarray(edges, np.float64), log)
    return lambda _: binning


def usual(edges: Floats) -> Bins:
    """Bins that a community agreed on, where at least half of the reference lies in them; else from the reference.

    Args:
        edges: increasing, at least two.
    """

    def bins(values: Floats) -> Binning:
        inside = np.mean((values >= edges[0]) & (values <= edges[-1])) if len(values) else 1.0
        return Binning(edges) if inside >= _LEAST_INSIDE else quantile_bins(values, len(edges) - 1)

    return bins


def number_of_bins(most: int, n_values: int) -> int:
    """How many bins a sample can fill: about twice the root of its size, so that bins hold tens of events.

    Example:
        >>> [number_of_bins(60, n) for n in (0, 10, 100, 10_000)]
        [5, 6, 20, 60]
    """
    return min(most, max(_LEAST_BINS, int(2 * n_values**0.5)))


def log_bins(threshold: float, values: Floats, n_edges: int) -> Binning:
    """From the threshold to the reference's largest value; without a threshold the lowest million-fold is left out.

    Simulations deposit down to 1e-9 MeV, which no electronics sees; the drawing says how much lies below.
    """
    positive = values[values > 0]
    if len(positive) == 0:
        return Binning(np.array([0.0, 1.0]))
    high = float(positive.max()) * (1 + 1e-6)
    low = threshold if threshold > 0 else max(float(positive.min()), high / _WIDEST)
    if not low < high:
        return Binning(np.array([low / 2, low * 2]))
    edges = np.geomspace(low, high, number_of_bins(n_edges - 1, len(positive)) + 1)
    # rounding of the ends must not push the extreme reference values out
    edges[0], edges[-1] = low, high
    return Binning(edges, log=True)


def span(values: Floats, low: float, high: float, bins: int) -> Binning:
    """A usual range, widened where the reference does not fit into it."""
    if len(values):
        low, high = min(low, float(np.quantile(values, 0.001))), max(high, float(np.quantile(values, 0.999)))
    return Binning(np.linspace(low, high, number_of_bins(bins, len(values)) + 1))


def quantile_bins(values: Floats, bins: int = 60) -> Binning:
    """The reference's central 99.8 %, a little widened."""
    if len(values) == 0:
        return Binning(np.array([0.0, 1.0]))
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.05 * (high - low) or max(1e-3, abs(low) * 1e-3)
    return Binning(np.linspace(low - margin, high + margin, number_of_bins(bins, len(values)) + 1))


def whole_numbers(values: Floats, bins: int = 60) -> Binning:
    """One bin a whole number where there are few of them, else the reference's range."""
    if len(values) and np.ptp(values) < bins:
        return Binning(np.arange(values.min() - 0.5, values.max() + 1))
    return quantile_bins(values, bins)
