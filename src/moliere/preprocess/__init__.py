"""Physical ⇄ network space: fitted, invertible unless declared lossy; the state travels with the weights."""

from __future__ import annotations

from moliere.preprocess.base import Chain, Encoding, Facts, Transform, transforms
from moliere.preprocess.condition import ConditionEncoding, condition_matrix
from moliere.preprocess.frame import ShearedFrame
from moliere.preprocess.gaussianise import Affine, BoxCox, QuantileNormal, box_cox_chain, gaussianised
from moliere.preprocess.kinematics import PhaseSpaceRanges, Polar, SignedRoot, smear_beam, to_cartesian, to_polar
from moliere.preprocess.quantiles import EnergyQuantiles
from moliere.preprocess.rareness import Rareness, half_normal_ranks, rareness_flux
from moliere.preprocess.scaling import EnergyStandardise, Log, Logit, Standardise
from moliere.preprocess.voxels import (
    Counts,
    EnergyLadder,
    IncidentFraction,
    LayerShares,
    LogitFraction,
    ZeroBand,
    keep_largest,
)

__all__ = [
    "Affine",
    "BoxCox",
    "Chain",
    "ConditionEncoding",
    "Counts",
    "Encoding",
    "EnergyLadder",
    "EnergyQuantiles",
    "EnergyStandardise",
    "Facts",
    "IncidentFraction",
    "LayerShares",
    "Log",
    "Logit",
    "LogitFraction",
    "PhaseSpaceRanges",
    "Polar",
    "QuantileNormal",
    "Rareness",
    "ShearedFrame",
    "SignedRoot",
    "Standardise",
    "Transform",
    "ZeroBand",
    "box_cox_chain",
    "condition_matrix",
    "gaussianised",
    "half_normal_ranks",
    "keep_largest",
    "rareness_flux",
    "smear_beam",
    "to_cartesian",
    "to_polar",
    "transforms",
]
