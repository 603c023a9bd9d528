"""Rough neutron and photonuclear cross sections from textbook formulae, so that hadronic lists run without data sets.

No resonances and no isotopes: good enough for demonstrations and for the code, not for the response to hadrons, as slow
neutrons carry a part of it.

References:
    "Proton-nucleus total inelastic cross sections: an empirical formula for E > 10 MeV", J. Letaw, 1983,
    doi:10.1086/190849
    "Photoabsorption cross sections: quasi-deuteron model", M. Chadwick, 1991, doi:10.1103/PhysRevC.44.814
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xraylib

from moliere.detectors.base import Floats
from moliere.simulators.geant4.tables.vectors import write_vector

ELEMENTS = range(1, 95)
_MILLIBARN = 1e-25  # mm²
_THERMAL = 2.53e-8  # MeV
#: first excited state in MeV, below which nothing is inelastic; 1 MeV elsewhere
_FIRST_LEVEL = {
    6: 4.44,
    7: 2.31,
    8: 6.13,
    11: 0.44,
    13: 0.84,
    14: 1.78,
    18: 1.46,
    20: 3.3,
    24: 1.43,
    25: 0.13,
    26: 0.85,
    28: 1.33,
    29: 0.67,
    30: 0.99,
    53: 0.06,
    55: 0.08,
    74: 0.11,
    82: 0.9,
    83: 0.9,
}
#: thermal capture in barn; 1 elsewhere
_CAPTURE = {
    1: 0.3326,
    3: 70.5,
    5: 767.0,
    6: 0.0035,
    7: 1.9,
    8: 0.00019,
    9: 0.0096,
    11: 0.53,
    13: 0.231,
    14: 0.171,
    15: 0.17,
    17: 33.5,
    18: 0.675,
    19: 2.1,
    20: 0.43,
    22: 6.1,
    24: 3.05,
    25: 13.3,
    26: 2.56,
    27: 37.2,
    28: 4.49,
    29: 3.78,
    30: 1.11,
    32: 2.2,
    39: 1.28,
    40: 0.185,
    47: 63.3,
    48: 2520.0,
    50: 0.626,
    53: 6.15,
    55: 29.0,
    56: 1.1,
    57: 8.97,
    71: 74.0,
    73: 20.6,
    74: 18.3,
    79: 98.7,
    82: 0.171,
    83: 0.0338,
    92: 7.57,
}


def write(folder: Path) -> None:
    """``neutron/{inel,el,cap}{Z}`` up to 20 MeV and ``gamma/inel{Z}`` up to 130 MeV, in mm²."""
    neutron, photon = np.geomspace(1e-11, 20.0, 400), np.linspace(1.0, 130.0, 259)
    for kind in ("neutron", "gamma"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for z in ELEMENTS:
        write_vector(folder / "neutron" / f"inel{z}", neutron, inelastic(z, neutron) * _MILLIBARN)
        write_vector(folder / "neutron" / f"el{z}", neutron, elastic(z, neutron) * _MILLIBARN)
        write_vector(folder / "neutron" / f"cap{z}", neutron, capture(z, neutron) * _MILLIBARN)
        write_vector(folder / "gamma" / f"inel{z}", photon, photonuclear(z, photon) * _MILLIBARN)


def inelastic(z: int, energy: Floats) -> Floats:
    """Neutrons: Letaw's formula, rising from the first excited state; mb, energies in MeV."""
    threshold = _FIRST_LEVEL.get(z, 1.0)
    rise = 1 - np.exp(-np.clip(energy - threshold, 0, None) / 1.5)
    return np.zeros_like(energy) if z == 1 else _letaw(_mass(z), np.maximum(energy, 12.0)) * rise


def elastic(z: int, energy: Floats) -> Floats:
    """Neutrons: 4πR² at low energy, going over to the inelastic size at 20 MeV; Gammel's formula for hydrogen; mb."""
    if z == 1:
        return _gammel(energy)
    slow = 40 * np.pi * (1.25 * _mass(z) ** (1 / 3)) ** 2
    fast = 1.1 * _letaw(_mass(z), np.array(20.0))
    share = np.clip(np.log(energy) / np.log(20.0), 0, 1)
    return np.asarray(slow * (1 - share) + fast * share)


def capture(z: int, energy: Floats) -> Floats:
    """Neutrons: 1/v from the thermal value; mb."""
    return np.asarray(1e3 * _CAPTURE.get(z, 1.0) * np.sqrt(_THERMAL / energy))


def photonuclear(z: int, energy: Floats) -> Floats:
    """Photons: a giant dipole resonance that exhausts the Thomas-Reiche-Kuhn sum, and quasi-deuterons; mb."""
    if z == 1:
        return np.zeros_like(energy)
    a, width = _mass(z), 5.5
    dipole_sum = (a - z) * z / a
    centre = 31.2 * a ** (-1 / 3) + 20.6 * a ** (-1 / 6)
    resonance = 2 / (np.pi * width) * 60 * dipole_sum * 1.2 / (1 + ((energy**2 - centre**2) / (energy * width)) ** 2)
    above = np.clip(energy - 2.224, 0, None)
    deuterons = 6.5 * dipole_sum * 61.2 * above**1.5 / energy**3 * np.exp(-60 / energy)
    return np.where(energy > 6, resonance + deuterons, 0.0)


def _letaw(a: float, energy: Floats) -> Floats:
    high = 45 * a**0.7 * (1 + 0.016 * np.sin(5.3 - 2.63 * np.log(a)))
    return np.asarray(high * (1 - 0.62 * np.exp(-energy / 200) * np.sin(10.9 * energy**-0.28)))


def _gammel(energy: Floats) -> Floats:
    triplet = 3 * np.pi / (1.206 * energy + (-1.86 + 0.09415 * energy + 0.0001306 * energy**2) ** 2)
    singlet = np.pi / (1.206 * energy + (0.4223 + 0.13 * energy) ** 2)
    return 1e3 * (triplet + singlet)


def _mass(z: int) -> float:
    return float(xraylib.AtomicWeight(z))
