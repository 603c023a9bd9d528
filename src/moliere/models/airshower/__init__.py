"""Air showers: footprints made, simulated traces refined, incident quantities reconstructed."""

from __future__ import annotations

from moliere.models.airshower.aixnet import AixNet, AixNetConfig
from moliere.models.airshower.constrainer import Constrainer, ConstrainerConfig
from moliere.models.airshower.footprint_gan import FootprintGAN, FootprintGANConfig
from moliere.models.airshower.trace_refiner import TraceRefinerConfig, TraceRefinerGAN

__all__ = [
    "AixNet",
    "AixNetConfig",
    "Constrainer",
    "ConstrainerConfig",
    "FootprintGAN",
    "FootprintGANConfig",
    "TraceRefinerConfig",
    "TraceRefinerGAN",
]
