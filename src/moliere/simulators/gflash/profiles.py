"""Mean shower profiles in bands of energy: what a tuning is fitted to and what it is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import of_kind
from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.errors import DetectorError
from moliere.events import Events

#: a layer or a ring counts where it holds at least this share of its band's energy
RELEVANT_SHARE = 0.05


def energy_bands(energy: Floats, n_bands: int = 6) -> list[NDArray[np.bool_]]:
    """Cut a sample into bands: one an energy where there are few, else equal steps in ln E.

    Args:
        energy: in MeV, (n,).
        n_bands: number of bands of a continuous spectrum.

    Returns:
        Masks (n,), from low to high energies.
    """
    values = np.unique(energy)
    if len(values) <= 20:
        return [energy == value for value in values]
    edges = np.geomspace(values[0], values[-1] * (1 + 1e-9), n_bands + 1)
    band = np.searchsorted(edges, energy, side="right") - 1
    return [band == k for k in range(n_bands)]


def layer_profile(events: Events) -> Floats:
    """Energy of each layer over the incident energy, averaged over the energy: (n_layers,)."""
    return _profile(events, _calorimeter(events).layer_energies(events.signals))


def ring_profile(events: Events, *, join_layers: bool = False) -> Floats:
    """Energy of each ring over the incident energy, averaged over the energy.

    Args:
        events: in a calorimeter of polar layers.
        join_layers: add up the layers, where all have the same rings.

    Returns:
        (n_rings,), or the rings of each layer in turn, (n_rings in all layers,).
    """
    detector = _calorimeter(events)
    rings = [
        events.signals[:, part].reshape(len(events), *grid.shape).sum(axis=1)
        for part, grid in zip(detector.slices, detector.grids, strict=True)
    ]
    joined = join_layers and detector.is_regular
    return _profile(events, np.sum(rings, axis=0) if joined else np.concatenate(rings, axis=1))


def largest_deviation(profile: Floats, reference: Floats, floor: float = RELEVANT_SHARE) -> float:
    """Largest |profile / reference - 1| among the entries with at least ``floor`` of the reference's sum."""
    relevant = reference >= floor * reference.sum()
    return float(np.abs(profile[relevant] / reference[relevant] - 1).max(initial=0.0))


def _profile(events: Events, energies: NDArray[np.float32]) -> Floats:
    return np.asarray(energies.sum(axis=0, dtype=np.float64) / events.energy.sum())


def _calorimeter(events: Events) -> Calorimeter:
    detector = of_kind(events.detector, Calorimeter, "a shower profile")
    if any(grid.kind != "polar" for grid in detector.grids):
        raise DetectorError(f"shower profiles need a calorimeter of polar layers; {detector.name!r} is none")
    return detector
