"""Which events to take so that they count alike: without weights, or with another sample's incident energies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents

#: more distinct energies than this are matched in quantile bins, so many of them
_DISTINCT, _BINS = 50, 40


def unweighted_rows(weights: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of events that are kept with a probability proportional to their weight; none is kept twice.

    Args:
        weights: (n,).
        rng: decides.

    Raises:
        InvalidEvents: a weight is negative or not finite, or all are zero.

    Example:
        >>> unweighted_rows(np.array([1.0, 0.0, 1.0]), np.random.default_rng(0))
        array([0, 2])
    """
    check_weights(weights)
    return np.flatnonzero(rng.random(len(weights)) * weights.max() < weights)


def check_weights(weights: Floats) -> None:
    """Refuse weights that nothing can be drawn by.

    Raises:
        InvalidEvents: a weight is negative or not finite, or all are zero.
    """
    if not np.isfinite(weights).all() or (weights < 0).any() or not (weights > 0).any():
        raise InvalidEvents(
            f"weights run from {np.nanmin(weights):.4g} to {np.nanmax(weights):.4g}; they must be finite, not negative "
            "and not all zero"
        )


def matching_weights(energy: Floats, like: Floats) -> Floats:
    """Weights that give one sample's incident energies the distribution of another's.

    Energies that the other sample does not have get 0. Few distinct energies are matched one by one, many of them in
    bins that the other sample fills equally.

    Args:
        energy: in MeV, (n,).
        like: in MeV, (m,).

    Returns:
        (n,).

    Raises:
        InvalidEvents: the samples share no energy.

    Example:
        >>> matching_weights(np.array([1.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0]))
        array([0.25, 0.25, 0.5 , 0.  ])
    """
    edges = _edges(like)
    own, other = (np.histogram(values, edges)[0].astype(np.float64) for values in (energy, like))
    if not (own * other).any():
        raise InvalidEvents(
            f"incident energies of {energy.min():.4g} – {energy.max():.4g} MeV cannot be matched to "
            f"{like.min():.4g} – {like.max():.4g} MeV: no energy is in both"
        )
    ratio = np.divide(other / len(like), own, out=np.zeros_like(own), where=own > 0)
    place = np.searchsorted(edges, energy, side="right") - 1
    inside = (energy >= edges[0]) & (energy < edges[-1])
    return np.where(inside, ratio[np.clip(place, 0, len(ratio) - 1)], 0.0)


def _edges(like: Floats) -> Floats:
    distinct = np.unique(like)
    if len(distinct) <= _DISTINCT:
        # from a little below to a little above each energy, and the gaps between them
        return np.unique(np.concatenate([distinct * (1 - 1e-6), distinct * (1 + 1e-6)]))
    edges = np.unique(np.quantile(like, np.linspace(0, 1, _BINS + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges
