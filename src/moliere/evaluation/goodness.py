"""One p-value for many observables that depend on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: p-values below this are as good as 0 and would overflow the tangent
_SMALLEST = 1e-15
#: discrete observables give p-values of 1, and a single one of them would outweigh all others
_LARGEST = 0.99


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
