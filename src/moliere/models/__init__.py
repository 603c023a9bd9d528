"""The zoo: one published system a folder, behind two contracts."""

from __future__ import annotations

from moliere.models.airshower import (
    AixNet,
    AixNetConfig,
    Constrainer,
    ConstrainerConfig,
    FootprintGAN,
    FootprintGANConfig,
    TraceRefinerConfig,
    TraceRefinerGAN,
)
from moliere.models.base import Batch, BuildContext, GenerativeModel, Loss, Model, Objective, models
from moliere.models.boltzmann_vae import HierarchicalVAE, HierarchicalVAEConfig
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.calogan import CaloGAN, CaloGANConfig
from moliere.models.flow import TwoStageFlow, TwoStageFlowConfig
from moliere.models.muons import (
    AuxiliaryMuonGAN,
    AuxiliaryMuonGANConfig,
    MuonFlow,
    MuonFlowConfig,
    MuonVAE,
    MuonVAEConfig,
    RarenessAutoencoder,
    RarenessAutoencoderConfig,
    VanillaMuonGAN,
    VanillaMuonGANConfig,
)
from moliere.models.steering import SteeredModel
from moliere.models.threedgan import ThreeDGan, ThreeDGanConfig

__all__ = [
    "AixNet",
    "AixNetConfig",
    "AuxiliaryMuonGAN",
    "AuxiliaryMuonGANConfig",
    "Batch",
    "BuildContext",
    "Bundle",
    "CaloGAN",
    "CaloGANConfig",
    "Constrainer",
    "ConstrainerConfig",
    "FootprintGAN",
    "FootprintGANConfig",
    "GenerativeModel",
    "HierarchicalVAE",
    "HierarchicalVAEConfig",
    "Loss",
    "Model",
    "MuonFlow",
    "MuonFlowConfig",
    "MuonVAE",
    "MuonVAEConfig",
    "Objective",
    "RarenessAutoencoder",
    "RarenessAutoencoderConfig",
    "SteeredModel",
    "ThreeDGan",
    "ThreeDGanConfig",
    "TraceRefinerConfig",
    "TraceRefinerGAN",
    "TwoStageFlow",
    "TwoStageFlowConfig",
    "VanillaMuonGAN",
    "VanillaMuonGANConfig",
    "load_bundle",
    "models",
    "save_bundle",
]
