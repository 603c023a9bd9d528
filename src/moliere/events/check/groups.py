"""Events of like incident energy, with which a single event is compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints

#: a grid has at most so many energies, on which this share of the events lies
_MOST_ENERGIES, _ON_GRID = 64, 0.98
#: an energy of the grid has at least so many events
_FEWEST = 5
#: of a continuous spectrum: events a group, and groups
_GROUP, _MOST_GROUPS = 100, 50


def energy_grid(energy: Floats) -> Floats:
    """The energies of a sample that was simulated at a few of them; empty for a continuous spectrum.

    Args:
        energy: of sound events, (n,).

    Example:
        >>> energy_grid(np.repeat([256.0, 512.0, 300.0], [60, 60, 1]))
        array([256., 512.])
    """
    values, counts = np.unique(energy, return_counts=True)
    frequent = counts >= _FEWEST
    covered = counts[frequent].sum() / max(len(energy), 1)
    return (
        values[frequent] if frequent.any() and frequent.sum() <= _MOST_ENERGIES and covered >= _ON_GRID else values[:0]
    )


def group_energies(energy: Floats, sound: NDArray[np.bool_]) -> Ints:
    """Number of the group of each event: its energy's on a grid (the nearest), else its quantile; -1 if not sound."""
    group = np.full(len(energy), -1)
    known = energy[sound]
    grid = energy_grid(known)
    if len(grid):
        edges = np.sqrt(grid[:-1] * grid[1:])
    else:
        n_groups = int(np.clip(len(known) // _GROUP, 1, _MOST_GROUPS))
        edges = np.quantile(known, np.linspace(0, 1, n_groups + 1)[1:-1]) if len(known) else np.zeros(0)
    group[sound] = np.searchsorted(edges, known, side="right")
    return group
