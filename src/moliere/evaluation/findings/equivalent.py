"""What a sample is worth: how many reference events lie as far from the reference as the generated sample does.

References:
    The CMS HGCal calorimeter challenge, 2026, https://github.com/OzAmram/CMSHGCaloChallenge: "equivalent number of
    Geant4 showers"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.distances import varying
from moliere.evaluation.finding import Finding, Headline, Paper, Quantity, findings
from moliere.evaluation.samples import Samples

#: sizes of reference samples that are tried, draws of each, and bootstrap samples of the generated events
_SIZES, _DRAWS, _BOOTSTRAPS = 10, 4, 20
#: so many observables are averaged over: more of them change little and cost much
_OBSERVABLES = 40
_LEAST = 200


@findings.register("equivalent")
@dataclass(frozen=True)
class EquivalentSize(Finding):
    """How many reference events are as far from the reference as the generated sample.

    Args:
        value: number of events.
        low: lower end of the 68 % interval.
        high: upper end.
        limit: the largest number that can be told with samples of these sizes.
        reached: whether the interval holds that number, so that nothing larger is ruled out.
    """

    value: float
    low: float
    high: float
    limit: int
    reached: bool
    title = "Worth"
    place = 20
    citations = (
        Paper(
            "worth in reference events",
            "CMS HGCal calorimeter challenge: equivalent number of Geant4 showers",
            "O. Amram",
            2026,
            "https://github.com/OzAmram/CMSHGCaloChallenge",
        ),
    )

    @classmethod
    def look(cls, samples: Samples) -> EquivalentSize | None:
        """By the mean Kolmogorov-Smirnov distance of the observables that vary."""
        samples.step("equivalent sample size")
        one, other = samples.reference.observables, samples.generated.observables
        names = varying(one)
        if not names:
            return None
        return equivalent_size([one[name] for name in names], [other[name] for name in names], samples.seed)

    @property
    def headline(self) -> Headline:
        """The number, or the largest that can be told."""
        number = Quantity(self.limit, before="≥") if self.reached else Quantity(self.value)
        return Headline(number, "reference events")

    @property
    def words(self) -> str:
        """What the number means."""
        interval = "" if self.reached else f"; 68 %: {self.low:,.0f} – {self.high:,.0f}"
        return (
            "So many reference events lie as far from the reference as the generated sample does (mean "
            f"Kolmogorov-Smirnov distance of the observables{interval})."
        )


def equivalent_size(reference: Sequence[Floats], generated: Sequence[Floats], seed: int = 0) -> EquivalentSize | None:
    """Compare with reference samples of growing size.

    One half of the reference is what is true. Samples of k events of the other half have a mean Kolmogorov-Smirnov
    distance to it that falls with k; the k at which it equals the generated sample's distance is what that is worth.

    Args:
        reference: one array (n,) an observable.
        generated: one array (m,) an observable.
        seed: of halves, draws and bootstraps.

    Returns:
        The number with its 68 % interval; ``None`` where there are too few events.
    """
    n = len(reference[0])
    if n < 2 * _LEAST or len(generated[0]) < _LEAST:
        return None
    rng = np.random.default_rng(seed)
    order, chosen = rng.permutation(n), np.unique(np.linspace(0, len(reference) - 1, _OBSERVABLES).astype(int))
    truth = [np.sort(reference[k][order[: n // 2]]) for k in chosen]
    supply, sample = (np.stack([x[k] for k in chosen]) for x in (reference, generated))
    supply = supply[:, order[n // 2 :]]
    sizes = np.unique(np.geomspace(_LEAST // 4, supply.shape[1], _SIZES).astype(int))
    curve = np.array([np.mean([_distance(truth, _draw(supply, k, rng)) for _ in range(_DRAWS)]) for k in sizes])
    curve = np.minimum.accumulate(curve)
    size = sample.shape[1]
    values = [_distance(truth, sample)]
    # a bootstrap sample is rougher than its source: its distance is brought back by the difference of the means
    boots = np.array([_distance(truth, sample[:, rng.integers(size, size=size)]) for _ in range(_BOOTSTRAPS)])
    spread = boots - boots.mean()
    found = _size_at(np.array([values[0], *(values[0] + np.quantile(spread, [0.84, 0.16]))]), sizes, curve)
    limit = min(supply.shape[1], size)
    value, low, high = found.tolist()
    return EquivalentSize(value, low, high, limit, reached=bool(high >= 0.99 * limit))


def _draw(supply: Floats, k: int, rng: np.random.Generator) -> Floats:
    return supply[:, rng.permutation(supply.shape[1])[:k]]


def _distance(truth: Sequence[Floats], sample: Floats) -> float:
    """Mean Kolmogorov-Smirnov distance over the observables."""
    return float(np.mean([_ks(values, np.sort(row)) for values, row in zip(truth, sample, strict=True)]))


def _ks(first: Floats, second: Floats) -> float:
    """Largest distance of two distribution functions, of sorted values."""
    both = np.concatenate([first, second])
    one, other = (np.searchsorted(x, both, side="right") / len(x) for x in (first, second))
    return float(np.abs(one - other).max())


def _size_at(distance: Floats, sizes: Floats, curve: Floats) -> Floats:
    """Sizes at which the curve has these distances; between the points a power law, beyond them the ends."""
    rising = np.log(curve[::-1])
    return np.asarray(np.exp(np.interp(np.log(distance), rising, np.log(sizes[::-1]))))
