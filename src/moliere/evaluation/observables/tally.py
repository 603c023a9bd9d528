"""Means that come in pieces: what averages over a sample add up to, in memory that does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats


@dataclass(frozen=True)
class Tally:
    """Numbers, sums and spreads of values, entry by entry; those of two pieces add up with ``+``.

    Args:
        count: values that came.
        total: their sum.
        deviations: sum of their squared distances from their mean.

    References:
        Updating formulae and a pairwise algorithm for computing sample variances, T. Chan, 1979,
        http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf

    Example:
        >>> tally = Tally.of(np.array([1.0, 2.0])) + Tally.of(np.array([6.0]))
        >>> float(tally.mean), float(tally.std), float(tally.error)
        (3.0, 2.645..., 1.527...)
    """

    count: Floats
    total: Floats
    deviations: Floats

    @classmethod
    def of(cls, values: NDArray[Any]) -> Tally:
        """Over the first axis: (n, ...) → (...)."""
        flat = cls.grouped(values, np.zeros(len(values), np.int64), 1)
        return cls(flat.count[0], flat.total[0], flat.deviations[0])

    @classmethod
    def grouped(cls, values: NDArray[Any], group: NDArray[np.integer[Any]], n_groups: int) -> Tally:
        """Over the first axis, each group by itself.

        Args:
            values: (n, ...).
            group: of each row, from 0 to n_groups - 1, (n,).
            n_groups: some may stay empty.

        Returns:
            (n_groups, ...).
        """
        rows = values.reshape(len(values), int(np.prod(values.shape[1:]))).astype(np.float64)
        count = np.bincount(group, minlength=n_groups).astype(np.float64)[:, None]
        total = _sums(rows, group, n_groups)
        mean = total / np.maximum(count, 1)
        deviations = _sums((rows - mean[group]) ** 2, group, n_groups)
        shape = n_groups, *values.shape[1:]
        return cls(*(part.reshape(shape) for part in (count + np.zeros_like(total), total, deviations)))

    def __add__(self, other: Tally) -> Tally:
        """Both pieces together."""
        between = other.total / np.maximum(other.count, 1) - self.total / np.maximum(self.count, 1)
        count = self.count + other.count
        moved = between**2 * self.count * other.count / np.maximum(count, 1)
        return Tally(count, self.total + other.total, self.deviations + other.deviations + moved)

    def __getitem__(self, index: Any) -> Tally:
        """The entries at ``index``."""
        return Tally(self.count[index], self.total[index], self.deviations[index])

    @property
    def mean(self) -> Floats:
        """Mean; NaN where nothing came."""
        return _quotient(self.total, self.count)

    @property
    def std(self) -> Floats:
        """Standard deviation; NaN where fewer than two values came."""
        return np.asarray(np.sqrt(_quotient(self.deviations, self.count - 1)))

    @property
    def error(self) -> Floats:
        """Standard error of the mean; NaN where fewer than two values came."""
        return np.asarray(self.std / np.sqrt(np.maximum(self.count, 1)))


def _sums(rows: Floats, group: NDArray[np.integer[Any]], n_groups: int) -> Floats:
    sums = [np.bincount(group, weights=column, minlength=n_groups) for column in rows.T]
    return np.stack(sums, axis=1) if sums else np.zeros((n_groups, 0))


def _quotient(top: Floats, bottom: Floats) -> Floats:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0))
