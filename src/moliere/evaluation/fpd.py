"""Fréchet and kernel physics distances of two feature samples, with JetNet's definitions.

References:
    Evaluating generative models in high energy physics, Kansal et al., 2022, https://arxiv.org/abs/2211.10295
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

Floats = NDArray[np.float64]

_POINTS, _DRAWS = 10, 20
_LARGEST = 50_000
_ROWS = 128  # of a kernel matrix at once


def frechet_distance(mean1: Floats, cov1: Floats, mean2: Floats, cov2: Floats) -> float:
    r"""Fréchet distance squared of two Gaussians: :math:`|\mu_1-\mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2\sqrt{C_1 C_2})`.

    The trace of the root is the sum of the roots of the eigenvalues of :math:`C_1^{1/2} C_2 C_1^{1/2}`, which is
    symmetric, so that no complex root appears.
    """
    values, vectors = np.linalg.eigh(cov1)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    product = np.linalg.eigvalsh(root @ cov2 @ root)
    shift = mean1 - mean2
    return float(shift @ shift + np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(np.clip(product, 0, None)).sum())


def fpd(reference: NDArray[np.floating], generated: NDArray[np.floating], seed: int = 42) -> tuple[float, float]:
    """Fréchet physics distance, extrapolated to infinite samples.

    Features are divided by the reference's largest absolute value; at ten sample sizes, equally spaced in 1/N, the
    Fréchet distance is averaged over 20 bootstrap draws; a line in 1/N with coefficients ≥ 0 is fitted. JetNet's sizes
    run from 10,000 to 50,000; where there are fewer than 50,000 events they run from a fifth of what there is to all.

    Args:
        reference: (n, d).
        generated: (m, d).
        seed: of the draws.

    Returns:
        Intercept and its fit error, which knows nothing of the samples' own fluctuations.
    """
    x, y = _scale(reference, generated)
    largest = min(_LARGEST, len(x), len(y))
    sizes = (1 / np.linspace(5 / largest, 1 / largest, _POINTS)).astype(int)
    rng = np.random.default_rng(seed)
    values = [np.mean([_draw_frechet(x, y, size, rng) for _ in range(_DRAWS)]) for size in sizes]
    fit, covariance = curve_fit(
        lambda n, a, b: a + b * n, 1 / sizes, values, p0=(max(values[-1], 0), 1.0), bounds=(0, np.inf)
    )
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def kpd(
    reference: NDArray[np.floating], generated: NDArray[np.floating], batch_size: int = 5000, seed: int = 42
) -> tuple[float, float]:
    """Kernel physics distance: unbiased quadratic MMD with a polynomial kernel of degree 4; can be negative.

    Args:
        reference: (n, d).
        generated: (m, d).
        batch_size: events of each of ten bootstrap batches; CaloChallenge takes 10,000, JetNet 5,000.
        seed: of the draws.

    Returns:
        Median over the batches and half of their 16.3 – 83.7 percentile range.
    """
    x, y = _scale(reference, generated)
    size = min(batch_size, len(x), len(y))
    rng = np.random.default_rng(seed)
    values = [mmd(x[rng.integers(len(x), size=size)], y[rng.integers(len(y), size=size)]) for _ in range(10)]
    low, high = np.percentile(values, [16.275, 83.725])
    return float(np.median(values)), float((high - low) / 2)


def mmd(x: Floats, y: Floats) -> float:
    """Unbiased quadratic maximum mean discrepancy, kernel (x·y / d + 1)⁴."""
    n, m = len(x), len(y)
    within = (_kernel_sum(x, x) - _self_sum(x)) / (n * (n - 1)) + (_kernel_sum(y, y) - _self_sum(y)) / (m * (m - 1))
    return float(within - 2 * _kernel_sum(x, y) / (n * m))


def _kernel_sum(x: Floats, y: Floats) -> float:
    """Sum of the kernel over all pairs.

    Scalar products in float32, whose rounding is random and averages out over millions of pairs; sums in float64,
    because a sum's rounding does not. A few rows at a time stay in the processor's cache.
    """
    # a last column does the + 1
    rows = np.column_stack([x / x.shape[1], np.ones(len(x))]).astype(np.float32)
    columns = np.ascontiguousarray(np.column_stack([y, np.ones(len(y))]).T, dtype=np.float32)
    total = 0.0
    for start in range(0, len(rows), _ROWS):
        kernel = rows[start : start + _ROWS] @ columns
        np.square(kernel, out=kernel)
        np.square(kernel, out=kernel)
        total += kernel.sum(dtype=np.float64)
    return float(total)


def _self_sum(x: Floats) -> float:
    """Sum of the kernel of every event with itself, which the unbiased estimate leaves out."""
    return float(np.sum((np.square(x).sum(axis=1) / x.shape[1] + 1) ** 4))


def _scale(reference: NDArray[np.floating], generated: NDArray[np.floating]) -> tuple[Floats, Floats]:
    largest = np.abs(reference).max(axis=0).astype(np.float64)
    largest[largest == 0] = 1.0
    return reference / largest, generated / largest


def _draw_frechet(x: Floats, y: Floats, size: int, rng: np.random.Generator) -> float:
    a, b = x[rng.integers(len(x), size=size)], y[rng.integers(len(y), size=size)]
    first, second = (np.atleast_2d(np.cov(sample, rowvar=False)) for sample in (a, b))
    return frechet_distance(a.mean(axis=0), first, b.mean(axis=0), second)
