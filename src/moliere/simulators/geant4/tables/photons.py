"""Photoelectric and Rayleigh cross sections of photons, from xraylib in the form of Geant4's EPICS2017 folder.

xraylib carries the cross sections of XCOM and the partial ones of Kissel up to 1 MeV. Above, the photoelectric one
follows Sauter's formula times a factor fitted to XCOM (C, Si, Cu, W, Pb: within 3 % to 40 MeV), and Rayleigh scattering
falls as 1/E². Fluorescence must be off: the partial cross sections are given without the lines that follow.

References:
    "The xraylib library for X-ray-matter interactions. Recent developments", T. Schoonjans, 2011,
    doi:10.1016/j.sab.2011.09.011
    "Über den atomaren Photoeffekt in der K-Schale nach der relativistischen Wellenmechanik Diracs", F. Sauter, 1931
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xraylib

from moliere.detectors.base import Floats
from moliere.simulators.geant4.tables.vectors import format_vector, write_vector

#: energies in MeV: where the tables begin, where they give way to the form p0/E, where partial cross sections end
LOWEST, HIGHEST, _LAST_PARTIAL = 1e-4, 40.0, 0.29
_ELECTRON_MASS = 0.51099895  # MeV
_BARN = 1e-22  # mm²
_KEV = 1e3  # in MeV
_POINTS_A_DECADE = 50
_N_SHELLS = 30  # K, L1-3, M1-5, N1-7, O1-7, P1-...
#: all shells whose edges lie below the table, taken as one
_OUTER = -1


@dataclass(frozen=True)
class Element:
    """Photon cross sections of one element; energies in MeV, cross sections in barn an atom.

    Args:
        z: charge number.
    """

    z: int

    @cached_property
    def edges(self) -> list[tuple[int, float]]:
        """(xraylib's number of the shell, binding energy), from the inside out."""
        found = ((shell, _or_zero(xraylib.EdgeEnergy, self.z, shell) / _KEV) for shell in range(_N_SHELLS))
        return [(shell, edge) for shell, edge in found if edge > 0]

    @cached_property
    def shells(self) -> list[tuple[int, float]]:
        """Those of the table: the ones above its lowest energy, and the rest as one."""
        inside = [(shell, edge) for shell, edge in self.edges if edge > 1.05 * LOWEST]
        if not inside:  # H, He, Li: a single shell
            return self.edges[:1]
        outside = [edge for _, edge in self.edges if edge <= 1.05 * LOWEST]
        return [*inside, (_OUTER, min(max(outside), 0.9 * LOWEST))] if outside else inside

    @property
    def k_edge(self) -> float:
        """Binding energy of the innermost shell."""
        return self.shells[0][1]

    @cached_property
    def energy(self) -> Floats:
        """Grid of the table, with a point on both sides of every edge."""
        n = int(_POINTS_A_DECADE * np.log10(HIGHEST / LOWEST)) + 1
        grid = np.geomspace(LOWEST, HIGHEST, n)
        edges = np.array([edge for _, edge in self.edges if LOWEST < edge < HIGHEST])
        if len(edges):
            grid = grid[(np.abs(grid[:, None] / edges - 1) > 2e-4).all(axis=1)]
        return np.unique(np.concatenate([grid, edges * (1 - 5e-5), edges * (1 + 5e-5)]))

    def photoelectric(self, energy: float) -> float:
        """Total photoelectric cross section."""
        if energy <= self._last_photo:
            return float(xraylib.CSb_Photo(self.z, max(energy, LOWEST) * _KEV))
        return self._scale * _sauter(energy, min(self.k_edge, 0.2)) * _fall(self.z, energy)

    def shares(self, energy: float) -> Floats:
        """Share of each shell in the total, (n_shells,)."""
        parts = np.array([self._partial(shell, edge, energy) for shell, edge in self.shells])
        if parts.sum() <= 0:
            parts[-1] = 1.0
        return np.asarray(parts / parts.sum())

    def _partial(self, shell: int, edge: float, energy: float) -> float:
        if edge > energy:
            return 0.0
        energy = min(max(energy, LOWEST), _LAST_PARTIAL)
        if shell != _OUTER:
            return _or_zero(xraylib.CSb_Photo_Partial, self.z, shell, max(energy, edge * (1 + 1e-7)) * _KEV)
        inside = {shell for shell, _ in self.shells}
        outer = [shell for shell, _ in self.edges if shell not in inside]
        return max(sum(_or_zero(xraylib.CSb_Photo_Partial, self.z, s, energy * _KEV) for s in outer), 1e-30)

    @cached_property
    def _last_photo(self) -> float:
        return _last_energy(xraylib.CSb_Photo, self.z, 0.99)

    @cached_property
    def _scale(self) -> float:
        """Joins Sauter's formula to the last tabulated point."""
        last = self._last_photo
        return float(xraylib.CSb_Photo(self.z, last * _KEV)) / _sauter(last, min(self.k_edge, 0.2))


def write(folder: Path, z: int) -> None:
    """All files of one element below ``epics2017``."""
    element = Element(z)
    photo, rayleigh = folder / "epics2017" / "phot", folder / "epics2017" / "rayl"
    for place in (photo, rayleigh):
        place.mkdir(parents=True, exist_ok=True)
    _write_total(photo, element)
    _write_tail(photo, element)
    if len(element.shells) > 1:
        _write_shells(photo, element)
    last = _last_energy(xraylib.CSb_Rayl, z, 0.799)
    energy = np.geomspace(LOWEST, last, 160)
    values = np.array([xraylib.CSb_Rayl(z, e * _KEV) for e in energy]) * energy**2 * _BARN
    write_vector(rayleigh / f"re-cs-{z}.dat", energy, values)


def _write_total(folder: Path, element: Element) -> None:
    """σE³ above the K edge and, where there are further shells, below it."""
    energy = element.energy
    values = np.array([element.photoelectric(e) for e in energy]) * energy**3
    above = energy > element.k_edge if len(element.shells) > 1 else energy > 0
    write_vector(folder / f"pe-cs-{element.z}.dat", energy[above], values[above])
    if len(element.shells) > 1:
        write_vector(folder / f"pe-le-cs-{element.z}.dat", energy[~above], values[~above])


def _write_shells(folder: Path, element: Element) -> None:
    """σE³ of each shell above its edge."""
    energy = element.energy
    total = np.array([element.photoelectric(e) for e in energy]) * energy**3
    shares = np.array([element.shares(e) for e in energy])
    with (folder / f"pe-ss-cs-{element.z}.dat").open("w") as file:
        for number, (_, edge) in enumerate(element.shells):
            at = energy > edge
            head, _, pairs = format_vector(energy[at], (shares[:, number] * total)[at]).split("\n", 2)
            file.write(f"{head} {number}\n{pairs}")


def _write_tail(folder: Path, element: Element) -> None:
    """Above the table: p0/E, cumulative over the shells; six coefficients are expected, five of them are not needed."""
    last = element.energy[-1]
    cumulative = np.cumsum(element.shares(last)) * element.photoelectric(last) * last
    rows = [f"{edge:.8e} {p0:.8e} 0 0 0 0 0" for (_, edge), p0 in zip(element.shells, cumulative, strict=True)]
    for name, threshold in (("low", HIGHEST), ("high", 2.5 * HIGHEST)):
        head = f"{len(rows)} {len(rows)} {threshold:.8e}"
        (folder / f"pe-{name}-{element.z}.dat").write_text("\n".join([head, *rows]) + "\n")


def _sauter(energy: float, binding: float) -> float:
    """Sauter's photoelectric cross section of the K shell, in an arbitrary unit."""
    gamma = 1 + (energy - binding) / _ELECTRON_MASS
    beta_gamma = np.sqrt(gamma**2 - 1)
    logarithm = np.log((gamma + beta_gamma) / (gamma - beta_gamma)) / (2 * gamma * beta_gamma)
    bracket = 4 / 3 + gamma * (gamma - 2) / (gamma + 1) * (1 - logarithm)
    return float((_ELECTRON_MASS / energy) ** 5 * beta_gamma**3 * bracket)


def _fall(z: int, energy: float) -> float:
    """Exact over Sauter's cross section above 1 MeV; fitted to XCOM."""
    exponent = 1.2 * z / 137.036 * (1 - 1 / (1 + 0.38 * max(energy - 1, 0.0) ** 1.05))
    return float(np.exp(-exponent))


def _or_zero(function: Callable[..., float], *arguments: float) -> float:
    """Xraylib raises where it has no data."""
    try:
        return float(function(*arguments))
    except ValueError:
        return 0.0


def _last_energy(function: Callable[..., float], z: int, highest: float) -> float:
    """The highest energy up to ``highest`` at which xraylib has data."""
    grid = np.geomspace(highest, 0.05, 60)
    return float(next(energy for energy in grid if _or_zero(function, z, energy * _KEV) > 0))
