"""FastCaloSim's validation: every layer's energy at every incident energy, and against pseudorapidity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import histogram, ks_test, root_chi2, separation_power, wasserstein
from moliere.evaluation.finding import Finding, Paper, findings
from moliere.evaluation.observables.fastcalosim import ETA_EDGES, by_eta, eta_asymmetry
from moliere.evaluation.observables.tally import Tally
from moliere.evaluation.response import moments, ratio_of
from moliere.evaluation.samples import Samples

#: bins of the histograms, over the reference's range, and the fewest events of either sample
_BINS, _LEAST = 30, 10


@dataclass(frozen=True)
class LayerRow:
    """Energy of one layer at one incident energy in both samples, by every measure that FastCaloSim is validated with.

    Args:
        layer: what it is called.
        energy: ends of the interval of incident energies in MeV.
        n_reference: events.
        n_generated: events.
        mean_ratio: mean energy of the generated over the reference's, and its error; ``None`` for a dark reference.
        std_ratio: the same of the standard deviations.
        sem_ratio: the same of the standard errors of the mean, which follow the numbers of events.
        root_chi2: ROOT's chi-square of unweighted histograms over its degrees of freedom.
        root_p: its p-value; ``None`` where the layer's energy is always the same.
        separation: CaloChallenge's chi-square of normalised histograms, the separation power.
        ks: Kolmogorov-Smirnov distance.
        ks_p: its p-value.
        wasserstein: Wasserstein-1 distance in MeV.
    """

    layer: str
    energy: tuple[float, float]
    n_reference: int
    n_generated: int
    mean_ratio: tuple[float, float] | None
    std_ratio: tuple[float, float] | None
    sem_ratio: float | None
    root_chi2: float | None
    root_p: float | None
    separation: float | None
    ks: float
    ks_p: float | None
    wasserstein: float


@dataclass(frozen=True)
class EtaRow:
    """Mean energy of one layer in one slice of |eta|, and the asymmetry of its two sides.

    Args:
        layer: what it is called.
        eta: ends of the slice.
        reference: mean in MeV and its error, over both sides.
        generated: mean of the generated events in MeV and its error.
        reference_asymmetry: (μ+ − μ−) / (μ+ + μ−) and its error; ``None`` where one side has no events.
        generated_asymmetry: the same quantity of the generated events.
    """

    layer: str
    eta: tuple[float, float]
    reference: tuple[float, float]
    generated: tuple[float, float]
    reference_asymmetry: tuple[float, float] | None = None
    generated_asymmetry: tuple[float, float] | None = None


@findings.register("layers")
@dataclass(frozen=True)
class LayerValidation(Finding):
    """What FastCaloSim's validation looks at.

    Args:
        rows: by layer, then incident energy.
        eta: by layer, then slice; none where events have no eta.
    """

    rows: tuple[LayerRow, ...]
    eta: tuple[EtaRow, ...] = ()
    title = "Layer by layer"
    place = 32
    citations = (
        Paper(
            "layer energies against incident energy and pseudorapidity",
            "AtlFast3: the next generation of fast simulation in ATLAS",
            "ATLAS Collaboration",
            2021,
            "https://arxiv.org/abs/2109.02551",
        ),
    )

    @classmethod
    def look(cls, samples: Samples) -> LayerValidation | None:
        """Where the suite compares layers."""
        if not samples.suite.by_layer:
            return None
        samples.step("layers")
        found = layer_validation(samples.reference, samples.generated, samples.bins)
        return found if found.rows else None


def layer_validation(
    reference: Collected, generated: Collected, bins: Sequence[tuple[float, float]]
) -> LayerValidation:
    """Compare layer energies at each incident energy, and where events have eta also against it.

    Args:
        reference: what is right.
        generated: what is judged.
        bins: closed intervals of incident energy in MeV; those with fewer than ten events of a sample are left out.

    References:
        AtlFast3: the next generation of fast simulation in ATLAS, ATLAS Collaboration, 2021,
        https://arxiv.org/abs/2109.02551
    """
    detector = reference.kept.detector
    rows = tuple(row for interval in bins for row in _rows(detector, reference, generated, interval))
    eta = tuple(_eta_rows(detector, reference, generated)) if "eta" in reference.observables else ()
    order = {layer.label: k for k, layer in enumerate(detector.read_out)}
    return LayerValidation(tuple(sorted(rows, key=lambda row: (order[row.layer], row.energy))), eta)


def _rows(
    detector: Calorimeter, reference: Collected, generated: Collected, interval: tuple[float, float]
) -> Iterator[LayerRow]:
    inside = [(x.scale >= interval[0]) & (x.scale <= interval[1]) for x in (reference, generated)]
    if min(np.count_nonzero(rows) for rows in inside) < _LEAST:
        return
    for k, layer in enumerate(detector.read_out):
        name = f"layer_energy[{k}]"
        one, other = (x.observables[name][rows] for x, rows in zip((reference, generated), inside, strict=True))
        yield layer_row(layer.label, interval, one, other)


def layer_row(layer: str, energy: tuple[float, float], one: Floats, other: Floats) -> LayerRow:
    """All measures of one layer's energies.

    Args:
        layer: what it is called.
        energy: interval of incident energies in MeV.
        one: reference energies in MeV, (n,).
        other: generated, (m,).
    """
    first, second = moments(one), moments(other)
    high = float(one.max())
    edges = np.linspace(float(one.min()), high if high > one.min() else high + 1, _BINS + 1)
    counts = [histogram(values, edges) for values in (one, other)]
    inside = [count[1:-1] for count in counts]
    chi2, degrees, p = root_chi2(*inside)
    varies = np.ptp(np.concatenate([one, other])) > 0
    errors = ratio_of((first[1], 0.0), (second[1], 0.0))
    ks, ks_p = ks_test(one, other)
    return LayerRow(
        layer=layer,
        energy=energy,
        n_reference=len(one),
        n_generated=len(other),
        mean_ratio=ratio_of(first[:2], second[:2]),
        std_ratio=ratio_of(first[2:], second[2:]),
        sem_ratio=errors[0] if errors else None,
        root_chi2=None if p is None else chi2 / degrees,
        root_p=p,
        separation=separation_power(*inside) if varies else None,
        ks=ks,
        ks_p=ks_p if varies else None,
        wasserstein=wasserstein(one, other),
    )


def _eta_rows(detector: Calorimeter, reference: Collected, generated: Collected) -> Iterator[EtaRow]:
    n_layers = len(detector.read_out)
    sides = [_by_eta(sample.observables, n_layers) for sample in (reference, generated)]
    both = [side[0] + side[1] for side in sides]
    asymmetries = [eta_asymmetry(side) for side in sides]
    filled = np.flatnonzero((both[0].count[:, 0] > 1) & (both[1].count[:, 0] > 1))
    for k, layer in enumerate(detector.read_out):
        for place in filled:
            means = [(float(x.mean[place, k]), float(x.error[place, k])) for x in both]
            sided = [_known(float(a[place, k]), float(e[place, k])) for a, e in asymmetries]
            eta = float(ETA_EDGES[place]), float(ETA_EDGES[place + 1])
            yield EtaRow(layer.label, eta, means[0], means[1], sided[0], sided[1])


def _by_eta(observables: Mapping[str, Floats], n_layers: int) -> Tally:
    energies = np.stack([observables[f"layer_energy[{k}]"] for k in range(n_layers)], axis=1)
    return by_eta(energies, observables["eta"])


def _known(value: float, error: float) -> tuple[float, float] | None:
    return (value, error) if np.isfinite(value) and np.isfinite(error) else None
