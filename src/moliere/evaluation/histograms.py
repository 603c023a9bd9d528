"""Every observable of both samples in the same bins, with the distances of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import (
    BINS,
    equal_population_separation,
    expected_separation,
    histogram,
    ks_test,
    mann_whitney,
    root_chi2,
    separation_power,
    wasserstein,
)
from moliere.evaluation.observables.base import Shown
from moliere.evaluation.response import moments, ratio_of
from moliere.evaluation.suites import Suite

if TYPE_CHECKING:
    import hist

#: signals of each sample that the spectrum of single signals is made of
_MOST_CELLS = 2_000_000


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
        separation: separation power inside the edges; like all that follow ``None`` where it cannot be measured.
        separation_floor: separation power of reference against reference at the same sizes.
        ks_p: p-value of the Kolmogorov-Smirnov test.
        wasserstein: Wasserstein-1 distance in ``unit``.
        chi2_p: p-value of ROOT's chi-square of the two histograms inside the edges.
        mann_whitney_p: p-value of the Mann-Whitney test.
        mean_ratio: mean of the generated over the reference's, and its error.
        std_ratio: the same of the standard deviations.
        separation10: separation power in ten bins that both samples fill equally, as CaloGAN has it.
        reason: why something cannot be measured; empty where everything could be.
    """

    name: str
    label: str
    unit: str
    group: str
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    generated: tuple[float, ...]
    log_x: bool
    separation: float | None = None
    separation_floor: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    chi2_p: float | None = None
    mann_whitney_p: float | None = None
    mean_ratio: tuple[float, float] | None = None
    std_ratio: tuple[float, float] | None = None
    separation10: float | None = None
    reason: str = ""

    def to_hist(self) -> tuple[hist.Hist[Any], hist.Hist[Any]]:
        """Reference and generated as ``hist`` objects, entries beyond the edges in their flow bins.

        They follow the protocol UHI, so that mplhep, uproot and others take them as they are.
        """
        import hist

        axis = hist.axis.Variable(
            self.edges, name="x", label=f"{self.label} ({self.unit})" if self.unit else self.label
        )
        pair: tuple[Any, Any] = hist.Hist(axis, name="reference"), hist.Hist(axis, name="generated")
        for one, counts in zip(pair, (self.reference, self.generated), strict=True):
            one.view(flow=True)[...] = counts
        return pair


def histogram_pairs(reference: Collected, generated: Collected, suite: Suite) -> tuple[HistogramPair, ...]:
    """One histogram an observable, and the spectrum of single signals where the suite has one."""
    shown = suite.shown(reference.kept.detector)
    pairs = [_pair(name, shown[name], one, generated.observables[name]) for name, one in reference.observables.items()]
    if suite.cells is None:
        return tuple(pairs)
    cells = [_thinned(x.kept.signals[x.kept.signals > 0]) for x in (reference, generated)]
    return (*pairs, _pair(suite.cells, shown[suite.cells], *cells))


def _thinned(values: NDArray[np.float32]) -> Floats:
    """As they are, or every k-th value: ranks of tens of millions of signals are gigabytes and say no more."""
    return values[:: -(-len(values) // _MOST_CELLS) or 1].astype(np.float64)


def own_pairs(pairs: tuple[HistogramPair, ...], suite: Suite) -> list[HistogramPair]:
    """Those with one value an event: the spectrum of single signals counts cells, not events."""
    return [pair for pair in pairs if suite.cells is None or pair.name != suite.cells]


def _pair(name: str, shown: Shown, one: Floats, other: Floats) -> HistogramPair:
    # where the reference is one number, such as 0 in a dark layer, bins of it would hold whatever was generated
    binning = shown.bins(one if len(one) and np.ptp(one) > 0 else np.concatenate([one, other]))
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
        reason=_reason(one, other),
        **(_binned(*inside) | _distances(one, other) if _is_measurable(one, other) else {}),
    )


def _reason(one: Floats, other: Floats) -> str:
    """Why two samples cannot be compared, or not in everything; empty where they can be."""
    for role, values in (("reference", one), ("generated", other)):
        if len(values) < 2:
            return f"the {role} sample has {'no value' if len(values) == 0 else 'one value only'}"
        if not np.isfinite(values).all():
            return f"the {role} sample has values that are no finite numbers"
    if np.ptp(one) == 0:
        same = np.ptp(other) == 0 and one[0] == other[0]
        return f"all values of {'both samples' if same else 'the reference'} are {one[0]:.4g}"
    return ""


def _is_measurable(one: Floats, other: Floats) -> bool:
    """Whether there is anything to compare: values in both samples, which are not all the same number."""
    if min(len(one), len(other)) < 2 or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return False
    return bool(np.ptp(one) > 0 or np.ptp(other) > 0 or one[0] != other[0])


def _binned(one: Floats, other: Floats) -> dict[str, Any]:
    """What is computed of the counts inside the edges, by the names of :class:`HistogramPair`."""
    return {
        "separation": separation_power(one, other),
        "separation_floor": expected_separation(one, other),
        "chi2_p": root_chi2(one, other)[2],
    }


def _distances(one: Floats, other: Floats) -> dict[str, Any]:
    """What needs two values of each sample, by the names of :class:`HistogramPair`."""
    first, second = moments(one), moments(other)
    few = len(one) + len(other) < BINS
    return {
        "ks_p": ks_test(one, other)[1],
        "wasserstein": wasserstein(one, other),
        "mann_whitney_p": mann_whitney(one, other),
        "mean_ratio": ratio_of(first[:2], second[:2]),
        "std_ratio": ratio_of(first[2:], second[2:]),
        "separation10": None if few else equal_population_separation(one, other),
    }
