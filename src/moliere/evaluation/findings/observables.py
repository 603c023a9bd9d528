"""Every observable of both samples: histograms, and the mean and the worst of the distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import ks_test, wasserstein
from moliere.evaluation.finding import Finding, Headline, Metric, Paper, Quantity, findings
from moliere.evaluation.goodness import combine_p_values
from moliere.evaluation.histograms import HistogramPair, histogram_pairs, own_pairs
from moliere.evaluation.samples import Samples
from moliere.evaluation.verdicts import judge


@findings.register("observables")
@dataclass(frozen=True)
class Observables(Finding):
    """Histograms of every observable.

    Args:
        histograms: one an observable.
        goodness: p-value of all observables together.
    """

    histograms: tuple[HistogramPair, ...]
    goodness: float
    title = "All observables together"
    place = 31
    citations = (
        Paper(
            "chi-square of two histograms",
            "Comparison of weighted and unweighted histograms",
            "N. Gagunashvili",
            2006,
            "https://arxiv.org/abs/physics/0605123",
        ),
        Paper(
            "one p-value of all observables together",
            "Cauchy combination test: a powerful test with analytic p-value calculation under arbitrary dependency "
            "structures",
            "Y. Liu",
            2020,
            "https://arxiv.org/abs/1808.09011",
        ),
    )

    @classmethod
    def look(cls, samples: Samples) -> Observables:
        """All observables of the suite."""
        samples.step("distances")
        one, other, suite = samples.reference, samples.generated, samples.suite
        pairs = histogram_pairs(one, other, suite)
        own = own_pairs(pairs, suite)
        metrics = tuple(observable_metrics(one, other, own, samples.seed))
        return cls(pairs, combine_p_values([pair.ks_p for pair in own]), metrics=metrics)

    @property
    def headline(self) -> Headline:
        """The p-value."""
        return Headline(Quantity(self.goodness, before="p ="))

    @property
    def words(self) -> str:
        """What the p-value is."""
        return "Probability of such a disagreement between equal samples, corrected for the number of tests."


def observable_metrics(
    reference: Collected, generated: Collected, own: Sequence[HistogramPair], seed: int
) -> Iterator[Metric]:
    """Mean and worst of separation power, Wasserstein-1 and KS over the observables."""
    rng = np.random.default_rng(seed)
    separations = np.array([pair.separation for pair in own])
    floors = np.array([pair.separation_floor for pair in own])
    worst = int(separations.argmax())
    yield _spread_metric("separation-mean", "separation power, mean", separations.mean(), floors.mean(), len(own), "")
    yield _spread_metric(
        "separation-worst", "separation power, worst", separations[worst], floors[worst], 1, own[worst].label
    )
    for name, label, distance in (
        ("wasserstein", "Wasserstein-1 / σ", _scaled_wasserstein),
        ("ks", "Kolmogorov-Smirnov distance", lambda a, b: ks_test(a, b)[0]),
    ):
        rows = []
        for pair in own:
            one, other = reference.observables[pair.name], generated.observables[pair.name]
            draws = [distance(*(one[rng.integers(len(one), size=len(x))] for x in (one, other))) for _ in range(3)]
            rows.append((distance(one, other), np.mean(draws), np.std(draws, ddof=1)))
        table = np.array(rows)
        k = int(table[:, 0].argmax())
        value, floor, spread = table[k]
        yield Metric(
            f"{name}-worst", f"{label}, worst", "distribution", value, spread, floor, spread, "",
            judge(value, spread, floor, spread), f"worst observable: {own[k].label}; floor: bootstrap of the reference",
        )  # fmt: skip


def _spread_metric(name: str, label: str, value: float, floor: float, n: int, where: str) -> Metric:
    """Separation power has a floor in closed form; its spread under it is about as large as a chi-square's."""
    error = floor * (2 / (30 * n)) ** 0.5
    note = f"worst observable: {where}; " if where else ""
    note += "floor: expectation for equal distributions at these sizes"
    return Metric(
        name, label, "distribution", float(value), error, float(floor), error, "",
        judge(value, error, floor, error), note,
    )  # fmt: skip


def _scaled_wasserstein(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """In standard deviations of the reference; of both together where the reference does not vary at all."""
    spread = one.std() if np.ptp(one) > 0 else np.concatenate([one, other]).std()
    return wasserstein(one, other) / float(spread or 1.0)
