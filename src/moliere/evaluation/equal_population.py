"""CaloGAN's separation power, in ten bins that the two samples fill equally."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents

BINS = 10
#: the original's, which keeps bins that are empty in both samples at 0
_EPSILON = 1e-5


def equal_population_edges(first: NDArray[np.floating], second: NDArray[np.floating]) -> Floats:
    """Edges of ten bins with a tenth of both samples' values each; the last one takes what does not divide.

    Values that repeat (a shower's depth is 0, 1 or 2) make edges coincide and bins empty, as in the original.

    Args:
        first: one sample.
        second: the other, of any size.

    Returns:
        (11,), not decreasing, from the smallest to the largest value.

    Raises:
        InvalidEvents: fewer values than bins.

    Example:
        >>> equal_population_edges(np.arange(10.0), np.arange(10.0) + 0.5)[[0, 1, -1]]
        array([0. , 1. , 9.5])
    """
    pooled = np.sort(np.concatenate([first, second]).astype(np.float64))
    if len(pooled) < BINS:
        raise InvalidEvents(f"{len(pooled)} values are too few for {BINS} equally filled bins")
    return np.append(pooled[: BINS * (len(pooled) // BINS) : len(pooled) // BINS], pooled[-1])


def equal_population_separation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    r"""Separation power from 0 (equal) to almost 1 (disjoint), in bins that follow the samples.

    .. math:: S = \frac12 \sum_{i=1}^{10} \frac{(p_i - q_i)^2}{p_i + q_i + 10^{-5}}

    Nothing lies outside: the bins span both samples.

    Args:
        first: one sample.
        second: the other, of any size.

    Raises:
        InvalidEvents: a sample is empty, or there are fewer than ten values.

    References:
        CaloGANTrainingComparison.ipynb of hep-lbdl/CaloGAN, M. Paganini, 2017

    Example:
        >>> round(equal_population_separation(np.zeros(50), np.ones(50)), 4)
        1.0
    """
    if len(first) == 0 or len(second) == 0:
        raise InvalidEvents(f"samples of {len(first)} and {len(second)} values: both must hold at least one")
    edges = equal_population_edges(first, second)
    p, q = (np.histogram(values, edges)[0] / len(values) for values in (first, second))
    return float(0.5 * np.sum((p - q) ** 2 / (_EPSILON + p + q)))
