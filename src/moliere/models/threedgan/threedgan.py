"""3DGAN: the adversarial pair for electrons in a calorimeter of 51 × 51 × 25 cells, at any energy and angle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config
from moliere.errors import ConfigError, InvalidEvents, TrainingDiverged
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.threedgan.images import ShowerImages, check_shape, measure_angle
from moliere.models.threedgan.losses import Verdict, mean, percentage_error, verdict_terms, weighed
from moliere.models.threedgan.networks import (
    DISCRIMINATOR_FILTERS,
    GENERATOR_FILTERS,
    GENERATOR_INPUTS,
    ShowerDiscriminator,
    ShowerGenerator,
    Variant,
)
from moliere.units import GeV, MeV, format_energy

#: of the incident energies that the networks see
_ENERGY_UNIT = 100 * GeV
#: what the condition's angle may be: the incident particle's, or the one measured from its image
_ANGLES = ("theta", "mtheta")
#: showers generated at once: tensors of more than 32 MB are given back to the system after every layer, for a quarter
#: of the time
_AT_ONCE = 4


class ThreeDGanConfig(Config):
    """Settings of :class:`ThreeDGan`; the defaults are the original's."""

    kind: Literal["3dgan"] = "3dgan"
    threshold: float | None = Field(
        default=None, ge=0, description="MeV; smaller signals are zero; the detector's by default"
    )
    smallest_sum: float = Field(default=200 * MeV, ge=0, description="MeV; trained is on events with more than that")
    power: float = Field(default=0.85, gt=0, le=1, description="of the signals that the networks see")
    loss_weights: tuple[float, float, float, float] = Field(
        default=(3.0, 0.1, 25.0, 0.1), description="of real or generated, energy, angle, sum of the signals"
    )
    bit_flips: float = Field(default=0.05, ge=0, le=0.5, description="share of labels that are wrong on purpose")
    generator_steps: int = Field(default=2, ge=1, description="updates of the generator for each of the discriminator")
    generator_filters: tuple[int, int, int, int, int, int, int] = GENERATOR_FILTERS
    discriminator_filters: tuple[int, int, int, int] = DISCRIMINATOR_FILTERS
    variant: Variant = Field(
        default="keras", description="pytorch for weights of the PyTorch ports, which compute other things from them"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the convolutions; bfloat16 is faster on GPUs and on CPUs with AMX only"
    )


@models.register("3dgan")
class ThreeDGan(GenerativeModel):
    """Three-dimensional convolutional GAN that is conditioned on energy and angle.

    The networks see signals in units of GeV / 50 to the power of 0.85. The discriminator says whether an image is real
    and which energy came in; angle and sum of the signals are measured on the image with the power undone. All four
    make the loss: binary cross-entropy, with some of the discriminator's labels flipped; the absolute percentage error
    of the energy; the absolute error of the angle; the absolute percentage error of the sum. Percentages are of the
    truth. The true angle is the one measured on the real image, as in the original's files (mtheta): it counts in cells
    and layers, and where a layer is not as deep as a cell is wide it is not the particle's (73 degrees for 62 here).

    Real and generated images pass the discriminator as batches of their own. An update of the discriminator follows
    the sum of both losses, where the original makes an update for each; angle and sum, which have no weights in the
    discriminator, are left out there. The generator makes two updates for each of the discriminator, with fresh noise.
    What the discriminator learns from is made as in use, with the averages of the batch normalisation.

    Where publications of this network disagree, the Keras prototype is followed: epsilon 1e-6 in the batch
    normalisation (neither Keras's 1e-3 nor PyTorch's 1e-5), whose averages move by 0.01 a batch; the variant
    ``pytorch`` computes what the PyTorch ports compute from their weights.

    The latent is N(0, 1); the generator gets energy, angle and latent.

    References:
        Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak et al., 2022,
        https://arxiv.org/abs/2109.07388
    """

    config_type: ClassVar[type[Config]] = ThreeDGanConfig
    citation: ClassVar[str] = "Khattak et al. 2022, arXiv:2109.07388"

    def __init__(self, config: ThreeDGanConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        detector = check_shape(context.detector)
        self.settings = config
        self.angle = find_angle(context.columns)
        threshold = detector.threshold if config.threshold is None else config.threshold
        self.images = ShowerImages(threshold, config.power)
        self.generator = ShowerGenerator(config.generator_filters, config.variant)
        self.discriminator = ShowerDiscriminator(config.discriminator_filters, config.variant)

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1)."""
        return (Latent(GENERATOR_INPUTS - 2),)

    def fit_transforms(self, batch: Batch) -> None:
        """Nothing to fit; looks at the units.

        Raises:
            InvalidEvents: angles that must be in degrees, or no event with enough signal.
        """
        angle = self.incident(batch.condition, self.angle).abs().max()
        if angle > 2 * math.pi:
            raise InvalidEvents(
                f"{self.angle} of up to {angle:.3g} must be in degrees; expected rad, "
                "with pi/2 straight in: multiply the file's column by pi/180"
            )
        if not self._has_signal(batch.signals).any():
            raise InvalidEvents(
                f"none of {len(batch)} events has more than {format_energy(self.settings.smallest_sum)} of signal; "
                "check the unit of the signals, or lower model.smallest_sum"
            )

    def objectives(self) -> tuple[Objective, ...]:
        """The two adversaries."""
        steps = self.settings.generator_steps
        return (
            Objective("discriminator", self.discriminator.parameters, self._discriminator_loss),
            Objective("generator", self.generator.parameters, self._generator_loss, steps=steps),
        )

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → image → signals in MeV, cut at the threshold."""
        with _in_use(self.generator):
            if torch.compiler.is_compiling():  # an exported graph has no loop over events
                return self.images.to_signals(self._make(latent, condition))
            parts = zip(latent.split(_AT_ONCE), condition.split(_AT_ONCE), strict=True)
            return torch.cat([self.images.to_signals(self._make(*part)) for part in parts])

    def _discriminator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        truth = self._prepare(batch)
        with torch.no_grad(), _in_use(self.generator):
            generated = self._make(self.draw_latent(truth.condition, rng), truth.condition)
        weights = self.settings.loss_weights[:2]
        flips = self.settings.bit_flips
        real = weighed(weights, verdict_terms(self._judge(truth.images, rng), 1.0, truth.energy, rng, flips))
        fake = weighed(weights, verdict_terms(self._judge(generated, rng), 0.0, truth.energy, rng, flips))
        return Loss(real + fake, {"real": real.item(), "generated": fake.item()})

    def _generator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        truth = self._prepare(batch)
        images = self._make(self.draw_latent(truth.condition, rng), truth.condition)
        self._check_alive(images)
        terms = verdict_terms(self._judge(images, rng), 1.0, truth.energy, rng) | self._physics_terms(images, truth)
        total = weighed(self.settings.loss_weights, terms)
        return Loss(total, {name: term.item() for name, term in terms.items()})

    def _physics_terms(self, images: Tensor, truth: _Truth) -> dict[str, Tensor]:
        """What is measured on the images."""
        energies = self.images.energies(images)
        angle_error = (measure_angle(energies) - truth.angle).abs()
        return {"angle": mean(angle_error), "sum": percentage_error(truth.total, energies.sum((1, 2, 3)))}

    def _prepare(self, batch: Batch) -> _Truth:
        """The events with enough signal, as the networks see them."""
        batch = batch[self._has_signal(batch.signals)]
        images = self.images.from_signals(batch.signals)
        energies = self.images.energies(images)
        energy = self._inputs(batch.condition)[:, 0]
        return _Truth(batch.condition, images, energy, measure_angle(energies), energies.sum((1, 2, 3)))

    def _has_signal(self, signals: Tensor) -> Tensor:
        return signals.sum(1) > self.settings.smallest_sum

    def _inputs(self, condition: Tensor) -> Tensor:
        """E / 100 GeV and the angle: (n, 2)."""
        return torch.stack(
            [self.incident(condition, "energy") / _ENERGY_UNIT, self.incident(condition, self.angle)], dim=1
        ).float()

    def _make(self, latent: Tensor, condition: Tensor) -> Tensor:
        """The generator's images, float32."""
        with self._autocast(latent.device):
            images: Tensor = self.generator(torch.cat([self._inputs(condition), latent], dim=1))
        return images.float()

    def _judge(self, images: Tensor, rng: torch.Generator) -> Verdict:
        """The discriminator's verdict, float32."""
        with self._autocast(images.device):
            logit, energy = self.discriminator(images, rng)
        return Verdict(logit.float(), energy.float())

    def _autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """The precision that the settings ask for; with float32 the training's."""
        return torch.autocast(device.type, torch.bfloat16) if self.settings.precision == "bfloat16" else nullcontext()

    def _check_alive(self, images: Tensor) -> None:
        """Stop where all images are empty: they have no gradient, and the generator could never recover.

        Images made with running averages, for the discriminator, may be empty while the averages are still far off.
        """
        if self.training and len(images) and not images.any():
            raise TrainingDiverged(
                f"generator: all {len(images)} showers of a batch are empty, and so they would stay; go on from an "
                "earlier checkpoint, or start again with another seed or a smaller learning_rate"
            )


@dataclass(frozen=True)
class _Truth:
    """The labels of a batch, in the networks' units: energies in 100 GeV, measured angles, sums in GeV / 50."""

    condition: Tensor
    images: Tensor
    energy: Tensor
    angle: Tensor
    total: Tensor


@contextmanager
def _in_use(network: nn.Module) -> Iterator[None]:
    """Within the block a network uses the averages of its batch normalisation and leaves them alone."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def find_angle(columns: tuple[str, ...]) -> str:
    """The name of the angle in the condition, which is an energy and an angle.

    Raises:
        ConfigError: other columns.
    """
    angles = [name for name in columns if name in _ANGLES]
    if len(columns) != 2 or "energy" not in columns or len(angles) != 1:
        raise ConfigError(
            f"3DGAN is conditioned on an energy and an angle, got {list(columns)}; set "
            'data.condition = ["energy", "theta"] or ["energy", "mtheta"], whichever angle the file has'
        )
    return angles[0]
