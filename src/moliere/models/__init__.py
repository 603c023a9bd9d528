"""The zoo: one published system a folder, behind two contracts."""

from __future__ import annotations

from moliere.models.airshower.aixnet import AixNet, AixNetConfig
from moliere.models.airshower.footprint_gan import Constrainer, ConstrainerConfig, FootprintGAN, FootprintGANConfig
from moliere.models.airshower.trace_refiner import TraceRefinerConfig, TraceRefinerGAN
from moliere.models.base import Batch, BuildContext, GenerativeModel, Loss, Model, Objective, models
from moliere.models.boltzmann_vae.hierarchical_vae import HierarchicalVAE
from moliere.models.boltzmann_vae.settings import HierarchicalVAEConfig
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.calogan.calogan import CaloGAN, CaloGANConfig
from moliere.models.flow.calorimeter_flow import CalorimeterFlow, CalorimeterFlowConfig
from moliere.models.flow.student import FlowStudent, FlowStudentConfig
from moliere.models.muons.auxiliary_gan import AuxiliaryMuonGAN, AuxiliaryMuonGANConfig
from moliere.models.muons.flow import MuonFlow, MuonFlowConfig
from moliere.models.muons.gan import VanillaMuonGAN, VanillaMuonGANConfig
from moliere.models.muons.rareness_autoencoder import RarenessAutoencoder, RarenessAutoencoderConfig
from moliere.models.muons.vae import MuonVAE, MuonVAEConfig
from moliere.models.steering import SteeredModel
from moliere.models.threedgan.frame_gan import FrameGan, FrameGanConfig
from moliere.models.threedgan.threedgan import ThreeDGan, ThreeDGanConfig

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
    "CalorimeterFlow",
    "CalorimeterFlowConfig",
    "Constrainer",
    "ConstrainerConfig",
    "FlowStudent",
    "FlowStudentConfig",
    "FootprintGAN",
    "FootprintGANConfig",
    "FrameGan",
    "FrameGanConfig",
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
    "VanillaMuonGAN",
    "VanillaMuonGANConfig",
    "load_bundle",
    "models",
    "save_bundle",
]
