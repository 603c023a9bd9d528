"""GFLASH: electromagnetic showers from the parametrisation of Grindhammer and Peters."""

from __future__ import annotations

from moliere.simulators.gflash.medium import Medium, effective_medium, homogeneous_medium
from moliere.simulators.gflash.simulator import Gflash
from moliere.simulators.gflash.tuning import Tuning

__all__ = ["Gflash", "Medium", "Tuning", "effective_medium", "homogeneous_medium"]
