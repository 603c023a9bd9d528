"""The conditioned WGAN of footprints, one signal a station, and the constrainer that reads energies from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.models.airshower.footprints import (
    FEATURES,
    DenseFootprintCritic,
    DenseFootprintGenerator,
    FootprintCritic,
    FootprintGenerator,
    FootprintRegressor,
)
from moliere.models.airshower.targets import Targets
from moliere.models.airshower.wasserstein import critic_loss
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, Reconstructor, models
from moliere.preprocess.traces import GappedDecades, picture_shape, surface_array, to_decades, to_traces


class ConstrainerConfig(Config):
    """Settings of :class:`Constrainer`."""

    kind: Literal["constrainer"] = "constrainer"
    first: int = Field(default=16, ge=1, description="channels of the first convolution")
    growth: int = Field(default=16, ge=1, description="channels that each dense block adds")
    blocks: int = Field(default=5, ge=0, le=100)


@models.register("constrainer")
class Constrainer(Reconstructor):
    """A densely connected network that reads incident quantities from footprints, traces summed over time.

    The same network constrains :class:`~moliere.models.FootprintGAN`; trained by itself, with another seed, it is the
    independent witness of whether generated footprints have the energy that was asked for. The paper says DenseNet and
    not more: here it is AixNet's trunk, with mean and maximum over the stations and a dense layer.

    References:
        Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
        M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
    """

    config_type: ClassVar[type[Config]] = ConstrainerConfig
    citation: ClassVar[str] = "Erdmann et al. 2018, arXiv:1802.03325"

    def __init__(self, config: ConstrainerConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.array = surface_array(context.detector, "constrainer")
        self.shape = picture_shape(self.array)
        self.targets = context.columns
        self.encoding = Targets(context.columns)
        outputs = sum(self.encoding.widths.values())
        self.network = FootprintRegressor(outputs, config.first, config.growth, config.blocks)

    def fit_transforms(self, batch: Batch) -> None:
        """Statistics of the targets."""
        self.encoding.fit(batch.condition)

    def objectives(self) -> tuple[Objective, ...]:
        """One."""
        return (Objective("reconstruction", self.parameters, self._loss),)

    @torch.no_grad()
    def reconstruct(self, signals: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Traces or footprints, NaN for silent stations → (n, n_targets)."""
        del extras
        return self.encoding.decode(self._predict(signals))

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        del rng
        return self.encoding.loss(self._predict(batch.signals), batch.condition)

    def _predict(self, signals: Tensor) -> Tensor:
        """(n, width of the encoded targets)."""
        totals = to_traces(signals, self.array).sum(dim=2)
        predicted: Tensor = self.network(to_decades(totals).unflatten(1, self.shape))
        return predicted


class FootprintGANConfig(Config):
    """Settings of :class:`FootprintGAN`; the defaults are the paper's where it says something."""

    kind: Literal["footprint-gan"] = "footprint-gan"
    latent: int = Field(default=80, ge=1)
    networks: Literal["convolutional", "dense"] = Field(
        default="convolutional", description="the published ones, or dense layers, which cost a processor a thirtieth"
    )
    widths: tuple[int, ...] = Field(default=(256, 256, 256), min_length=1, description="of dense layers")
    critic_told: bool = Field(
        default=False,
        description="the critic sees energy and total signal beside the picture; published: the constrainer alone "
        "holds the generator to the energy",
    )
    gap: float | None = Field(
        default=None, gt=0, description="decades between silence and the smallest signal; by default those of nature"
    )
    generator_features: tuple[int, ...] = Field(default=FEATURES, min_length=1)
    critic_features: tuple[int, ...] = Field(default=FEATURES, min_length=1)
    dropout: float = Field(default=0.0, ge=0, lt=1, description="behind the critic's convolutions and dense layer")
    penalty: float = Field(default=10.0, ge=0, description="weight of the gradient penalty")
    critic_steps: int = Field(default=5, ge=1, description="updates of the critic for each of the generator")
    energy_weight: float = Field(
        default=100.0, ge=0, description="of the squared error of the constrainer's energy, in parts of the largest"
    )


@models.register("footprint-gan")
class FootprintGAN(GenerativeModel):
    r"""A Wasserstein GAN whose generator is conditioned on the energy, which a constrainer checks.

    The constrainer :math:`a` learns the energy, in parts of the training's largest, from real footprints; the
    generator minimises

    .. math:: -\langle f(\tilde x) \rangle + \kappa \langle (E - a(\tilde x))^2 \rangle

    with the energies of real events. The constrainer should learn first, in a stage of its own: before that, its
    energies mean nothing. A generator can learn to deceive one constrainer that no longer learns, and then makes wrong
    energies. A critic that is conditioned on the energy (``critic_told``) learns on; with it :math:`\kappa` may be 0.

    Differences to the publication: the critic has no dropout (``dropout``; the published rates are not known), and the
    batch normalisation of the generator adds 1e-5 to the variance, where Keras adds 1e-3.

    Networks see log10(1 + S), with a smaller ``gap`` between silence and the smallest signal in training if asked for.
    Generated stations that are nearer to silence are silent.

    Signals are one a station; ``moliere prepare footprints``
    (:func:`~moliere.preprocess.traces.centred_footprints`) makes such events of traces.

    References:
        Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
        M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
    """

    config_type: ClassVar[type[Config]] = FootprintGANConfig
    citation: ClassVar[str] = "Erdmann et al. 2018, arXiv:1802.03325"

    def __init__(self, config: FootprintGANConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.shape = _check_footprints(context)
        self.register_buffer("largest_energy", torch.ones((), dtype=torch.float64))
        self.scale = GappedDecades(config.gap)
        self.generator = _generator(config, self.shape)
        self.critic = _critic(config, self.shape)
        self.constrainer = FootprintRegressor(1)

    largest_energy: Tensor

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1)."""
        return (Latent(self.settings.latent),)

    def fit_transforms(self, batch: Batch) -> None:
        """The largest energy and the smallest signal of a station that has one."""
        self.largest_energy.copy_(self.incident(batch.condition, "energy").max())
        self.scale.fit(batch.signals)

    def objectives(self) -> tuple[Objective, ...]:
        """Constrainer, critic, generator."""
        return (
            Objective("constrainer", self.constrainer.parameters, self._constrainer_loss),
            Objective("critic", self.critic.parameters, self._critic_loss, self.settings.critic_steps),
            Objective("generator", self.generator.parameters, self._generator_loss),
        )

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → picture in decades → signals in VEM."""
        signals: Tensor = self.scale.inverse(self._make(latent, condition)).flatten(1)
        return signals

    def _constrainer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        del rng
        return Loss(self._energy_error(self._pictures(batch), batch.condition))

    def _critic_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        with torch.no_grad():
            generated = self._make(self.draw_latent(batch.condition, rng), batch.condition)

        def verdict(pictures: Tensor) -> Tensor:
            return self._verdict(pictures, batch.condition, rng)

        return critic_loss(verdict, self._pictures(batch), generated, self.settings.penalty, rng)

    def _generator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        generated = self._make(self.draw_latent(batch.condition, rng), batch.condition)
        score = -self._verdict(generated, batch.condition, rng).mean()
        if not self.settings.energy_weight:
            return Loss(score)
        error = self._energy_error(generated, batch.condition)
        return Loss(score + self.settings.energy_weight * error, {"critic": score.item(), "energy": error.item()})

    def _verdict(self, pictures: Tensor, condition: Tensor, rng: torch.Generator) -> Tensor:
        """How real pictures are, and with ``critic_told`` how real for these energies, (n,)."""
        given = pictures.new_zeros(len(pictures), 0)
        if self.settings.critic_told:
            given = torch.cat([self._scaled_energy(condition), self.scale.total(pictures)], dim=1)
        verdict: Tensor = self.critic(pictures, given, rng)
        return verdict

    def _energy_error(self, pictures: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of the constrainer's energy."""
        return F.mse_loss(self.constrainer(pictures), self._scaled_energy(condition))

    def _make(self, latent: Tensor, condition: Tensor) -> Tensor:
        pictures: Tensor = self.generator(torch.cat([latent, self._scaled_energy(condition)], dim=1))
        return pictures

    def _scaled_energy(self, condition: Tensor) -> Tensor:
        """Energy in parts of the largest, (n, 1)."""
        return (self.incident(condition, "energy") / self.largest_energy).float()[:, None]

    def _pictures(self, batch: Batch) -> Tensor:
        """Real footprints in decades, (n, rows, columns)."""
        pictures: Tensor = self.scale(batch.signals).unflatten(1, self.shape)
        return pictures


def _generator(config: FootprintGANConfig, shape: tuple[int, int]) -> FootprintGenerator | DenseFootprintGenerator:
    if config.networks == "dense":
        return DenseFootprintGenerator(config.latent + 1, shape, config.widths)
    return FootprintGenerator(config.latent, 1, shape, config.generator_features)


def _critic(config: FootprintGANConfig, shape: tuple[int, int]) -> FootprintCritic | DenseFootprintCritic:
    condition_width = 2 if config.critic_told else 0
    if config.networks == "dense":
        return DenseFootprintCritic(shape[0] * shape[1], condition_width, config.widths, config.dropout)
    return FootprintCritic(config.critic_features, config.dropout, condition_width)


def _check_footprints(context: BuildContext) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        ConfigError: traces instead of footprints, or another condition than the energy.
    """
    array = surface_array(context.detector, "footprint-gan")
    if array.n_bins != 1:
        raise ConfigError(
            f"footprint-gan makes one signal a station, but those of {array.name} have traces of {array.n_bins} bins; "
            "sum them with: moliere prepare footprints FILE -o footprints.h5"
        )
    if context.columns != ("energy",):
        raise ConfigError(
            f"footprint-gan is conditioned on the energy alone, got {list(context.columns)}; "
            'set data.condition = ["energy"]'
        )
    return picture_shape(array)
