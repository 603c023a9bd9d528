"""The muon GANs: a generator that is conditioned on charge and angles, and a discriminator of whole rows.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.muons.columns import Form, MuonColumns
from moliere.models.networks.leaky_mlp import LeakyMLP

#: rows (n, d) and the random source of dropout → log odds that they are real, (n, 1)
Discriminator = Callable[[Tensor, torch.Generator], Tensor]


def discrimination(discriminator: Discriminator, real: Tensor, made: Tensor, rng: torch.Generator) -> Tensor:
    """Mean cross-entropy of telling real from made rows, as many of each.

    Both pass at once: without batch normalisation each row is judged by itself.
    """
    label = real.new_zeros(2 * len(real), 1)
    label[: len(real)] = 1
    return F.binary_cross_entropy_with_logits(discriminator(torch.cat([real, made]), rng), label)


def deceit(discriminator: Discriminator, made: Tensor, rng: torch.Generator) -> Tensor:
    """Mean of -log D over generated rows: large while the discriminator recognises them."""
    return F.softplus(-discriminator(made, rng)).mean()


CITATION = "Ahdida et al. 2019, arXiv:1909.04451"


class MuonGANConfig(Config):
    """Settings that all muon GANs have; the defaults are the published ones."""

    form: Form = Field(default="polar", description="of the rows that networks see, whatever the events' is")
    columns: Literal["ranges", "normal", "box-cox", "signed-root"] = Field(
        default="ranges",
        description="scaled to their ranges, as published; made normal by their quantiles; by Box-Cox, which the "
        "authors gave up; or with x and y behind a signed root, as in the first, Cartesian networks",
    )
    latent: int = Field(default=100, ge=1)
    generator_width: tuple[int, ...] = Field(default=(1000, 1000, 250, 50), min_length=1)
    discriminator_width: tuple[int, ...] = Field(default=(1000, 1000, 250, 50), min_length=1)
    dropout: float = Field(default=0.2, ge=0, lt=1, description="in the discriminator")


class MuonGAN(GenerativeModel):
    """A generator and a discriminator of muons; each kind of GAN may add auxiliary inputs of the generator.

    The latent is N(0, 1), then charge and angles, then what :meth:`_draw_auxiliaries` gives. The generator learns the
    remaining columns; batches are drawn by weight, so that it learns the weighted flux.
    """

    citation: ClassVar[str] = CITATION

    def __init__(self, config: MuonGANConfig, context: BuildContext, n_auxiliaries: int) -> None:
        super().__init__(config, context)
        self.settings = config
        self.columns = muon_columns(config, context)
        inputs = config.latent + len(self.columns.passed) + n_auxiliaries
        self.generator = LeakyMLP(inputs, config.generator_width, len(self.columns.free), norm=True)
        self.discriminator = LeakyMLP(len(self.columns.names), config.discriminator_width, 1, dropout=config.dropout)

    def fit_transforms(self, batch: Batch) -> None:
        """Ranges or quantiles of the columns, and the share of positive muons."""
        self.columns.fit(batch.signals, batch.weights)

    def objectives(self) -> tuple[Objective, ...]:
        """Discriminator, generator."""
        return (
            Objective("discriminator", self.discriminator.parameters, self._discriminator_loss),
            Objective("generator", self.generator.parameters, self._generator_loss),
        )

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1), then charge and angles; each kind appends its auxiliary inputs."""
        return Latent(self.settings.latent), *self.columns.latent

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """N(0, 1), charge, angles, and the auxiliary inputs; (n, latent_size)."""
        n = len(condition)
        noise = torch.randn(n, self.settings.latent, generator=rng, device=rng.device)
        parts = [noise, self.columns.draw_passed(n, rng), self._draw_auxiliaries(n, rng)]
        return torch.cat(parts, dim=1).to(condition.device)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → row → muon in the detector's form."""
        del condition
        return self.columns.inverse(self._rows(latent))

    @abstractmethod
    def _draw_auxiliaries(self, n: int, rng: torch.Generator) -> Tensor:
        """Further inputs of the generator, (n, n_auxiliaries)."""

    def _rows(self, latent: Tensor) -> Tensor:
        free = self.generator(latent)
        if self.settings.columns in ("ranges", "signed-root"):
            free = torch.tanh(free)
        return self.columns.join(self._passed(latent), free)

    def _passed(self, latent: Tensor) -> Tensor:
        first = self.settings.latent
        return latent[:, first : first + len(self.columns.passed)]

    def _discriminator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        with torch.no_grad():
            generated = self._rows(self.draw_latent(batch.condition, rng))
        return Loss(discrimination(self.discriminator, self.columns(batch.signals), generated, rng))

    def _generator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        latent = self.draw_latent(batch.condition, rng)
        return self._judge(latent, self._rows(latent), rng)

    def _judge(self, latent: Tensor, rows: Tensor, rng: torch.Generator) -> Loss:
        """Loss of the generator for the rows that it made of a latent."""
        del latent
        return Loss(deceit(self.discriminator, rows, rng))


def muon_columns(config: MuonGANConfig, context: BuildContext) -> MuonColumns:
    """The columns that a configuration asks for; charge and angles stay in their ranges."""
    plain = MuonColumns(context.detector, config.form)
    if config.columns == "ranges":
        return plain
    if config.columns == "signed-root":
        if config.form != "cartesian":
            raise ConfigError(
                f'a signed root is taken of x and y, which a {config.form} form has not; set model.form = "cartesian"'
            )
        return MuonColumns(context.detector, config.form, root=("x", "y"))
    if config.columns == "box-cox":
        return MuonColumns(context.detector, config.form, box_cox=plain.free)
    return MuonColumns(context.detector, config.form, plain.free)


class VanillaMuonGANConfig(MuonGANConfig):
    """Settings of :class:`VanillaMuonGAN`."""

    kind: Literal["muon-gan"] = "muon-gan"


@models.register("muon-gan")
class VanillaMuonGAN(MuonGAN):
    """A GAN of muons without auxiliary inputs; ``form`` says in which columns the networks see muons.

    Differences to the publication: one network has the charge as a condition, as in the authors' later work, where the
    publication has a network for each charge and kind of origin; charges are drawn by the training's share, where that
    later work draws half and half; labels have no noise, where the publication's have N(0, 0.3). Batch normalisation
    adds 1e-5 to the variance, where Keras adds 1e-3. This model's recipes train with Adam, the authors with its variant
    AMSGrad (``optimizer = "amsgrad"``).

    References:
        "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida,
        2019, https://arxiv.org/abs/1909.04451
    """

    config_type: ClassVar[type[Config]] = VanillaMuonGANConfig

    def __init__(self, config: VanillaMuonGANConfig, context: BuildContext) -> None:
        super().__init__(config, context, n_auxiliaries=0)

    def _draw_auxiliaries(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.empty(n, 0, device=rng.device)
