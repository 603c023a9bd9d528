"""What iron takes from a muon: energy by collisions and by radiation, and its direction by scattering.

References:
    "Passage of particles through matter", Particle Data Group, 2024, https://pdg.lbl.gov;
    "Muon stopping power and range tables 10 MeV-100 TeV", D. Groom, 2001, doi:10.1006/adnd.2001.0861
"""

from __future__ import annotations

import math

import numpy as np

from moliere.detectors import materials
from moliere.detectors.base import Floats
from moliere.simulators.muons.flux import MUON_MASS
from moliere.units import cm, eV

_IRON = materials.get("G4_Fe")
_ELECTRON_MASS = 0.51099895
_EXCITATION = 286.0 * eV
#: 4 π N_A r_e² m_e c², in MeV cm²/mol
_K = 0.307075
#: Sternheimer's density effect in iron: -C, x0, x1, a, k, delta0
_C, _X0, _X1, _A, _POWER, _DELTA0 = 4.2911, -0.0012, 3.1531, 0.1468, 2.9632, 0.12
#: density of energy loss by electrons, Z/A times density, in MeV/mm
_SCALE = _K * _IRON.z / _IRON.a * _IRON.density / cm

#: Radiation as two gamma processes in ln E: bremsstrahlung takes any share of the energy, pairs about a percent.
#: Mean loss in cm²/g and scale of a single loss, fitted to Geant4 11.4.1: muons of 15 to 300 GeV through 5 m of iron.
RADIATION = ((4.4e-6, 1.0), (3.6e-6, 0.01))

#: most probable λ of Landau's law
_LANDAU_MODE = -0.2227829813
_EULER = 0.5772156649
#: mean of Landau's law when it is cut, and by how much the logarithm of the cut is more; by quadrature
_CUT = (
    (0.183, 0.611, 1.206, 1.608, 2.394, 3.398, 4.130, 4.846, 5.778, 7.174, 10.0),
    (0.733, 0.775, 0.740, 0.694, 0.601, 0.514, 0.475, 0.452, 0.436, 0.427, 1 - _EULER),
)


def _beta_gamma(p: Floats) -> tuple[Floats, Floats]:
    """β² and βγ of muons with momenta p in MeV."""
    return p**2 / (p**2 + MUON_MASS**2), p / MUON_MASS


def largest_transfer(p: Floats) -> Floats:
    """Most energy that a muon of momentum p gives to one electron; both in MeV."""
    _, beta_gamma = _beta_gamma(p)
    ratio = _ELECTRON_MASS / MUON_MASS
    gamma = np.hypot(1, beta_gamma)
    return 2 * _ELECTRON_MASS * beta_gamma**2 / (1 + 2 * gamma * ratio + ratio**2)


def density_effect(p: Floats) -> Floats:
    """Sternheimer's δ, for momenta p in MeV."""
    x = np.log10(p / MUON_MASS)
    high = 2 * math.log(10) * x - _C
    middle = high + _A * np.maximum(_X1 - x, 0) ** _POWER
    return np.where(x >= _X0, middle, _DELTA0 * 10 ** (2 * (x - _X0)))


def collision_loss(p: Floats) -> Floats:
    """Bethe's mean energy loss by collisions in MeV/mm, for momenta p in MeV.

    Example:
        >>> minimum = collision_loss(np.array([358.0]))[0]  # MeV/mm
        >>> round(float(minimum * 10 / 7.874), 2)  # MeV cm²/g
        1.45
    """
    beta2, beta_gamma = _beta_gamma(p)
    log = np.log(2 * _ELECTRON_MASS * beta_gamma**2 * largest_transfer(p) / _EXCITATION**2)
    return _SCALE / beta2 * (0.5 * log - beta2 - 0.5 * density_effect(p))


def draw_collision_loss(p: Floats, thickness: Floats, rng: np.random.Generator) -> Floats:
    """Energy that muons lose by collisions in iron: Landau's straggling about the most probable loss.

    Landau's law has no mean; it is cut where its mean is Bethe's.

    Args:
        p: momenta in MeV, (n,).
        thickness: path in mm, (n,).
        rng: source of randomness.

    Returns:
        Energies in MeV, (n,).
    """
    beta2, beta_gamma = _beta_gamma(p)
    xi = 0.5 * _SCALE / beta2 * thickness
    logs = np.log(2 * _ELECTRON_MASS * beta_gamma**2 * xi / _EXCITATION**2)
    most_probable = xi * (logs + 0.2 - beta2 - density_effect(p))
    # below 1.5 GeV decimetres of iron are no longer thin, and Landau's law would be cut to nothing
    mean = np.maximum(-(1 - _EULER) - beta2 - np.log(xi / largest_transfer(p)), 0.0)
    return np.asarray(most_probable + xi * (draw_landau(landau_cut(mean), rng) - _LANDAU_MODE))


def landau_cut(mean: Floats) -> Floats:
    """Where to cut Landau's law so that it has this mean: far out, its mean grows as the logarithm of the cut.

    Example:
        >>> landau_cut(np.array([2.394])).round(1)
        array([20.])
    """
    return np.asarray(np.exp(mean + np.interp(mean, *_CUT)))


def draw_landau(cut: Floats, rng: np.random.Generator) -> Floats:
    """Landau's λ below a cut, drawn as the stable law that it is (index 1, fully skewed).

    Args:
        cut: largest λ, (n,).
        rng: source of randomness.

    References:
        "A method for simulating stable random variables", J. M. Chambers, 1976, doi:10.1080/01621459.1976.10480344
    """
    values = _draw_landau(len(cut), rng)
    while (beyond := np.flatnonzero(values > cut)).size:
        values[beyond] = _draw_landau(len(beyond), rng)
    return values


def _draw_landau(n: int, rng: np.random.Generator) -> Floats:
    angle, waiting = rng.uniform(-np.pi / 2, np.pi / 2, n), rng.standard_exponential(n)
    skewed = np.pi / 2 + angle
    return np.asarray(skewed * np.tan(angle) - np.log(waiting * np.cos(angle) / skewed))


def draw_radiated_share(thickness: Floats, rng: np.random.Generator) -> Floats:
    """Share of the energy that muons radiate in iron.

    Args:
        thickness: path in mm, (n,).
        rng: source of randomness.
    """
    column = thickness * _IRON.density / cm
    log_loss = sum(scale * rng.standard_gamma(loss / scale * column) for loss, scale in RADIATION)
    return np.asarray(-np.expm1(-np.asarray(log_loss)))


def scattering_angle(p: Floats, thickness: Floats, whole: Floats) -> Floats:
    """Highland's width of the angle in one plane, in rad.

    Args:
        p: momenta in MeV, (n,).
        thickness: of this step, in mm.
        whole: path of which this is a step, in mm: the logarithm belongs to all of it.
    """
    length = _IRON.radiation_length_mm
    beta = np.sqrt(_beta_gamma(p)[0])
    return np.asarray(13.6 / (beta * p) * np.sqrt(thickness / length) * (1 + 0.038 * np.log(whole / length)))
