"""What Geant4 makes of the tables: photon attenuation and critical energies, as its own calculator gives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import CartesianGrid
from moliere.errors import IncompleteRun
from moliere.simulators.geant4.engine import Engine
from moliere.simulators.geant4.primaries import primaries_of
from moliere.simulators.geant4.simulator import Geant4
from moliere.units import cm

_PHOTON_PROCESSES = ("phot", "compt", "conv", "Rayl")


def calculate(materials: Sequence[str], photon_energies: Sequence[float]) -> dict[str, Any]:
    """Ask Geant4 in a process of its own.

    Args:
        materials: NIST names.
        photon_energies: in MeV.

    Returns:
        ``attenuation``: (n_materials, n_energies) in cm²/g, and ``critical_energy``: (n_materials,) in MeV, of
        electrons, by Rossi's definition.

    Raises:
        IncompleteRun: Geant4 crashed; with its last words.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        arguments = json.dumps([str(path), list(materials), list(photon_energies)])
        code = f"from moliere.simulators.geant4.cross_sections import main; main(*{arguments})"
        process = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if process.returncode:
            raise IncompleteRun(f"Geant4's calculator died:\n{process.stderr.strip()[-600:]}")
        answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def main(path: str, materials: Sequence[str], photon_energies: Sequence[float]) -> None:
    """The process itself: one plate of each material, so that Geant4 prepares tables for it."""
    grid = CartesianGrid((-100.0, 100.0), (-100.0, 100.0))
    stack = tuple(Plate(material, 1.0, 0, active=True) for material in materials)
    simulator = Geant4(Calorimeter("plates", (Layer(0, grid),), stack))
    os.environ.update(simulator.data.environment)
    engine = Engine(simulator.setup)
    engine.run(primaries_of({"energy": np.ones(1), "pdg_id": np.array([22])}), np.array([[1, 2]]))
    import geant4_pybind as g4

    calculator, nist = g4.G4EmCalculator(), g4.G4NistManager.Instance()
    found = [nist.FindOrBuildMaterial(material) for material in materials]
    answer = {
        "attenuation": [[_attenuation(g4, calculator, m, energy) for energy in photon_energies] for m in found],
        "critical_energy": [_critical_energy(g4, calculator, material) for material in found],
    }
    Path(path).write_text(json.dumps(answer))


def _attenuation(g4: Any, calculator: Any, material: Any, energy: float) -> float:
    gamma = g4.G4Gamma.Gamma()
    per_mm = sum(
        calculator.ComputeCrossSectionPerVolume(energy, gamma, process, material) for process in _PHOTON_PROCESSES
    )
    return float(per_mm * cm / (material.GetDensity() / (g4.g / g4.cm3)))


def _critical_energy(g4: Any, calculator: Any, material: Any) -> float:
    """Where an electron would lose its whole energy to ionisation in one radiation length."""
    electron, length = g4.G4Electron.Electron(), material.GetRadlen()
    return _bisect(lambda energy: calculator.ComputeDEDX(energy, electron, "eIoni", material) * length - energy)


def _bisect(excess: Callable[[float], float], low: float = 1.0, high: float = 500.0) -> float:
    for _ in range(50):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low
