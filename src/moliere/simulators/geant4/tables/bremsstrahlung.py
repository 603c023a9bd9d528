"""Bremsstrahlung spectra of electrons, from a shipped fit to the tables of Seltzer and Berger.

The fit is a product of Chebyshev polynomials in ln Z, ln(1.02 - k) and ln T (5 × 8 × 10 numbers); it follows the tables
to 1.3 % (rms, T ≥ 10 keV, Z ≥ 5).

References:
    "Bremsstrahlung energy spectra from electrons with kinetic energy 1 keV-10 GeV incident on screened nuclei and
    orbital electrons of neutral atoms with Z = 1-100", S. Seltzer and M. Berger, 1986, doi:10.1016/0092-640X(86)90014-8
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from moliere.detectors.base import Floats

#: kinetic energies in MeV
ENERGY = np.concatenate([[0.001, 0.003], np.geomspace(0.01, 1e4, 55)])
#: photon energy over kinetic energy, denser towards the end point
FRACTION = np.concatenate([np.linspace(0, 0.9, 19), [0.925, 0.95, 0.97, 0.99, 0.995, 0.999, 1.0]])
_LOWEST_ENERGY, _LOWEST_Z = 0.01, 5


def spectra(z: int) -> Floats:
    """Scaled cross section β²/Z² k dσ/dk in mb, (n_fraction, n_energy)."""
    text = resources.files("moliere.simulators.geant4.tables").joinpath("bremsstrahlung.json").read_text()
    coefficients = np.array(json.loads(text)["c"])
    charge = np.log(max(z, _LOWEST_Z) / _LOWEST_Z) / np.log(20) * 2 - 1
    energy = np.log(np.clip(ENERGY, _LOWEST_ENERGY, None) / _LOWEST_ENERGY) / np.log(1e6) * 2 - 1
    low, high = np.log(0.02), np.log(1.02)
    fraction = 2 * (np.log(1.02 - FRACTION) - low) / (high - low) - 1
    logarithm = np.einsum(
        "a,kb,tc,abc->kt", chebvander(charge, 4)[0], chebvander(fraction, 7), chebvander(energy, 9), coefficients
    )
    return np.asarray(np.exp(logarithm) * _electron_part(z))


def _electron_part(z: int) -> float:
    """Below the fit's lowest charge: radiation in the field of the electrons goes as 1 + 1/Z."""
    return (1 + 1 / z) / (1 + 1 / _LOWEST_Z) if z < _LOWEST_Z else 1.0


def write(folder: Path, z: int) -> None:
    """``brem_SB/br{Z}``: sizes, fractions, ln(T/MeV), then a row an energy."""
    rows = [FRACTION, np.log(ENERGY), *spectra(z).T]
    lines = [f"0 {len(FRACTION)} {len(ENERGY)}", *(" ".join(f"{value:.8g}" for value in row) for row in rows)]
    (folder / "brem_SB").mkdir(parents=True, exist_ok=True)
    (folder / "brem_SB" / f"br{z}").write_text("\n".join(lines) + "\n")
