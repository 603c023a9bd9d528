"""Muons through the rest of the beam dump: which of them come out, where and how.

The dump counts as iron from where a muon starts; what molybdenum adds to scattering (a tenth) is left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.simulators.muons.beam_dump import BACK
from moliere.simulators.muons.flux import MUON_MASS, Flux
from moliere.simulators.muons.iron import draw_collision_loss, draw_radiated_share, scattering_angle

#: steps of equal length; within one a muon keeps its direction and the width of its losses
_STEPS = 4
#: slower muons than this stop within centimetres, in MeV
_SLOWEST = 300.0


def cross(flux: Flux, rng: np.random.Generator) -> tuple[Flux, NDArray[np.bool_]]:
    """Take muons to the end of the absorber.

    Args:
        flux: where muons start.
        rng: source of randomness.

    Returns:
        Muons at the end of the absorber, those that stop before with the little that they have there; and which of
        them come out, (n,).
    """
    left = np.maximum(BACK - flux.position[:, 2], 0)
    slopes = flux.momentum[:, :2] / flux.momentum[:, 2:]
    place, p = flux.position[:, :2].copy(), flux.p
    for _ in range(_STEPS):
        path = left / _STEPS * np.sqrt(1 + (slopes**2).sum(axis=1))
        before, p = p, _slow_down(p, path, rng)
        kicks, shifts = _scatter(np.sqrt(before * p), path, rng)
        place += slopes * (left / _STEPS)[:, None] + shifts
        slopes = slopes + kicks
    return _arrived(flux, place, slopes, p), p > _SLOWEST


def _slow_down(p: Floats, path: Floats, rng: np.random.Generator) -> Floats:
    """Momenta in MeV after a step; those that stop are left at the slowest."""
    thick = np.maximum(path, 1e-6)  # what starts at the end of the absorber has no way to go
    energy = np.hypot(p, MUON_MASS) * (1 - draw_radiated_share(thick, rng)) - draw_collision_loss(p, thick, rng)
    after = np.sqrt(np.maximum(energy**2 - MUON_MASS**2, 0))
    return np.where((p > _SLOWEST) & (energy > MUON_MASS), np.maximum(after, _SLOWEST), _SLOWEST)


def _scatter(p: Floats, path: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Changes of slope and of place in mm within a step, each (n, 2)."""
    thick = np.maximum(path, 1e-6)
    width = scattering_angle(p, thick, np.maximum(_STEPS * path, thick))[:, None]
    first, second = rng.standard_normal((2, len(p), 2))
    return width * second, width * path[:, None] * (first / np.sqrt(12) + second / 2)


def _arrived(flux: Flux, place: Floats, slopes: Floats, p: Floats) -> Flux:
    end = np.maximum(flux.position[:, 2:], BACK)
    directions = np.column_stack([slopes, np.ones(len(flux))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return replace(flux, position=np.column_stack([place, end]), momentum=p[:, None] * directions)
