"""Pions and kaons that decay to a muon before they interact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.simulators.muons.beam_dump import MESON_LENGTH
from moliere.simulators.muons.flux import MUON_MASS


@dataclass(frozen=True)
class Meson:
    """A charged meson that decays to a muon and a neutrino.

    Args:
        mass: in MeV.
        lifetime: proper, times the speed of light, in mm.
        branching: share of these decays.

    References:
        Review of Particle Physics, Particle Data Group, 2024, https://pdg.lbl.gov
    """

    mass: float
    lifetime: float
    branching: float

    @property
    def kick(self) -> float:
        """Momentum of the muon at rest, in MeV.

        Example:
            >>> round(PION.kick, 2), round(KAON.kick, 1)
            (29.79, 235.5)
        """
        return (self.mass**2 - MUON_MASS**2) / (2 * self.mass)

    def decay_lengths(self, p: Floats) -> Floats:
        """Mean decay length in mm of mesons with momenta p in MeV, (n,)."""
        return p / self.mass * self.lifetime

    def muon_probabilities(self, p: Floats) -> Floats:
        """Probability of a muon: that the meson decays before it interacts, and to a muon; (n,)."""
        return self.branching * MESON_LENGTH / (MESON_LENGTH + self.decay_lengths(p))

    def paths(self, p: Floats, rng: np.random.Generator) -> Floats:
        """Paths in mm of mesons that decay before they interact, (n,)."""
        return rng.standard_exponential(len(p)) / (1 / MESON_LENGTH + 1 / self.decay_lengths(p))


PION = Meson(139.57039, 7804.5, 0.999877)
KAON = Meson(493.677, 3711.0, 0.6356)


def muon_momenta(parents: Floats, meson: Meson, rng: np.random.Generator) -> Floats:
    """Momenta of muons from mesons in flight; isotropic at rest, as mesons have no spin.

    Args:
        parents: momenta in MeV, (n, 3), none of them zero.
        meson: what they are.
        rng: source of randomness.

    Returns:
        Momenta in MeV, (n, 3).
    """
    at_rest = meson.kick * isotropic(len(parents), rng)
    p = np.linalg.norm(parents, axis=1, keepdims=True)
    axis, gamma_beta = parents / p, p / meson.mass
    along = np.sum(at_rest * axis, axis=1, keepdims=True)
    gamma, energy = np.hypot(1, gamma_beta), np.hypot(meson.kick, MUON_MASS)
    return np.asarray(at_rest + axis * ((gamma - 1) * along + gamma_beta * energy))


def isotropic(n: int, rng: np.random.Generator) -> Floats:
    """Unit vectors without preferred direction, (n, 3)."""
    cosine, angle = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    return np.column_stack([sine * np.cos(angle), sine * np.sin(angle), cosine])
