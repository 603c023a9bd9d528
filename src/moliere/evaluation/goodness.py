"""One p-value for many observables that depend on each other, and which of them disagree energy by energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.distances import ks_test
from moliere.evaluation.evidence import ConditionalRow

#: p-values below this are as good as 0 and would overflow the tangent
_SMALLEST = 1e-15
#: discrete observables give p-values of 1, and a single one of them would outweigh all others
_LARGEST = 0.99
_LEAST = 30


def combine_p_values(p_values: Sequence[float]) -> float:
    """The Cauchy combination: a p-value for all of several tests together, however they are correlated.

    It is exact in the tail: of many tests it is about the smallest p-value times their number, but it does not lose
    power where tests agree.

    References:
        "Cauchy combination test: a powerful test with analytic p-value calculation under arbitrary dependency
        structures", Y. Liu and J. Xie, 2020, https://arxiv.org/abs/1808.09011

    Example:
        >>> round(combine_p_values([0.3, 0.3, 0.3]), 6), combine_p_values([1e-6, 0.5, 0.5, 0.5]) < 1e-5
        (0.3, True)
    """
    p = np.clip(np.asarray(p_values, np.float64), _SMALLEST, _LARGEST)
    return float(np.clip(0.5 - np.arctan(np.tan((0.5 - p) * np.pi).mean()) / np.pi, 0, 1))


def conditional_rows(
    reference: Mapping[str, Floats],
    generated: Mapping[str, Floats],
    energies: tuple[Floats, Floats],
    bins: Sequence[tuple[float, float]],
) -> Iterator[ConditionalRow]:
    """How well the observables agree at each incident energy, where an average over energies may hide it.

    Args:
        reference: name → values, (n,).
        generated: name → values, (m,).
        energies: incident energies of both in MeV.
        bins: closed intervals of the incident energy.
    """
    for low, high in bins:
        one, other = ((energy >= low) & (energy <= high) for energy in energies)
        if min(one.sum(), other.sum()) < _LEAST:
            continue
        p_values = {
            name: ks_test(values[one], generated[name][other])[1]
            for name, values in reference.items()
            if np.ptp(values[one]) > 0
        }
        if not p_values:  # nothing varies
            continue
        worst = min(p_values, key=lambda name: p_values[name])
        yield ConditionalRow(
            energy=(low, high),
            n_reference=int(one.sum()),
            n_generated=int(other.sum()),
            p_value=combine_p_values(list(p_values.values())),
            worst=worst,
            # corrected for having looked at so many
            worst_p_value=min(1.0, p_values[worst] * len(p_values)),
        )
