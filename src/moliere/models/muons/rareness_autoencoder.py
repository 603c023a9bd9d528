"""An adversarial auto-encoder of rareness: numbers that hang together become independent ones, and back."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from moliere.config import Config
from moliere.detectors import PhaseSpace, of_kind
from moliere.errors import ConfigError, InvalidEvents
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.muons.gan import CITATION, deceit, discrimination
from moliere.models.networks.leaky_mlp import LeakyMLP
from moliere.preprocess.kinematics import check_rows


class RarenessAutoencoderConfig(Config):
    """Settings of :class:`RarenessAutoencoder`; the defaults are the published ones."""

    kind: Literal["rareness-autoencoder"] = "rareness-autoencoder"
    width: tuple[int, ...] = Field(default=(1000, 1000), min_length=1, description="of all three networks")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="in the discriminator")
    adversarial_weight: float = Field(default=3.0, ge=0, description="against 1 of the reconstruction")


@models.register("rareness-autoencoder")
class RarenessAutoencoder(GenerativeModel):
    r"""Maps rareness, one number for each quantity of a muon, to as many independent half-Gaussians and back.

    A muon far out in one quantity is often far out in another; a generator with four auxiliary inputs takes them as
    independent. Encoder :math:`e` and decoder :math:`d` minimise

    .. math:: \mathrm{BCE}(a, d(e(a))) - 3 \langle \log D(e(a)) \rangle

    while a discriminator :math:`D` learns to tell :math:`e(a)` from half-Gaussians. Decoding half-Gaussians gives
    rareness as muons have it. The events are a flux of such numbers,
    :func:`~moliere.preprocess.rareness.rareness_flux`.

    Differences to the authors' code: the encoder ends in a softplus and the decoder in a logistic function, where both
    end in a ReLU there; what is decoded is compared by a cross-entropy, as in that code, not by a squared error.

    References:
        Adversarial Autoencoders, A. Makhzani, 2015, https://arxiv.org/abs/1511.05644; the SHiP authors' code,
        Enhanced_Generative_Networks, which gave it up later
    """

    config_type: ClassVar[type[Config]] = RarenessAutoencoderConfig
    citation: ClassVar[str] = f"Makhzani et al. 2015, arXiv:1511.05644; {CITATION}"

    highest: Tensor

    def __init__(self, config: RarenessAutoencoderConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        of_kind(context.detector, PhaseSpace, "rareness-autoencoder", ConfigError)
        self.adversarial_weight = config.adversarial_weight
        self.dim = dim = context.detector.n_channels
        self.register_buffer("highest", torch.ones(dim))
        self.encoder = LeakyMLP(dim, config.width, dim)
        self.decoder = LeakyMLP(dim, config.width[::-1], dim)
        self.discriminator = LeakyMLP(dim, config.width, 1, dropout=config.dropout)

    def fit_transforms(self, batch: Batch) -> None:
        """The highest rareness in each column.

        Raises:
            InvalidEvents: no rows, values that are not finite, negative ones, or a column of zeros.
        """
        check_rows(batch.signals)
        if bool((batch.signals < 0).any()) or bool((batch.signals.amax(0) == 0).any()):
            raise InvalidEvents(
                "rareness is 0 or more, and not 0 everywhere; make such events with: moliere prepare rareness FLUX "
                "-o rareness.npz"
            )
        self.highest.copy_(batch.signals.amax(0))

    def objectives(self) -> tuple[Objective, ...]:
        """Discriminator, then encoder and decoder together."""
        return (
            Objective("discriminator", self.discriminator.parameters, self._discriminator_loss),
            Objective(
                "autoencoder", lambda: [*self.encoder.parameters(), *self.decoder.parameters()], self._autoencoder_loss
            ),
        )

    @property
    def latent(self) -> tuple[Latent, ...]:
        """Half-Gaussians, one a column."""
        return (Latent(self.dim, "half-normal"),)

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """Half-Gaussians, (n, n_channels)."""
        return torch.randn(len(condition), self.dim, generator=rng, device=rng.device).abs().to(condition.device)

    def encode(self, rareness: Tensor) -> Tensor:
        """Rareness → what shall be independent half-Gaussians, (n, n_channels) both."""
        # not the published ReLU: a unit that starts below zero everywhere would never learn
        return F.softplus(self.encoder(rareness / self.highest))

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Half-Gaussians → rareness, up to the highest in training."""
        del condition
        return torch.sigmoid(self.decoder(latent)) * self.highest

    def _discriminator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        with torch.no_grad():
            encoded = self.encode(batch.signals)
        return Loss(discrimination(self.discriminator, self.draw_latent(batch.condition, rng), encoded, rng))

    def _autoencoder_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        encoded = self.encode(batch.signals)
        missed = F.binary_cross_entropy_with_logits(self.decoder(encoded), batch.signals / self.highest)
        found_out = deceit(self.discriminator, encoded, rng)
        terms = {"reconstruction": missed.item(), "deceit": found_out.item()}
        return Loss(missed + self.adversarial_weight * found_out, terms)
