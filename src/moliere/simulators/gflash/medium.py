"""The effective medium that a stack of plates is to a shower: one Z, one X0, one Molière radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from moliere.detectors import materials
from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Plate
from moliere.detectors.materials import Material
from moliere.units import cm

#: scale energy of multiple scattering in MeV, as the paper rounds it
SCALE_ENERGY = 21.2


@dataclass(frozen=True)
class Medium:
    """What the shower formulae need to know of the material.

    Args:
        z: atomic number, weighted by mass.
        a: atomic mass in g/mol, weighted by mass.
        density: in g/cm³.
        radiation_length: in g/cm².
        critical_energy: in MeV.
        sampling_frequency: active plates a radiation length; infinite for a homogeneous medium.
        e_over_mip: response to electrons over that to minimum-ionising particles; 1 for a homogeneous medium.
    """

    z: float
    a: float
    density: float
    radiation_length: float
    critical_energy: float
    sampling_frequency: float = inf
    e_over_mip: float = 1.0

    @property
    def is_sampling(self) -> bool:
        """Whether passive and active plates alternate."""
        return self.sampling_frequency < inf

    @property
    def radiation_length_mm(self) -> float:
        """X0 in mm."""
        return self.radiation_length / self.density * cm

    @property
    def moliere_radius_mm(self) -> float:
        """R_M = X0 Es / Ec in mm."""
        return self.radiation_length_mm * SCALE_ENERGY / self.critical_energy


def critical_energy(z: float, a: float, radiation_length: float) -> float:
    """Energy at which an electron loses as much by ionisation as by bremsstrahlung: 2.66 (X0 Z/A)^1.1 MeV.

    Args:
        z: atomic number.
        a: atomic mass in g/mol.
        radiation_length: in **g/cm²**; with millimetres, as in Geant4's own GFlash, W is off by a
            factor 2 and Si by 5.

    Returns:
        Critical energy in MeV.

    Example:
        >>> round(critical_energy(82, 207.2, 6.37), 1), round(critical_energy(14, 28.085, 21.82), 1)
        (7.4, 36.7)
    """
    return 2.66 * math.pow(radiation_length * z / a, 1.1)


def e_over_mip(z_passive: float, z_active: float) -> float:
    """Transition effect at the border of two materials: 1 / (1 + 0.007 (Z_p - Z_a))."""
    return 1 / (1 + 0.007 * (z_passive - z_active))


def homogeneous_medium(substance: Material) -> Medium:
    """A block of one material.

    Args:
        substance: the material.
    """
    energy = critical_energy(substance.z, substance.a, substance.radiation_length)
    return Medium(substance.z, substance.a, substance.density, substance.radiation_length, energy)


def effective_medium(plates: Sequence[Plate]) -> Medium:
    """The uniform medium in which a shower develops as it does in these plates.

    Z, A and Ec/X0 are weighted by mass, the densities by thickness. The sampling frequency is counted as
    active plates a radiation length: the paper's X0 / (d_a + d_p) where the stack is periodic, and still of
    meaning where it is not.

    Args:
        plates: front to back; where all are active the medium is homogeneous.

    Returns:
        The effective medium.

    References:
        "The Parameterized Simulation of Electromagnetic Showers in Homogeneous and Sampling Calorimeters",
        G. Grindhammer and S. Peters, 1993, https://arxiv.org/abs/hep-ex/0001020
    """
    substances = [materials.get(plate.material) for plate in plates]
    thickness = np.array([plate.thickness for plate in plates])
    mass = thickness * np.array([s.density for s in substances])
    z, a, x0 = (np.array([getattr(s, name) for s in substances]) for name in ("z", "a", "radiation_length"))
    critical = np.array([critical_energy(*properties) for properties in zip(z, a, x0, strict=True)])
    share = mass / mass.sum()
    radiation_length = 1 / float((share / x0).sum())
    active = np.array([plate.active for plate in plates])
    depth = mass.sum() / cm / radiation_length
    return Medium(
        z=float(share @ z),
        a=float(share @ a),
        density=float(mass.sum() / thickness.sum()),
        radiation_length=radiation_length,
        critical_energy=radiation_length * float((share * critical / x0).sum()),
        sampling_frequency=inf if active.all() else float(active.sum() / depth),
        e_over_mip=_transition(z, mass, active),
    )


def _transition(z: Floats, mass: Floats, active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """e/mip between the mean passive and the mean active material."""
    if active.all() or not active.any():
        return 1.0
    return e_over_mip(
        float(np.average(z[~active], weights=mass[~active])),
        float(np.average(z[active], weights=mass[active])),
    )
