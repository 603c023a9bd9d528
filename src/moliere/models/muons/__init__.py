"""Generators of a muon flux: one published idea a file."""

from __future__ import annotations

from moliere.models.muons.auxiliary_gan import AuxiliaryMuonGAN, AuxiliaryMuonGANConfig
from moliere.models.muons.flow import MuonFlow, MuonFlowConfig
from moliere.models.muons.rareness_autoencoder import RarenessAutoencoder, RarenessAutoencoderConfig
from moliere.models.muons.vae import MuonVAE, MuonVAEConfig
from moliere.models.muons.vanilla_gan import VanillaMuonGAN, VanillaMuonGANConfig

__all__ = [
    "AuxiliaryMuonGAN",
    "AuxiliaryMuonGANConfig",
    "MuonFlow",
    "MuonFlowConfig",
    "MuonVAE",
    "MuonVAEConfig",
    "RarenessAutoencoder",
    "RarenessAutoencoderConfig",
    "VanillaMuonGAN",
    "VanillaMuonGANConfig",
]
