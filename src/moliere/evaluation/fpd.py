"""Fréchet physics distance of two feature samples, with JetNet's definition.

For 50,000 events and the same seed the bootstrap draws are JetNet's own. What is different is the way there: events
drawn twice are counted, not copied, and the long matrix products run in float32, along axes where its rounding does not
matter.

References:
    Evaluating generative models in high energy physics, R. Kansal et al., 2022,
    https://arxiv.org/abs/2211.10295; their code, https://github.com/jet-net/JetNet
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from moliere.detectors.base import Floats

Features = NDArray[np.floating]
Singles = NDArray[np.float32]
Counts = NDArray[np.int32]

_POINTS, _DRAWS = 10, 20
_TOGETHER, _OFTEN = 4, 2  # draws, and how often they hold an event
_KINDS = (_OFTEN + 1) ** _TOGETHER
_LARGEST = 50_000
_NEGLIGIBLE = 1e-14  # of the largest variance: no more than the rounding of its eigenvalues
_ROWS = 512  # at once, so that what is worked on stays in the processor's cache


def frechet_distance(mean1: Floats, cov1: Floats, mean2: Floats, cov2: Floats) -> float:
    r"""Fréchet distance squared of two Gaussians: :math:`|\mu_1-\mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2\sqrt{C_1 C_2})`.

    With :math:`C_1 = R R^T` the trace of the root is the sum of the roots of the eigenvalues of :math:`R^T C_2 R`,
    which is symmetric, so that no complex root appears.

    Args:
        mean1: (d,).
        cov1: (k, k). Any rotation of the axes will do, and directions in which nothing varies may be left out.
        mean2: as mean1.
        cov2: as cov1, along the same axes.
    """
    root = _root(cov1)
    product = np.linalg.eigvalsh(root.T @ cov2 @ root)
    shift = mean1 - mean2
    return float(shift @ shift + np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(np.clip(product, 0, None)).sum())


def _root(covariance: Floats) -> Floats:
    """Some R (k, rank) with R Rᵀ = covariance: Cholesky's, of a singular matrix with its pivots in falling order."""
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(covariance, lower=1)
        root = np.empty((len(covariance), rank))
        root[pivots - 1] = np.tril(factor)[:, :rank]
        return root


def fpd(reference: Features, generated: Features, seed: int = 42) -> tuple[float, float]:
    """Fréchet physics distance, extrapolated to infinite samples.

    Features are divided by the reference's largest absolute value; at ten sample sizes, equally spaced in 1/N, the
    Fréchet distance is averaged over 20 bootstrap draws; a line in 1/N is fitted (:func:`extrapolate`). CaloChallenge's
    sizes run from 10,000 to 50,000; where there are fewer than 50,000 events they run from a fifth of what there is to
    all.

    Args:
        reference: (n, d).
        generated: (m, d).
        seed: of the draws.

    Returns:
        Intercept and its fit error, which knows nothing of the samples' own fluctuations.
    """
    x, y = _whiten(reference, generated)
    largest = min(_LARGEST, len(reference), len(generated))
    sizes = (1 / np.linspace(5 / largest, 1 / largest, _POINTS)).astype(int)
    rng = np.random.default_rng(seed)
    return extrapolate(sizes, np.array([_mean_frechet(x, y, size, rng) for size in sizes]))


def extrapolate(sizes: NDArray[np.integer], values: Floats) -> tuple[float, float]:
    """Intercept of a line in 1/size whose intercept and slope are not negative, and its error.

    The fit is called as JetNet calls it, so that the same values give the same figure. It starts at 1 and stops when
    its steps gain little, which may be several errors before the best line where the figure is near 0.

    Example:
        >>> intercept, error = extrapolate(np.array([100, 200, 400]), 0.5 + 3 / np.array([100.0, 200.0, 400.0]))
        >>> round(intercept, 3), round(error, 3)
        (0.5, 0.0)
    """
    fit, covariance = scipy.optimize.curve_fit(
        lambda n, a, b: a + b * n, 1 / sizes, values, bounds=([0, 0], [np.inf, np.inf])
    )
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def _mean_frechet(x: _Whitened, y: _Whitened, size: int, rng: np.random.Generator) -> float:
    """Mean over the draws of a size; those of the two samples alternate, as JetNet's do."""
    counts = [[_count(len(sample.rows), size, rng) for sample in (x, y)] for _ in range(_DRAWS)]
    first, second = zip(*counts, strict=True)
    draws = zip(x.draws(np.array(first)), y.draws(np.array(second)), strict=True)
    return float(np.mean([frechet_distance(*one, *other) for one, other in draws]))


def _count(n: int, size: int, rng: np.random.Generator) -> Counts:
    """How often each of n events is drawn, (n,)."""
    return np.bincount(rng.integers(n, size=size), minlength=n).astype(np.int32)


@dataclass(frozen=True)
class _Memory:
    """Large arrays that are written again and again, because new memory costs more than what is written to it.

    Attributes:
        rows: (50,000, k + 1), as many as a draw can hold.
        products: (81, k + 1, k + 1), one for each kind of event.
    """

    rows: Singles
    products: Singles


@dataclass(frozen=True)
class _Whitened:
    """A sample along axes in which every direction has a variance near one: there float32 is exact enough for all.

    Attributes:
        rows: (n, k + 1). The last column is 1, with which the product of rows and rows holds the sums, too.
        centre: (d,), mean of the sample.
        axes: (d, k), orthogonal: features = centre + axes · row.
        memory: that both samples use.
    """

    rows: Singles
    centre: Floats
    axes: Floats
    memory: _Memory

    def draws(self, counts: Counts) -> Iterator[tuple[Floats, Floats]]:
        """Mean (d,) of the features and covariance (k, k) along the axes, of draws that hold each event so often."""
        size, lengths = counts[0].sum(), np.linalg.norm(self.axes, axis=0)
        lengths = np.outer(lengths, lengths * size / (size - 1))
        for start in range(0, len(counts), _TOGETHER):
            for moments in self._second_moments(counts[start : start + _TOGETHER]).astype(np.float64) / size:
                mean = moments[-1, :-1]
                yield self.centre + self.axes @ mean, (moments[:-1, :-1] - np.outer(mean, mean)) * lengths

    def _second_moments(self, counts: Counts) -> Singles:
        """Sum of count · row rowᵀ for a few draws together, (draws, k + 1, k + 1).

        Events are sorted by how often each draw holds them, up to twice: four draws make 81 kinds of events. The
        product of a kind is computed once, and what a draw holds is a sum of products. More than twice is rare.
        """
        few = np.minimum(counts, _OFTEN)
        shape = (_OFTEN + 1,) * len(counts)
        kinds = np.ravel_multi_index(tuple(few), shape)
        ends = np.cumsum(np.bincount(kinds, minlength=np.prod(shape)))
        events = np.split(np.argsort(kinds, kind="stable"), ends[:-1])
        products = self.memory.products[: len(events)]
        for some, product in zip(events[1:], products[1:], strict=True):
            self._multiply(some, product)
        often = np.indices(shape, dtype=np.float32).reshape(len(counts), -1)
        moments = np.tensordot(often[:, 1:], products[1:], 1)
        for more, total in zip(counts - few, moments, strict=True):
            self._multiply(np.repeat(np.arange(len(more)), more), products[0])
            total += products[0]
        return moments

    def _multiply(self, events: NDArray[np.integer], product: Singles) -> None:
        """Write the sum of row rowᵀ over some events to where it is told."""
        # only with "clip" does take write there without a copy
        rows = self.rows.take(events, axis=0, out=self.memory.rows[: len(events)], mode="clip")
        np.matmul(rows.T, rows, out=product)


def _whiten(reference: Features, generated: Features) -> tuple[_Whitened, _Whitened]:
    """Both samples, each from its own mean, along the principal axes of their average covariance."""
    scale, centres = feature_scale(reference), (feature_means(reference), feature_means(generated))
    covariance = (_covariance(reference, centres[0]) + _covariance(generated, centres[1])) / 2
    variances, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = variances > _NEGLIGIBLE * variances.max()
    lengths, vectors = np.sqrt(variances[kept]), vectors[:, kept]
    projection = (vectors / lengths / scale[:, None]).astype(np.float32)
    width = len(lengths) + 1
    memory = _Memory(np.empty((_LARGEST, width), np.float32), np.empty((_KINDS, width, width), np.float32))
    first, second = (
        _Whitened(_project(x, centre, projection), centre / scale, vectors * lengths, memory)
        for x, centre in zip((reference, generated), centres, strict=True)
    )
    return first, second


def _covariance(x: Features, centre: Floats) -> Floats:
    total = np.zeros((x.shape[1], x.shape[1]))
    for _, block in centred_blocks(x, centre):
        total += block.T @ block
    return total / len(x)


def _project(x: Features, centre: Floats, projection: Singles) -> Singles:
    """What :class:`_Whitened` calls rows."""
    rows = np.empty((len(x), projection.shape[1] + 1), dtype=np.float32)
    for where, block in centred_blocks(x, centre):
        rows[where, :-1] = block.astype(np.float32) @ projection
        rows[where, -1] = 1
    return rows


def centred_blocks(x: Features, centre: Floats) -> Iterator[tuple[slice, Floats]]:
    """Some rows at a time, where they are and what they are less the centre."""
    for start in range(0, len(x), _ROWS):
        where = slice(start, start + _ROWS)
        yield where, x[where] - centre


def feature_means(x: Features) -> Floats:
    """Mean of each feature, summed in float64."""
    return np.asarray(x.mean(axis=0, dtype=np.float64))


def feature_scale(reference: Features) -> Floats:
    """The reference's largest absolute value of each feature, or 1 where that is 0."""
    largest = np.maximum(reference.max(axis=0), -reference.min(axis=0)).astype(np.float64)
    return np.where(largest == 0, 1.0, largest)
