"""The muon GAN that is conditioned on how rare a muon shall be, and can therefore be steered."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, Latent, Loss, Objective, models
from moliere.models.muons.columns import QUANTITIES, fit_rareness
from moliere.models.muons.gan import MuonGAN, MuonGANConfig, deceit
from moliere.models.muons.rareness_flow import RarenessFlow
from moliere.models.networks.leaky_mlp import LeakyMLP
from moliere.models.steering import SteeredModel
from moliere.preprocess import Rareness

#: hidden widths of the regressors, published: of one number for all columns, and of one for each quantity
_WIDTHS: dict[str, tuple[int, ...]] = {"joint": (64, 128), "each": (32, 64)}


class AuxiliaryMuonGANConfig(MuonGANConfig):
    """Settings of :class:`AuxiliaryMuonGAN`."""

    kind: Literal["muon-aux-gan"] = "muon-aux-gan"
    rareness: Literal["joint", "each"] = Field(
        default="joint", description="one number of all columns (1-D), or one for each quantity (4-D)"
    )
    together: bool = Field(
        default=False,
        description="with each: the four are drawn as they hang together in the flux, by a flow that learns it "
        "(objective rareness); false: independently, as published",
    )
    neighbours: int = Field(default=3, ge=1)
    reference: int = Field(default=10_000, ge=2, description="muons that distances are measured to")
    adversarial_weight: float = Field(default=10.0, gt=0, description="against 1 of the auxiliaries' squared error")


@models.register("muon-aux-gan")
class AuxiliaryMuonGAN(MuonGAN, SteeredModel):
    r"""A GAN whose latent says how rare the muon shall be, in numbers of half-Gaussians.

    Regressors :math:`a` learn rareness (:class:`~moliere.preprocess.Rareness`) from real muons, first and by
    themselves, in a stage whose only objective is ``regressors``. The generator then minimises

    .. math:: -10 \langle \log D(\tilde x) \rangle + \sum_k \langle (a_k(\tilde x) - a_k)^2 \rangle

    so that larger auxiliaries make rarer muons: generating with wider auxiliaries makes more of them.

    Four auxiliaries drawn independently ask for muons that there are none of, as one far out in r is often far out in
    pt, too. With ``together`` the latent has independent half-Gaussians still, and a flow
    (:class:`~moliere.models.muons.rareness_flow.RarenessFlow`), which learns with the regressors, makes the auxiliaries
    of them; weights of steered muons stay exact.

    Differences to the publication: the regressors end in a softplus, where the authors have a ReLU; batch normalisation
    adds 1e-5 to the variance, where Keras adds 1e-3; charges are drawn by the training's share, where the authors draw
    half and half; the shipped recipes train with Adam, the authors with its variant AMSGrad, as the recipe
    ``muons-aux-gan-published`` does.

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451, and the authors' later code, Enhanced_Generative_Networks
    """

    config_type: ClassVar[type[Config]] = AuxiliaryMuonGANConfig

    def __init__(self, config: AuxiliaryMuonGANConfig, context: BuildContext) -> None:
        quantities = QUANTITIES[config.form]
        names = quantities if config.rareness == "each" else (tuple(name for q in quantities for name in q),)
        super().__init__(config, context, n_auxiliaries=len(names))
        self.adversarial_weight = config.adversarial_weight
        self.groups = [self.columns.positions(group) for group in names]
        self.rareness = Rareness(self.groups, config.neighbours, config.reference)
        if config.together and config.rareness == "joint":
            raise ConfigError(
                'model.together is about several auxiliaries, but there is one; set model.rareness = "each"'
            )
        self.dependence = RarenessFlow(len(names)) if config.together else None
        hidden = _WIDTHS[config.rareness]
        self.regressors = nn.ModuleList(
            LeakyMLP(len(group), hidden, 1, dropout=config.dropout) for group in self.groups
        )

    def fit_transforms(self, batch: Batch) -> None:
        """Columns, then rareness of their rows."""
        super().fit_transforms(batch)
        fit_rareness(self.rareness, self.columns, batch)

    @property
    def latent(self) -> tuple[Latent, ...]:
        """The GAN's, then half-Gaussians that say how rare a muon shall be."""
        return *super().latent, Latent(len(self.groups), "half-normal")

    def objectives(self) -> tuple[Objective, ...]:
        """Regressors, which are to be trained first, then discriminator and generator, then the flow of rareness."""
        found = (Objective("regressors", self.regressors.parameters, self._regressor_loss), *super().objectives())
        if self.dependence is None:
            return found
        return (*found, Objective("rareness", self.dependence.parameters, self._dependence_loss))

    @property
    def auxiliaries(self) -> slice:
        """The last numbers of the latent."""
        return slice(-len(self.groups), None)

    @property
    def n_auxiliaries(self) -> int:
        """1 or 4."""
        return len(self.groups)

    def rareness_of(self, signals: Tensor) -> Tensor:
        """Rareness among the muons trained on, as the latent has it: (n, 7) → (n, 1) or (n, 4)."""
        found: Tensor = self.rareness(self.columns(signals)).float()
        if self.dependence is None:
            return found
        with torch.no_grad():
            independent: Tensor = self.dependence.inverse(found)
        return independent

    def asked_for(self, latent: Tensor) -> Tensor:
        """The rareness that a latent asks the generator for, (n, 1) or (n, 4)."""
        independent = latent[:, self.auxiliaries]
        if self.dependence is None:
            return independent
        with torch.no_grad():
            told: Tensor = self.dependence(independent)
        return told

    def _rows(self, latent: Tensor) -> Tensor:
        return super()._rows(torch.cat([latent[:, : self.auxiliaries.start], self.asked_for(latent)], dim=1))

    def _dependence_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        assert self.dependence is not None
        return Loss(self.dependence.loss(self.rareness(self.columns(batch.signals)).float(), rng))

    def _draw_auxiliaries(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randn(n, len(self.groups), generator=rng, device=rng.device).abs()

    def _regressor_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        rows = self.columns(batch.signals)
        return Loss(self._misread(rows, self.rareness(rows).float(), rng))

    def _judge(self, latent: Tensor, rows: Tensor, rng: torch.Generator) -> Loss:
        found_out = deceit(self.discriminator, rows, rng)
        misread = self._misread(rows, self.asked_for(latent), None)
        return Loss(
            self.adversarial_weight * found_out + misread, {"deceit": found_out.item(), "auxiliaries": misread.item()}
        )

    def _misread(self, rows: Tensor, rareness: Tensor, rng: torch.Generator | None) -> Tensor:
        """Squared error of the regressors, summed over the auxiliaries."""
        read = torch.cat([net(rows[:, group], rng) for net, group in zip(self.regressors, self.groups, strict=True)], 1)
        # not the published ReLU: a unit that starts below zero everywhere would never learn
        return F.mse_loss(F.softplus(read), rareness) * len(self.groups)
