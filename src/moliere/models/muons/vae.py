"""A variational auto-encoder of muons, taught rare ones more often."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from moliere.config import Config
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.muons.columns import Form, MuonColumns, fit_rareness
from moliere.models.muons.gan import CITATION
from moliere.models.networks.leaky_mlp import LeakyMLP
from moliere.preprocess import Rareness


class MuonVAEConfig(Config):
    """Settings of :class:`MuonVAE`; the defaults are the published ones."""

    kind: Literal["muon-vae"] = "muon-vae"
    form: Form = Field(default="polar", description="of the rows that networks see, whatever the events' is")
    latent: int = Field(default=3, ge=1)
    width: tuple[int, ...] = Field(default=(250, 500, 250), min_length=1, description="of encoder and decoder")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    kl_weight: float = Field(default=1e-4, ge=0)
    boost: Literal["none", "resample", "loss"] = Field(
        default="resample", description="rare muons count by the root of their rareness: by coming more often, or more"
    )
    neighbours: int = Field(default=3, ge=1)
    reference: int = Field(default=10_000, ge=2, description="muons that distances are measured to")


@models.register("muon-vae")
class MuonVAE(GenerativeModel):
    r"""An auto-encoder of the columns other than charge and angles, which are its condition, with a normal latent.

    .. math:: L = \langle \mathrm{BCE}(x, \hat x) \rangle + 10^{-4} \langle \mathrm{KL} \rangle

    with columns moved to [0, 1]. Boosted by ``resample``, muons come in proportion to :math:`p = \sqrt{a}` of their
    rareness a, and their KL is divided by p, so that the latent stays normal for the flux as it is; by ``loss``, their
    reconstruction counts in proportion to p. The authors found a itself to be too much. They gave the model up: its
    distributions are too narrow, as a decoder without noise makes means.

    Differences to the publication: muons are resampled inside each batch only, not in the whole sample; the
    reconstruction is a cross-entropy, as in the authors' code, not a squared error; batch normalisation adds 1e-5 to
    the variance, where Keras adds 1e-3; the shipped recipe trains with Adam, the authors with its variant AMSGrad.

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451, and the authors' later code, Enhanced_Generative_Networks
    """

    config_type: ClassVar[type[Config]] = MuonVAEConfig
    citation: ClassVar[str] = CITATION

    def __init__(self, config: MuonVAEConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.columns = MuonColumns(context.detector, config.form)
        free, n_passed = len(self.columns.free), len(self.columns.passed)
        self.free, self.passed = (self.columns.positions(c) for c in (self.columns.free, self.columns.passed))
        self.encoder = LeakyMLP(free + n_passed, config.width, 2 * config.latent, norm=True, dropout=config.dropout)
        self.decoder = LeakyMLP(config.latent + n_passed, config.width, free, norm=True, dropout=config.dropout)
        self.rareness = Rareness([self.free], config.neighbours, config.reference)

    def fit_transforms(self, batch: Batch) -> None:
        """Ranges of the columns, the share of positive muons, and rareness, where it counts."""
        self.columns.fit(batch.signals, batch.weights)
        if self.settings.boost != "none":
            fit_rareness(self.rareness, self.columns, batch)

    def objectives(self) -> tuple[Objective, ...]:
        """Encoder and decoder together."""
        return (Objective("evidence", lambda: [*self.encoder.parameters(), *self.decoder.parameters()], self._loss),)

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1), then charge and angles."""
        return Latent(self.settings.latent), *self.columns.latent

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """N(0, 1), then charge and angles, (n, latent_size)."""
        n = len(condition)
        noise = torch.randn(n, self.settings.latent, generator=rng, device=rng.device)
        return torch.cat([noise, self.columns.draw_passed(n, rng)], dim=1).to(condition.device)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → row → muon in the detector's form."""
        del condition
        free = 2 * torch.sigmoid(self.decoder(latent)) - 1
        return self.columns.inverse(self.columns.join(latent[:, self.settings.latent :], free))

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        rows, frequency, importance = self._boost(self.columns(batch.signals), rng)
        free, passed = rows[:, self.free], rows[:, self.passed]
        mean, log_variance = self.encoder(torch.cat([free, passed], dim=1), rng).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=rng, device=rng.device).to(mean)
        latent = mean + noise * (0.5 * log_variance).exp()
        logits = self.decoder(torch.cat([latent, passed], dim=1), rng)
        missed = F.binary_cross_entropy_with_logits(logits, (free + 1) / 2, reduction="none").mean(dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        reconstruction, kl = (importance * missed).mean(), (divergence / frequency).mean()
        return Loss(
            reconstruction + self.settings.kl_weight * kl, {"reconstruction": reconstruction.item(), "kl": kl.item()}
        )

    def _boost(self, rows: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The rows to learn from, how much too often each of them comes, and what its reconstruction counts."""
        ones = torch.ones(len(rows), device=rows.device)
        if self.settings.boost == "none":
            return rows, ones, ones
        root = self.rareness(rows).float()[:, 0].sqrt().clamp(min=1e-3)
        root = root / root.mean()
        if self.settings.boost == "loss":
            return rows, ones, root
        drawn = torch.multinomial(root, len(rows), replacement=True, generator=rng)
        return rows[drawn], root[drawn], ones
