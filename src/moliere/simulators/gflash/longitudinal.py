"""How deep a shower goes: the longitudinal profile and its fluctuations from shower to shower.

With t in radiation lengths, dE/dt = E beta (beta t)^(alpha-1) exp(-beta t) / Gamma(alpha); the maximum
lies at T = (alpha - 1) / beta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from moliere.detectors.base import Floats
from moliere.simulators.gflash.medium import Medium

#: below these the formulae, made for a few GeV and more, leave their domain; Geant4 stops at the same values
_MIN_T, _MIN_ALPHA, _MAX_SIGMA, _MIN_LN_Y = 0.3, 1.1, 0.5, 1.2


@dataclass(frozen=True)
class Moments:
    """Distribution of (ln T, ln alpha) for showers of given energies: correlated normals; each field (n,).

    Args:
        t: exp of the mean of ln T, in X0.
        alpha: exp of the mean of ln alpha.
        sigma_t: standard deviation of ln T.
        sigma_alpha: standard deviation of ln alpha.
        rho: correlation of ln T and ln alpha.
    """

    t: Floats
    alpha: Floats
    sigma_t: Floats
    sigma_alpha: Floats
    rho: Floats


@dataclass(frozen=True)
class Profile:
    """Longitudinal profiles of n showers; both fields (n,).

    Args:
        alpha: shape.
        beta: slope in 1/X0.
    """

    alpha: Floats
    beta: Floats

    @classmethod
    def peaking_at(cls, t: Floats, alpha: Floats) -> Profile:
        """Profiles with their maximum at depth ``t`` [X0]."""
        t, alpha = np.maximum(t, _MIN_T), np.maximum(alpha, _MIN_ALPHA)
        return cls(alpha, (alpha - 1) / t)

    @property
    def t_max(self) -> Floats:
        """Depth of the maximum in X0."""
        return (self.alpha - 1) / self.beta

    @property
    def mean_depth(self) -> Floats:
        """Centre of gravity alpha / beta in X0."""
        return self.alpha / self.beta

    def contained(self, depth: Floats) -> Floats:
        """Share of the energy in front of a depth.

        Args:
            depth: in X0, (n, k) or (k,).

        Returns:
            Regularised incomplete gamma function P(alpha, beta t), (n, k).
        """
        return np.asarray(scipy.special.gammainc(self.alpha[:, None], self.beta[:, None] * np.maximum(depth, 0.0)))


def log_scaled_energy(medium: Medium, energy: Floats) -> Floats:
    """Logarithm of y = E / Ec, kept where the formulae are defined.

    Args:
        medium: gives Ec.
        energy: in MeV, (n,).
    """
    return np.maximum(np.log(energy / medium.critical_energy), _MIN_LN_Y)


def average_profile(medium: Medium, energy: Floats) -> Profile:
    """The mean shower of each energy, from the paper's fits to averaged profiles.

    Args:
        medium: homogeneous or sampling.
        energy: in MeV, (n,).
    """
    ln_y = log_scaled_energy(medium, energy)
    inverse, transition = 1 / medium.sampling_frequency, 1 - medium.e_over_mip
    t = ln_y - 0.858 - 0.59 * inverse - 0.53 * transition
    alpha = 0.21 + (0.492 + 2.38 / medium.z) * ln_y - 0.444 * inverse
    return Profile.peaking_at(t, alpha)


def moments(medium: Medium, energy: Floats) -> Moments:
    """Distribution of the profiles of single showers, from the paper's fits to single showers.

    Args:
        medium: homogeneous or sampling.
        energy: in MeV, (n,).

    Returns:
        Means, widths and correlation of ln T and ln alpha.
    """
    ln_y = log_scaled_energy(medium, energy)
    t = np.maximum(ln_y - 0.812, _MIN_T)
    alpha = 0.81 + (0.458 + 2.26 / medium.z) * ln_y
    if not medium.is_sampling:
        return Moments(t, alpha, _sigma(-1.4, 1.26, ln_y), _sigma(-0.58, 0.86, ln_y), 0.705 - 0.023 * ln_y)
    inverse, transition = 1 / medium.sampling_frequency, 1 - medium.e_over_mip
    return Moments(
        t=np.maximum(t - 0.55 * inverse - 0.69 * transition, _MIN_T),
        alpha=np.maximum(alpha - 0.476 * inverse, _MIN_ALPHA),
        sigma_t=_sigma(-2.5, 1.25, ln_y),
        sigma_alpha=_sigma(-0.82, 0.79, ln_y),
        rho=0.784 - 0.023 * ln_y,
    )


def draw_profiles(distribution: Moments, rng: np.random.Generator) -> Profile:
    """One profile a shower, with ln T and ln alpha fluctuating together.

    Args:
        distribution: fields (n,).
        rng: source of randomness; two normals a shower.
    """
    together, apart = rng.standard_normal((2, len(distribution.t)))
    together *= np.sqrt((1 + distribution.rho) / 2)
    apart *= np.sqrt((1 - distribution.rho) / 2)
    t = distribution.t * np.exp(distribution.sigma_t * (together + apart))
    alpha = distribution.alpha * np.exp(distribution.sigma_alpha * (together - apart))
    return Profile.peaking_at(t, alpha)


def _sigma(constant: float, slope: float, ln_y: Floats) -> Floats:
    """1 / (constant + slope ln y), with a limit: the paper's fit has its pole at a few Ec."""
    return 1 / np.maximum(constant + slope * ln_y, 1 / _MAX_SIGMA)
