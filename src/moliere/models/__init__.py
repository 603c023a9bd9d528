"""The zoo: one published idea a file, behind two contracts."""

from __future__ import annotations

from moliere.models.base import Batch, BuildContext, GenerativeModel, Loss, Model, Objective, models
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.calogan import CaloGAN, CaloGANConfig
from moliere.models.threedgan import ThreeDGan, ThreeDGanConfig
from moliere.models.two_stage_flow import TwoStageFlow, TwoStageFlowConfig

__all__ = [
    "Batch",
    "BuildContext",
    "Bundle",
    "CaloGAN",
    "CaloGANConfig",
    "GenerativeModel",
    "Loss",
    "Model",
    "Objective",
    "ThreeDGan",
    "ThreeDGanConfig",
    "TwoStageFlow",
    "TwoStageFlowConfig",
    "load_bundle",
    "models",
    "save_bundle",
]
