"""Physical ⇄ network space: fitted, invertible unless declared lossy; the state travels with the weights."""

from __future__ import annotations

from moliere.preprocess.base import Chain, Transform, transforms
from moliere.preprocess.condition import ConditionEncoding, condition_matrix
from moliere.preprocess.energy import EnergyLadder, IncidentFraction
from moliere.preprocess.occupancy import Counts, keep_largest
from moliere.preprocess.scaling import EnergyStandardise, Log, Logit, Standardise
from moliere.preprocess.voxels import LayerShares, ZeroBand

__all__ = [
    "Chain",
    "ConditionEncoding",
    "Counts",
    "EnergyLadder",
    "EnergyStandardise",
    "IncidentFraction",
    "LayerShares",
    "Log",
    "Logit",
    "Standardise",
    "Transform",
    "ZeroBand",
    "condition_matrix",
    "keep_largest",
    "transforms",
]
