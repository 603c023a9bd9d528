"""Every observable of both samples: histograms, and the mean and the worst of the distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import combine_p_values, ks_test, separation_power, wasserstein
from moliere.evaluation.finding import Finding, Headline, Metric, Paper, Quantity, findings
from moliere.evaluation.histograms import HistogramPair, histogram_pairs, own_pairs
from moliere.evaluation.samples import Samples
from moliere.evaluation.verdicts import judged

#: name, label and largest tolerable error of each summary; the first is a mean, the others are of the worst observable
_SUMMARIES = (
    ("separation-mean", "separation power, mean", 0.05),
    ("separation-worst", "separation power, worst", 0.1),
    ("wasserstein-worst", "Wasserstein-1 / σ, worst", 0.2),
    ("ks-worst", "Kolmogorov-Smirnov distance, worst", 0.1),
)
#: pairs of bootstrap samples that floors and errors are taken from
_DRAWS = 20


@findings.register("observables")
@dataclass(frozen=True)
class Observables(Finding):
    """Histograms of every observable.

    Args:
        histograms: one an observable.
        goodness: p-value of all observables together; ``None`` where none could be measured.
    """

    histograms: tuple[HistogramPair, ...]
    goodness: float | None
    title = "All observables together"
    place = 31
    figures = tuple(name for name, _, _ in _SUMMARIES)
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
        measured = [pair.ks_p for pair in own if pair.ks_p is not None]
        return cls(pairs, combine_p_values(measured) if measured else None, metrics=metrics)

    @property
    def headline(self) -> Headline:
        """The p-value."""
        return Headline(Quantity(self.goodness, before="" if self.goodness is None else "p ="))

    @property
    def words(self) -> str:
        """What the p-value is."""
        return "Probability of such a disagreement between equal samples, corrected for the number of tests."


def observable_metrics(
    reference: Collected, generated: Collected, own: Sequence[HistogramPair], seed: int
) -> Iterator[Metric]:
    """Mean and worst of separation power, Wasserstein-1 and KS over the observables.

    Floors and errors come from pairs of bootstrap samples of the reference, in which all observables are of the same
    events: the floor of the worst of k observables is the mean of the worst of k.
    """
    pairs = [pair for pair in own if pair.separation is not None and pair.wasserstein is not None]
    if not pairs:
        reason = "no observable varies in either sample" if own else "there are no observables"
        for name, label, _ in _SUMMARIES:
            yield judged(Metric(name, label, "distribution", None, reason=reason))
        return
    samples = [(reference.observables[pair.name], generated.observables[pair.name]) for pair in pairs]
    values = np.array([
        (pair.separation, wasserstein(*both) / _spread(*both), ks_test(*both)[0])
        for pair, both in zip(pairs, samples, strict=True)
    ])  # fmt: skip
    draws = _draws(samples, [np.asarray(pair.edges) for pair in pairs], seed)
    for k, (name, label, tolerance) in enumerate(_SUMMARIES):
        column = max(k - 1, 0)
        if k == 0:
            value, floors, which = values[:, 0].mean(), draws[:, :, 0].mean(axis=1), f"mean of {len(pairs)} observables"
        else:
            worst = int(values[:, column].argmax())
            value, floors = values[worst, column], draws[:, :, column].max(axis=1)
            which = f"worst of {len(pairs)} observables: {pairs[worst].label}"
        error = float(floors.std(ddof=1))
        yield judged(Metric(
            name, label, "distribution", float(value), error, float(floors.mean()), error, tolerance=tolerance,
            note=f"{which}; floor: the same of {_DRAWS} pairs of bootstrap samples of the reference, of the same sizes "
            f"as both samples, on average; error: the spread of these {_DRAWS}",
        ))  # fmt: skip


def _draws(samples: Sequence[tuple[Floats, Floats]], edges: Sequence[Floats], seed: int) -> Floats:
    """Separation power, Wasserstein-1 over σ and KS of pairs of bootstrap samples: (draws, observables, 3)."""
    n, m = (len(values) for values in samples[0])
    rng = np.random.default_rng(seed)
    # how often each event is drawn, minus how often for the other sample; both as shares
    drawn = [[np.bincount(rng.integers(n, size=size), minlength=n) / size for size in (n, m)] for _ in range(_DRAWS)]
    found = np.zeros((_DRAWS, len(samples), 3))
    for k, (one, other) in enumerate(samples):
        order = np.argsort(one)
        steps, places = np.diff(one[order]), np.searchsorted(edges[k], one, side="right")
        spread = _spread(one, other)
        for row, (first, second) in enumerate(drawn):
            difference = np.abs(np.cumsum((first - second)[order])[:-1])
            counts = (np.bincount(places, x, len(edges[k]) + 1)[1:-1] for x in (first, second))
            bins = [np.asarray(count, np.float64) for count in counts]
            distance = float(difference[steps > 0].max(initial=0.0))
            found[row, k] = separation_power(*bins) or 0.0, float(difference @ steps) / spread, distance
    return found


def _spread(one: Floats, other: Floats) -> float:
    """Standard deviation of the reference; of both samples together where the reference does not vary at all."""
    return float(one.std() if np.ptp(one) > 0 else np.concatenate([one, other]).std()) or 1.0
