"""Whether observables vary together as they do in the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from moliere.detectors.base import Floats


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
