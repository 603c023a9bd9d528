"""Distances between samples and between their correlations, each with a known definition, and p-values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its rooms are imported when they are named: stats takes half a second
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents

#: up to so many events the p-value is counted out
_EXACT_KS = 100
#: pairs of samples that a floor is the mean of, which is then known to a few percent
_DRAWS = 200


def histogram(values: NDArray[np.floating], edges: Floats) -> Floats:
    """Counts with what lies outside first and last: (n,) → (len(edges) + 1,).

    Bins are closed on the left; the last one on both sides, as in NumPy.

    Example:
        >>> histogram(np.array([-1.0, 0.5, 2.0, 9.0]), np.array([0.0, 1.0, 2.0]))
        array([1., 1., 1., 1.])
    """
    inside = np.histogram(values, edges)[0]
    below = np.count_nonzero(values < edges[0])
    above = np.count_nonzero(values > edges[-1])
    return np.concatenate([[below], inside, [above]]).astype(np.float64)


def separation_power(first: Floats, second: Floats) -> float | None:
    r"""Triangular discrimination of two histograms, from 0 (equal) to 1 (disjoint).

    .. math:: S = \frac12 \sum_i \frac{(h_i - g_i)^2}{h_i + g_i}

    with both normalised to 1, counts outside the edges left out, as CaloChallenge does; see :func:`histogram` for
    where they are.

    Args:
        first: counts without those outside.
        second: counts of the other sample in the same bins.

    Returns:
        1 where all of one sample lies outside the edges; ``None`` where all of both samples does, because then nothing
        was compared.

    Example:
        >>> separation_power(np.array([1.0, 0.0]), np.array([0.0, 5.0]))
        1.0
    """
    if first.sum() == 0 or second.sum() == 0:
        return None if first.sum() == second.sum() else 1.0
    h, g = (counts / counts.sum() for counts in (first, second))
    return float(0.5 * np.sum((h - g) ** 2 / (h + g + 1e-16)))


def expected_separation(first: Floats, second: Floats) -> float | None:
    r"""The separation power that two samples of these sizes from the same distribution have on average.

    Pairs of multinomial samples are drawn, always the same ones, because an expansion for many events exceeds 1, the
    largest possible value, where there are few.

    Args:
        first: reference counts without those outside.
        second: counts of the other sample, of which only the sum is used.

    Returns:
        From 0 to 1; ``None`` where a sample has no counts inside the edges.
    """
    sizes = int(first.sum()), int(second.sum())
    if min(sizes) == 0:
        return None
    rng = np.random.default_rng(0)
    h, g = (rng.multinomial(n, first / first.sum(), _DRAWS) / n for n in sizes)
    return float(0.5 * np.sum((h - g) ** 2 / (h + g + 1e-16), axis=1).mean())


def ks_test(first: NDArray[np.floating], second: NDArray[np.floating]) -> tuple[float, float]:
    """Kolmogorov-Smirnov statistic and p-value of two samples."""
    # the asymptotic formula calls any two pairs of events different
    small = max(len(first), len(second)) <= _EXACT_KS
    if not small and np.isfinite(first).all() and np.isfinite(second).all():
        return _asymptotic_ks(np.sort(first), np.sort(second))
    with warnings.catch_warnings():
        # where counting fails on rounding, SciPy takes the asymptotic formula by itself and says so
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        result = scipy.stats.ks_2samp(first, second, method="exact" if small else "asymp")
    return float(result.statistic), float(result.pvalue)


def _asymptotic_ks(first: NDArray[np.floating], second: NDArray[np.floating]) -> tuple[float, float]:
    """What ``ks_2samp`` says of sorted values, but five times faster: an evaluation asks thousands of times."""
    n, m = len(first), len(second)
    both = np.concatenate([first, second])
    ahead = np.searchsorted(first, both, side="right") / n - np.searchsorted(second, both, side="right") / m
    statistic = max(np.clip(-ahead.min(), 0, 1), ahead.max())
    p_value = scipy.stats.kstwo.sf(statistic, np.round(n * m / (n + m)))
    return float(statistic), float(np.clip(p_value, 0, 1))


def wasserstein(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Wasserstein-1 distance in the samples' unit."""
    return float(scipy.stats.wasserstein_distance(first, second))


def root_chi2(first: Floats, second: Floats) -> tuple[float, int, float | None]:
    r"""Chi-square of two unweighted histograms, as ROOT's ``Chi2Test("UU")`` has it.

    .. math:: \chi^2 = \frac1{NM} \sum_i \frac{(M n_i - N m_i)^2}{n_i + m_i}

    with N and M the totals; bins that are empty in both are left out.

    Args:
        first: counts.
        second: counts of the other sample in the same bins.

    Returns:
        Chi-square, degrees of freedom (bins that are filled, less one) and p-value; ``None`` for the p-value where
        a sample has no counts, or all counts are in one bin.

    References:
        "Comparison of weighted and unweighted histograms", N. Gagunashvili, 2006, https://arxiv.org/abs/physics/0605123

    Example:
        >>> root_chi2(np.array([10.0, 20.0, 0.0]), np.array([20.0, 40.0, 0.0]))
        (0.0, 1, 1.0)
    """
    filled = first + second > 0
    n, m = first[filled], second[filled]
    total_n, total_m = n.sum(), m.sum()
    degrees = max(int(filled.sum()) - 1, 0)
    if total_n == 0 or total_m == 0 or degrees == 0:
        return 0.0, degrees, None
    chi2 = float(((total_m * n - total_n * m) ** 2 / (n + m)).sum() / (total_n * total_m))
    return chi2, degrees, float(scipy.stats.chi2.sf(chi2, degrees))


def mann_whitney(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Two-sided p-value of the Mann-Whitney U test: whether one sample tends to be larger."""
    return float(scipy.stats.mannwhitneyu(first, second, alternative="two-sided", method="asymptotic").pvalue)


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


def varying(*samples: Mapping[str, Floats]) -> list[str]:
    """Names of the observables that vary in every sample: of others no correlation is defined."""
    return [name for name in samples[0] if all(np.ptp(sample[name]) > 0 for sample in samples)]


def correlation_matrix(sample: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    """Pearson coefficients, (d, d).

    Args:
        sample: name → values, (n,).
        names: rows and columns, all of which vary.
    """
    if not names:
        return np.zeros((0, 0))
    table = np.stack([sample[name] for name in names]).astype(np.float64)
    table = (table - table.mean(axis=1, keepdims=True)) / table.std(axis=1, keepdims=True)
    return np.asarray(np.clip(table @ table.T / table.shape[1], -1, 1))


def matrix_distance(first: Floats, second: Floats) -> float:
    r"""Frobenius distance over the number of rows: the size of a typical difference of two coefficients.

    .. math:: \frac1d \sqrt{\sum_{ij} (a_{ij} - b_{ij})^2}

    Example:
        >>> matrix_distance(np.eye(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
        0.3535...
    """
    return float(np.linalg.norm(first - second) / max(len(first), 1))


@dataclass(frozen=True)
class Agreement:
    """How well the observables of some events agree.

    Args:
        p_value: of all observables together.
        worst: the observable that agrees least.
        worst_p_value: its Kolmogorov-Smirnov p-value, corrected for having looked at so many.
    """

    p_value: float
    worst: str
    worst_p_value: float


def agreement(reference: Mapping[str, Floats], generated: Mapping[str, Floats]) -> Agreement | None:
    """Compare all observables; ``None`` where none of them varies.

    Args:
        reference: name → values, (n,).
        generated: name → values, (m,).
    """
    p_values = {name: ks_test(values, generated[name])[1] for name, values in reference.items() if np.ptp(values) > 0}
    if not p_values:
        return None
    worst = min(p_values, key=lambda name: p_values[name])
    return Agreement(combine_p_values(list(p_values.values())), worst, min(1.0, p_values[worst] * len(p_values)))
