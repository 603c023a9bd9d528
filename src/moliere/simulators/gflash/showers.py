"""Showers before they meet the readout: where each starts, how its energy spreads in depth and radius."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.simulators.gflash.longitudinal import (
    Profile,
    average_profile,
    draw_profiles,
    log_scaled_energy,
    moments,
)
from moliere.simulators.gflash.medium import Medium
from moliere.simulators.gflash.radial import RadialLaw, radial_law
from moliere.simulators.gflash.steps import Steps
from moliere.simulators.gflash.tuning import Tuning
from moliere.units import GeV

#: mean depth in X0 at which a photon of high energy makes a pair
CONVERSION_DEPTH = 9 / 7

#: A pair shares x and 1 - x of its photon's energy, x flat between 0 and 1; the mean of ln x, weighted by the
#: energy, is -1/2: on average the two are the showers of electrons of exp(-1/2) of the photon's energy.
PAIR_ENERGY = float(np.exp(-0.5))


@dataclass(frozen=True)
class GflashShowers:
    """n showers; every field (n,).

    Args:
        energy: in MeV.
        start: depth in X0 at which they start: 0 for electrons, the conversion for photons.
        ln_y: ln of the energy of the showering electrons over Ec.
        profile: longitudinal, from the start.
        bend: alpha / (alpha - 1) of the mean shower, which turns t / <t> into depths of the maximum.
    """

    energy: Floats
    start: Floats
    ln_y: Floats
    profile: Profile
    bend: Floats

    def step_shares(self, steps: Steps, profile: Profile | None = None) -> Floats:
        """Share of the energy between front and back of each step, (n, k)."""
        profile, start = profile or self.profile, self.start[:, None]
        return profile.contained(steps.back - start) - profile.contained(steps.front - start)

    def radial(self, medium: Medium, tuning: Tuning, steps: Steps) -> RadialLaw:
        """Radial law in the middle of each step, fields (n, k)."""
        depth = np.maximum((steps.front + steps.back) / 2 - self.start[:, None], 0)
        tau = depth * (self.bend / self.profile.mean_depth)[:, None]
        law = radial_law(medium, self.energy[:, None], tau)
        return tuning.tune_law(law, self.ln_y[:, None], tau)


def draw_showers(
    medium: Medium,
    tuning: Tuning,
    energy: Floats,
    pdg_id: Ints,
    rng: np.random.Generator,
    *,
    fluctuations: bool = True,
) -> GflashShowers:
    """Showers of electrons, positrons and photons.

    A photon first travels to its conversion, drawn from an exponential with mean 9/7 X0; from there on the
    shower of its pair is one of an electron with exp(-1/2) of the energy, see :data:`PAIR_ENERGY`.

    Args:
        medium: in which they develop.
        tuning: corrections of the medium's formulae.
        energy: in MeV, (n,).
        pdg_id: 11, -11 or 22, (n,).
        rng: source of randomness.
        fluctuations: draw each shower's profile; otherwise showers of one energy are alike, conversions
            apart.

    Returns:
        n showers.
    """
    photon = pdg_id == 22
    start = np.where(photon, rng.exponential(CONVERSION_DEPTH, len(energy)), 0.0)
    electron = np.where(photon, energy * PAIR_ENERGY, energy)
    ln_y = log_scaled_energy(medium, electron)
    distribution = tuning.tune_moments(moments(medium, electron), ln_y)
    profile = draw_profiles(distribution, rng) if fluctuations else average_profile(medium, electron)
    return GflashShowers(energy, start, ln_y, profile, distribution.alpha / (distribution.alpha - 1))


def mean_spots(medium: Medium, resolution: float, energy: Floats) -> Floats:
    """Number of spots that make a shower fluctuate sideways as it should.

    Args:
        medium: homogeneous or sampling.
        resolution: sampling resolution c in sqrt(GeV), for sampling media.
        energy: in MeV, (n,).
    """
    if medium.is_sampling:
        return 10.3 / resolution * np.power(energy / GeV, 0.959)
    return 93 * math.log(medium.z) * np.power(energy / GeV, 0.876)


def spot_profile(medium: Medium, profile: Profile) -> Profile:
    """How the number of spots, not their energy, is spread in depth.

    Args:
        medium: homogeneous or sampling.
        profile: of the energy.
    """
    z = medium.z
    if medium.is_sampling:
        t, alpha = 0.813 + 0.0019 * z, 0.844 + 0.0026 * z
    else:
        t, alpha = 0.698 + 0.00212 * z, 0.639 + 0.00334 * z
    return Profile.peaking_at(profile.t_max * t, profile.alpha * alpha)
