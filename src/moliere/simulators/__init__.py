"""Events without a learned model: simulators, and the incident particles to start them with."""

from __future__ import annotations

from moliere.simulators.airshower import AirShower, AirShowerData, AirShowerSimulation
from moliere.simulators.base import Simulator, build_simulator, simulators
from moliere.simulators.geant4 import Geant4
from moliere.simulators.gflash import Gflash
from moliere.simulators.incident import sample_incident
from moliere.simulators.muons import Muons
from moliere.simulators.production import Production

__all__ = [
    "AirShower",
    "AirShowerData",
    "AirShowerSimulation",
    "Geant4",
    "Gflash",
    "Muons",
    "Production",
    "Simulator",
    "build_simulator",
    "sample_incident",
    "simulators",
]
