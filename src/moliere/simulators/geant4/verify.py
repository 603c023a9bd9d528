"""Proof that Geant4 runs right on the tables of this machine: its results against published numbers.

References:
    Tables of X-Ray Mass Attenuation Coefficients, J. Hubbell and S. Seltzer, 2004, doi:10.18434/T4D01F
    Atomic and Nuclear Properties of Materials, Particle Data Group, 2024, https://pdg.lbl.gov/AtomicNuclearProperties
    Geant4 extended examples TestEm2 and TestEm3: the reference outputs that come with Geant4 11
    "Passage of particles through matter", Particle Data Group, 2024, https://pdg.lbl.gov: longitudinal profiles
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, PolarGrid, materials
from moliere.detectors.base import Floats
from moliere.events import Events
from moliere.simulators.geant4.cross_sections import calculate
from moliere.simulators.geant4.simulator import Geant4
from moliere.units import GeV, format_energy

#: cm²/g, total with coherent scattering, at these photon energies in MeV
_PHOTON_ENERGIES = (0.1, 1.0, 10.0)
_ATTENUATION = {
    "G4_Al": (0.1704, 0.06146, 0.02318),
    "G4_Si": (0.1835, 0.06361, 0.02462),
    "G4_Fe": (0.3717, 0.05995, 0.02994),
    "G4_Cu": (0.4584, 0.05901, 0.03103),
    "G4_Pb": (5.549, 0.07102, 0.04972),
}
_CRITICAL = ("G4_Al", "G4_Si", "G4_Fe", "G4_Pb", "G4_W", "G4_lAr", "G4_PbWO4")
_SEED = 1


@dataclass(frozen=True)
class Check:
    """One number of Geant4 against a known one.

    Args:
        name: what was computed.
        value: what came out.
        expected: what is published, or (sampling fraction and stochastic term) known from Geant4's own data sets.
        tolerance: how far they may lie apart, in the same unit.
        unit: of all three.
    """

    name: str
    value: float
    expected: float
    tolerance: float
    unit: str = ""

    @property
    def passed(self) -> bool:
        """Whether the two agree within the tolerance."""
        return bool(abs(self.value - self.expected) <= self.tolerance)

    @property
    def line(self) -> str:
        """For people."""
        numbers = f"{self.value:.4g} (expected {self.expected:.4g} ± {self.tolerance:.2g}) {self.unit}".rstrip()
        return f"{'ok ' if self.passed else 'OFF'}  {self.name}: {numbers}"


def verify(*, quick: bool = False) -> Iterator[Check]:
    """All checks, one after the other as they are done.

    Args:
        quick: cross sections and critical energies only, which takes seconds; the rest simulates showers for minutes.
    """
    yield from check_cross_sections()
    if not quick:
        yield from check_crystal()
        yield from check_sampling()
        yield from check_profile()
        yield from check_resolution()


def check_cross_sections() -> Iterator[Check]:
    """Photon attenuation against NIST, critical energies against the PDG."""
    names = sorted({*_ATTENUATION, *_CRITICAL})
    found = calculate(names, _PHOTON_ENERGIES)
    for name, published in _ATTENUATION.items():
        row = found["attenuation"][names.index(name)]
        for energy, value, expected in zip(_PHOTON_ENERGIES, row, published, strict=True):
            yield Check(
                f"attenuation of {format_energy(energy)} photons in {name}", value, expected, 0.02 * expected, "cm²/g"
            )
    for name in _CRITICAL:
        expected = materials.get(name).critical_energy
        value = found["critical_energy"][names.index(name)]
        yield Check(f"critical energy of electrons in {name}", value, expected, 0.02 * expected, "MeV")


def check_crystal(n: int = 400) -> Iterator[Check]:
    """TestEm2: 5 GeV electrons in a cylinder of lead tungstate, 20 by 5 radiation lengths."""
    length = 8.9243  # mm: Geant4's radiation length of G4_PbWO4
    rings = PolarGrid(tuple(k * length for k in (0.0, 1.5, 2.5, 5.0)), 1)
    crystal = Calorimeter("TestEm2", (Layer(0, rings),), (Plate("G4_PbWO4", 20 * length, 0, active=True),))
    events = _simulate(Geant4(crystal, cut=1.0, shape="cylinder", half_width=5 * length), n, 5 * GeV)
    inside = 100 * np.cumsum(events.signals, axis=1) / events.energy[:, None]
    for radius, expected, column in zip((1.5, 2.5, 5.0), (79.6, 87.7, 94.81), inside.T, strict=True):
        # the reference quotes 0.2 to 0.3 % itself
        yield Check(f"energy inside {radius:g} X0 of lead tungstate", float(column.mean()), expected, 0.7, "%")


def check_sampling(n: int = 800) -> Iterator[Check]:
    """TestEm3: 1 GeV electrons in 50 plates of lead and argon."""
    cell = CartesianGrid((-200.0, 200.0), (-200.0, 200.0))
    plates = (Plate("G4_Pb", 2.3, 0, active=True), Plate("G4_lAr", 5.7, 1, active=True))
    detector = Calorimeter("TestEm3", (Layer(0, cell), Layer(1, cell)), plates * 50)
    events = _simulate(Geant4(detector, cut=1.0, half_width=200.0), n, GeV)
    for column, (name, expected, tolerance) in enumerate((("lead", 774.0, 4.0), ("argon", 215.7, 4.0))):
        yield Check(
            f"energy of 1 GeV electrons in {name}", float(events.signals[:, column].mean()), expected, tolerance, "MeV"
        )


def check_profile(n: int = 300) -> Iterator[Check]:
    """Blocks of iron and lead: shower maxima against ln(E/Ec) - 0.5, and that no energy gets lost."""
    for name in ("G4_Fe", "G4_Pb"):
        material = materials.get(name)
        block = _block(name, material.radiation_length_mm / 2, 60)
        depth = np.arange(len(block.layers)) / 2 + 0.25
        for energy in (2 * GeV, 10 * GeV):
            events = _simulate(Geant4(block), int(n * GeV / energy), energy)
            layers = events.signals.mean(axis=0)
            stays = float(events.response.mean())
            yield Check(f"share of {format_energy(energy)} that stays in 30 X0 of {name}", stays, 0.995, 0.005)
            title = f"shower maximum of {format_energy(energy)} electrons in {name}"
            expected = float(np.log(energy / material.critical_energy) - 0.5)
            yield Check(title, _maximum(depth, layers), expected, 0.5, "X0")


def check_resolution(n: int = 150) -> Iterator[Check]:
    """Sampling fraction and stochastic term of lead and liquid argon."""
    cell = CartesianGrid((-500.0, 500.0), (-500.0, 500.0))
    detector = Calorimeter(
        "lead-argon", (Layer(0, cell),), (Plate("G4_Pb", 2.0), Plate("G4_lAr", 4.0, 0, active=True)) * 80
    )
    scaled = []
    for energy in (2 * GeV, 8 * GeV):
        response = _simulate(Geant4(detector), n, energy).response
        yield Check(f"sampling fraction at {format_energy(energy)}", float(response.mean()), 0.189, 0.004)
        scaled.append(response.std(ddof=1) / response.mean() * np.sqrt(energy / GeV))
    yield Check("stochastic term, both energies", 100 * float(np.mean(scaled)), 7.0, 0.8, "% √GeV")
    yield Check("its change from 2 to 8 GeV", float(scaled[1] / scaled[0]), 1.0, 0.3)


def _simulate(simulator: Geant4, n: int, energy: float, pdg_id: int = 11) -> Events:
    incident = {"energy": np.full(n, energy), "pdg_id": np.full(n, pdg_id)}
    return simulator.simulate(incident, np.random.default_rng(_SEED))


def _block(material: str, step: float, n: int) -> Calorimeter:
    """One material, read out in n slices of ``step`` mm."""
    cell = CartesianGrid((-500.0, 500.0), (-500.0, 500.0))
    plates = tuple(Plate(material, step, k, active=True) for k in range(n))
    return Calorimeter(f"block of {material}", tuple(Layer(k, cell) for k in range(n)), plates)


def _maximum(depth: Floats, energy: Floats) -> float:
    """Where a gamma distribution peaks, fitted in the logarithm to the layers above half the highest."""
    at = energy > energy.max() / 2
    terms = np.stack([np.ones(at.sum()), np.log(depth[at]), -depth[at]], axis=1)
    weights = np.sqrt(energy[at])
    _, power, slope = np.linalg.lstsq(terms * weights[:, None], np.log(energy[at]) * weights)[0]
    return float(power / slope)
