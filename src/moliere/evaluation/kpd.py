"""Kernel physics distance of two feature samples, with JetNet's definition.

Of the kernel only what cannot be had from moments is summed over pairs of events.

References:
    On the evaluation of generative models in high energy physics, R. Kansal et al., 2022,
    https://arxiv.org/abs/2211.10295; their code, https://github.com/jet-net/JetNet
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.evaluation.fpd import Features, Singles, centred_blocks, feature_means, feature_scale

Kernel = Callable[[Features, Features], Features]
Moments = list[list[NDArray[np.floating]]]

_BATCHES, _SEED_STEP = 10, 1000  # JetNet's
_DEGREE = 4  # of the kernel
_GROUPS = 64
_FEW = 2000  # events, of which all pairs are quick
_TOLERANCE = 0.05  # of the error: adds a thousandth to it
_PAIR_ROWS = 128  # at once, so that what is worked on stays in the processor's cache


def kpd(reference: Features, generated: Features, batch_size: int = 5000, seed: int = 42) -> tuple[float, float]:
    """Kernel physics distance: unbiased quadratic MMD with a polynomial kernel of degree 4; can be negative.

    Where batches are large, the kernel's smallest terms are estimated from a part of the pairs, without bias, as long
    as that is less uncertain than a twentieth of the error; else all pairs are summed (:func:`_estimate`).

    Args:
        reference: (n, d).
        generated: (m, d).
        batch_size: events of each of ten bootstrap batches; CaloChallenge takes 10,000, JetNet 5,000.
        seed: of the draws.

    Returns:
        Median over the batches and half of their 16.3 – 83.7 percentile range.
    """
    x, y = _centre_both(reference, generated, feature_scale(reference))
    size = min(batch_size, len(reference), len(generated))
    if size >= _FEW:
        values, uncertainties = np.transpose([_estimate(*batch) for batch in _batches(x, y, size, seed)])
        median, error = _median_and_error(values)
        if np.sqrt(np.mean(uncertainties**2)) < _TOLERANCE * error:
            return median, error
    return _median_and_error([_from_pairs(_kernel, *batch) for batch in _batches(x, y, size, seed)])


def mmd(x: Features, y: Features) -> float:
    """Unbiased quadratic maximum mean discrepancy of (n, d) and (m, d), kernel (x·y / d + 1)⁴."""
    return _from_pairs(_kernel, *_centre_both(x, y, np.ones(x.shape[1])))


@dataclass(frozen=True)
class _Centred:
    """A sample whose scalar products are taken apart: x·y / d + 1 = offset + offset' + row · row'.

    Attributes:
        rows: (n, d), from a centre that both samples share.
        offsets: (n,).
    """

    rows: Singles
    offsets: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: slice | NDArray[np.integer]) -> _Centred:
        return _Centred(self.rows[which], self.offsets[which])


def _centre_both(x: Features, y: Features, scale: Floats) -> tuple[_Centred, _Centred]:
    centre = (feature_means(x) + feature_means(y)) / 2
    scale = scale * np.sqrt(x.shape[1])
    return _centre(x, centre, scale), _centre(y, centre, scale)


def _centre(x: Features, centre: Floats, scale: Floats) -> _Centred:
    rows, offsets = np.empty(x.shape, dtype=np.float32), np.empty(len(x))
    middle = centre / scale
    for where, block in centred_blocks(x, centre):
        block *= 1 / scale
        rows[where] = block
        offsets[where] = block @ middle + (1 + middle @ middle) / 2
    return _Centred(rows, offsets)


def _batches(x: _Centred, y: _Centred, size: int, seed: int) -> Iterator[tuple[_Centred, _Centred]]:
    for i in range(_BATCHES):
        rng = np.random.default_rng(seed + i * _SEED_STEP)
        yield x[rng.integers(len(x), size=size)], y[rng.integers(len(y), size=size)]


def _median_and_error(values: Sequence[float] | Floats) -> tuple[float, float]:
    low, high = np.percentile(values, [16.275, 83.725])
    return float(np.median(values)), float((high - low) / 2)


def _estimate(x: _Centred, y: _Centred) -> tuple[float, float]:
    """MMD, and how uncertain it is for not having summed over all pairs.

    With a the sum of two offsets and g the product of two rows the kernel is (a + g)⁴ = a⁴ + 4a³g + 6a²g² + 4ag³ + g⁴.
    The means of the first three terms over all pairs are products of moments. The last two, of which little is left
    after the centring, are averaged over the pairs within each of 64 groups of events.
    """
    size = min(len(x), len(y)) // _GROUPS
    groups = [slice(start, start + size) for start in range(0, size * _GROUPS, size)]
    rest = [_from_pairs(_high_orders, x[group], y[group]) for group in groups]
    return _from_moments(x, y) + float(np.mean(rest)), float(np.std(rest, ddof=1) / np.sqrt(_GROUPS))


def _kernel(a: Features, g: Features) -> Features:
    return np.square(np.square(a + g))


def _low_orders(a: Features, g: Features) -> Features:
    values: Features = a**2 * (a**2 + 4 * a * g + 6 * g**2)
    return values


def _high_orders(a: Features, g: Features) -> Features:
    return g * g * g * (4 * a + g)


def _from_pairs(kernel: Kernel, x: _Centred, y: _Centred) -> float:
    """Unbiased MMD with a kernel, summed over all pairs."""
    means = [_mean_of_pairs(kernel, *pair) for pair in ((x, x), (y, y), (x, y))]
    return _unbiased(kernel, means, x, y)


def _from_moments(x: _Centred, y: _Centred) -> float:
    """Unbiased MMD with the kernel's low orders."""
    first, second = _moments(x), _moments(y)
    means = [_mean_of_moments(*pair) for pair in ((first, first), (second, second), (first, second))]
    return _unbiased(_low_orders, means, x, y)


def _unbiased(kernel: Kernel, means: list[float], x: _Centred, y: _Centred) -> float:
    """MMD of mean kernels within x, within y and between them, less the pairs of an event with itself."""
    within = 0.0
    for mean, sample in zip(means, (x, y), strict=False):
        itself = kernel(2 * sample.offsets, np.einsum("ij,ij->i", sample.rows, sample.rows)).mean()
        within += float(len(sample) * mean - itself) / (len(sample) - 1)
    return within - 2 * means[2]


def _mean_of_pairs(kernel: Kernel, x: _Centred, y: _Centred) -> float:
    """Mean kernel of all pairs of an event of x and one of y.

    Pairs are computed in float32, where what is rounded is random from one to the next; they are summed in float64.
    """
    total = 0.0
    offsets, more_offsets = x.offsets.astype(np.float32), y.offsets.astype(np.float32)
    for start in range(0, len(x), _PAIR_ROWS):
        some = slice(start, start + _PAIR_ROWS)
        values = kernel(offsets[some, None] + more_offsets, x.rows[some] @ y.rows.T)
        total += float(values.sum(dtype=np.float64))
    return total / (len(x) * len(y))


def _moments(x: _Centred) -> Moments:
    """Means of offset^k · row^(⊗order), for each order and the powers k ≤ 4 - order: numbers, (d,) and (d, d)."""
    powers = x.offsets ** np.arange(_DEGREE + 1)[:, None]
    vectors = powers[:-1].astype(np.float32) @ x.rows / len(x)
    scaled = x.rows * powers[1, :, None].astype(np.float32)
    matrices = [a.T @ b / len(x) for a, b in ((x.rows, x.rows), (x.rows, scaled), (scaled, scaled))]
    return [list(powers.mean(axis=1)), list(vectors), matrices]


def _mean_of_moments(first: Moments, second: Moments) -> float:
    """Mean of the kernel's low orders over all pairs: the sum of C(4, i) (offset + offset')^(4-i) (row · row')^i."""
    total = 0.0
    for order in range(len(first)):
        power = _DEGREE - order
        terms = (comb(power, k) * np.vdot(first[order][k], second[order][power - k]) for k in range(power + 1))
        total += comb(_DEGREE, order) * float(sum(terms))
    return total
