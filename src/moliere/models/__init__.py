"""The zoo: one published idea a file, behind two contracts."""

from __future__ import annotations

from moliere.models.base import Batch, BuildContext, GenerativeModel, Loss, Model, Objective, models
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.calogan import CaloGAN, CaloGANConfig
from moliere.models.footprint_gan import FootprintGAN, FootprintGANConfig
from moliere.models.hierarchical_vae import HierarchicalVAE, HierarchicalVAEConfig
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
from moliere.models.reconstruction import AixNet, AixNetConfig, Constrainer, ConstrainerConfig
from moliere.models.steering import SteeredModel
from moliere.models.threedgan import ThreeDGan, ThreeDGanConfig
from moliere.models.trace_refiner import TraceRefinerConfig, TraceRefinerGAN
from moliere.models.two_stage_flow import TwoStageFlow, TwoStageFlowConfig

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
