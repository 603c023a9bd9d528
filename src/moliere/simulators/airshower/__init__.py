"""Air showers above an array of particle detectors: parametrised, from the cosmic ray to the traces."""

from __future__ import annotations

from moliere.simulators.airshower.simulator import AirShower, AirShowerData, AirShowerSimulation

__all__ = ["AirShower", "AirShowerData", "AirShowerSimulation"]
