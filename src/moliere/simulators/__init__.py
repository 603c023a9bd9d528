"""Events without a learned model: simulators, and the incident particles to start them with."""

from __future__ import annotations

from moliere.simulators.base import Simulator, simulators
from moliere.simulators.gflash import Gflash
from moliere.simulators.incident import particle_id, sample_incident

__all__ = ["Gflash", "Simulator", "particle_id", "sample_incident", "simulators"]
