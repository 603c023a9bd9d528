"""The first muon GAN: noise, charge and angles in, muons out."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from moliere.config import Config
from moliere.models.base import BuildContext, models
from moliere.models.muons.gan import MuonGAN, MuonGANConfig


class VanillaMuonGANConfig(MuonGANConfig):
    """Settings of :class:`VanillaMuonGAN`."""

    kind: Literal["muon-gan"] = "muon-gan"


@models.register("muon-gan")
class VanillaMuonGAN(MuonGAN):
    """A GAN of muons that is told nothing of how rare they are; ``form`` says in which columns it thinks.

    The authors trained one network for each charge and kind of origin; this one is told the charge, as in their later
    work.

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451
    """

    config_type: ClassVar[type[Config]] = VanillaMuonGANConfig

    def __init__(self, config: VanillaMuonGANConfig, context: BuildContext) -> None:
        super().__init__(config, context, told=0)

    def _draw_told(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.empty(n, 0, device=rng.device)
