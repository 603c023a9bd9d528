"""The zoo: one published idea a file, behind two contracts."""

from __future__ import annotations

from moliere.models.base import Batch, BuildContext, GenerativeModel, Loss, Model, Objective, models
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.two_stage_flow import TwoStageFlow, TwoStageFlowConfig

__all__ = [
    "Batch",
    "BuildContext",
    "Bundle",
    "GenerativeModel",
    "Loss",
    "Model",
    "Objective",
    "TwoStageFlow",
    "TwoStageFlowConfig",
    "load_bundle",
    "models",
    "save_bundle",
]
