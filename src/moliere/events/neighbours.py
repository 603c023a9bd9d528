"""How far events are from their nearest neighbours in a reference sample, which is how rare they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from moliere.detectors.base import Floats


def mean_distance(tree: Any, columns: Floats, k: int) -> Floats:
    """Mean distance to the k nearest points of a reference, the event itself left out.

    Args:
        tree: a ``scipy.spatial.cKDTree`` of more than k points.
        columns: of the events, (n, d).
        k: how many neighbours.

    Returns:
        (n,).

    Example:
        >>> from scipy.spatial import cKDTree
        >>> mean_distance(cKDTree([[0.0], [1.0], [3.0]]), np.array([[0.0], [5.0]]), 2)
        array([2., 3.])
    """
    found = np.asarray(tree.query(columns, k + 1)[0])
    # where it is a point itself the nearest is at 0, else there is one neighbour too many
    is_point = found[:, 0] == 0
    return np.asarray(np.where(is_point, found[:, 1:].mean(axis=1), found[:, :-1].mean(axis=1)))
