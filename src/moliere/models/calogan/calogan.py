"""CaloGAN: location-aware streams for the layers of a calorimeter, tied by attention, against a discriminator."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from moliere.config import Config
from moliere.detectors import Calorimeter, of_kind
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.calogan.lagan import Discriminator, Generator, ScoreGenerator
from moliere.models.calogan.particle_scores import ParticleScores
from moliere.models.networks.layer_state import LayerState, readout_threshold
from moliere.preprocess import ConditionEncoding
from moliere.units import GeV

#: unit in which energies scale the latent
_SCALE = 100 * GeV


class CaloGANConfig(Config):
    """Settings of :class:`CaloGAN`; the defaults are the paper's, but for the sparsity's gradient."""

    kind: Literal["calogan"] = "calogan"
    latent: int = Field(default=1024, ge=1)
    channels: int = Field(default=64, ge=1, description="of the discriminator's first convolution, its dearest part")
    attention: bool = Field(default=True, description="mix each layer with what the layer in front of it looks like")
    layers: bool = Field(
        default=False,
        description="layer energies and counts from a stage of their own, which is told the particle, and cells as "
        "normal numbers, given these; false: as published, from the images",
    )
    layer_width: int = Field(default=128, ge=8, description="of that stage's perceptron")
    layer_blocks: int = Field(default=3, ge=1, le=1_000)
    scaled: bool = Field(
        default=True, description="the latent grows with the energy; false: it varies alike, and the energy is an input"
    )
    normalise: bool = Field(
        default=True, description="start from the training's mean image, and look at layers in units of it; false: GeV"
    )
    sparsity: Literal["hard", "soft", "straight-through"] = Field(
        default="straight-through", description="how the share of lit cells lets gradients through; hard has none"
    )
    sparsity_scale: float = Field(default=1.0, gt=0, description="MeV; far above it a cell is lit in the soft share")
    energy_weight: float = Field(
        default=0.05,
        ge=0,
        description="of the mean |total - requested| in GeV, which is wrong of hadrons; there is none with layers",
    )
    class_weight: float = Field(default=0.2, ge=0, description="of telling particles apart, where there are several")
    class_flips: float = Field(default=0.3, ge=0, lt=1, description="share of generated events with a wrong class")
    generator_steps: int = Field(default=2, ge=1)
    augment: bool = Field(default=False, description="mirror real showers; only where none has a direction or place")
    threshold: float | None = Field(
        default=None, ge=0, description="MeV; generated cells below are empty; the detector's by default"
    )


@models.register("calogan")
class CaloGAN(GenerativeModel):
    r"""The latent, scaled by the energy, becomes images; a discriminator sees images, sums, sparsities and batches.

    .. math:: h = z \, \frac{E}{100\ \mathrm{GeV}}, \qquad z \sim N(0, 1)^{1024}

    With several particles in the condition's ``pdg_id`` the latent is also multiplied by a learned vector of the
    particle, and the discriminator tells particles apart (ACGAN; its head has as many outputs as there are particles,
    where the original's has one). Further columns of the condition, such as angles and positions, are inputs of both
    networks. Signals below the threshold are cut when events are generated, not in training: the networks see what
    the discriminator may judge.

    That is the published model, and what is wrong with it: at 1 GeV its latent is nearly nothing, so that all showers
    are alike (``scaled``); layer energies are sums of images, ten times wider than a positron's; the loss takes the
    incident energy for what shall be seen, which of a pion is anything up to it; and no image made of a few dozen
    numbers has the tails of far cells. With ``layers``, a flow first makes what each layer holds
    (:class:`~moliere.models.calogan.particle_scores.ParticleScores`); given that and the condition, the GAN makes cells
    as numbers that are N(0, 1) one by one, through the quantiles of each particle's cells: spectra and occupancies are
    right from the start, and both networks look at nothing but how cells hang together. Neither the paper's sparsity
    nor its sums are looked at then, as the flow makes them; nor are particles told apart, as both networks are told
    which it is: rewarded for it, the generator makes positrons and photons far more different than they are.

    Differences to the original: the discriminator sees its real and its generated batch in one update instead of two;
    energies of generated events are those of the batch, shuffled, instead of uniform ones; sparsity has a gradient;
    minibatch discrimination is the mean over the batch, where the original takes the hyperbolic tangent of the sum;
    unless ``normalise`` is off, both networks work in units made of the training's mean image, without which layers of
    little energy die at once, as a ReLU that is dark has no gradient.

    References:
        CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
        adversarial networks, M. Paganini, 2017, https://arxiv.org/abs/1712.10321
    """

    config_type: ClassVar[type[Config]] = CaloGANConfig
    citation: ClassVar[str] = "Paganini, de Oliveira, Nachman 2017, arXiv:1712.10321"

    def __init__(self, config: CaloGANConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.detector = _check_detector(context)
        self.sizes = [grid.shape for grid in self.detector.grids]
        if config.augment and len(context.columns) > 1 + ("pdg_id" in context.columns):
            raise ConfigError(
                f"model.augment mirrors showers, but the condition {context.columns} says where they go; leave it out"
            )
        self.threshold = self.detector.threshold if config.threshold is None else config.threshold
        others = tuple(name for name in context.columns if name not in ("energy", "pdg_id"))
        # an encoding always has the energy; the rest are further columns
        self.encoding = ConditionEncoding(("energy", *others))
        own_width = 0 if self._told_energy else ConditionEncoding(("energy",)).width
        further_width = self.encoding.width - own_width
        self.stage = None
        if config.layers:
            self.threshold = readout_threshold(config.threshold, self.detector)
            self.stage = ParticleScores(
                self.detector,
                self.threshold,
                context.columns,
                context.particles,
                config.layer_width,
                config.layer_blocks,
            )
            further_width = self.stage.told
        particles = context.particles if len(context.particles) > 1 else ()
        self.register_buffer("particles", torch.tensor(particles, dtype=torch.float64), persistent=False)
        self.embedding = nn.Embedding(len(particles), config.latent) if particles else None
        classes = 0 if config.layers else len(particles)
        kind = ScoreGenerator if config.layers else Generator
        self.generator = kind(config.latent + further_width, self.sizes, attention=config.attention)
        self.register_buffer("mean_image", torch.ones(self.detector.n_channels))
        scale, sparsity = config.sparsity_scale / GeV, None if config.layers else config.sparsity
        self.discriminator = Discriminator(
            self.sizes, further_width, classes, config.channels, sparsity, scale, sums=not config.layers
        )

    particles: Tensor
    mean_image: Tensor

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1): of the images; with layers, of these first, and one a cell at the end."""
        own = Latent(self.settings.latent)
        if self.stage is None:
            return (own,)
        return Latent(self.stage.width), own, Latent(self.detector.n_channels)

    def fit_transforms(self, batch: Batch) -> None:
        """The scale of the condition, and the mean image in GeV or, with layers, the tables of each particle."""
        self.encoding.fit(self._columns(batch.condition))
        if self.stage is not None:
            self.stage.fit(batch.condition, batch.signals)
        elif self.settings.normalise:
            image = batch.signals.double().mean(dim=0) / GeV
            for part in self.detector.slices:
                # cells that no training event has lit may still be lit a little
                self.mean_image[part] = image[part].clamp(min=1e-3 * float(image[part].mean()) or 1e-9).float()

    def objectives(self) -> tuple[Objective, ...]:
        """The discriminator, then the generator, with latents and energies of its own in each step, then the layers."""
        found = (
            Objective("discriminator", self.discriminator.parameters, self._discriminator_loss),
            Objective("generator", self._generator_parameters, self._generator_loss, self.settings.generator_steps),
        )
        if self.stage is None:
            return found
        return (*found, Objective("layers", self.stage.velocity.parameters, self._layer_loss))

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → images → signals in MeV, cut at the threshold; with layers, what these hold comes first."""
        if self.stage is None:
            signals = _flat(self._make(latent, condition, None)) * GeV
        else:
            first, own = latent[:, : self.stage.width], latent[:, self.stage.width :]
            state = self.stage.make(first, condition)
            signals = self.stage.decode_cells(condition, _flat(self._make(own, condition, state)), state)
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)

    def _generator_parameters(self) -> list[nn.Parameter]:
        embedding = [] if self.embedding is None else list(self.embedding.parameters())
        return [*self.generator.parameters(), *embedding]

    def _make(self, latent: Tensor, condition: Tensor, state: LayerState | None) -> list[Tensor]:
        """Images in GeV, or with layers scores, from the latent without the layers' part."""
        latent, cells = latent[:, : self.settings.latent], latent[:, self.settings.latent :]
        if self.embedding is not None:
            latent = latent * self.embedding(self._classes(condition))
        if self.settings.scaled:
            latent = latent * (self.incident(condition, "energy") / _SCALE).float()[:, None]
        joined = _join(latent, self._further(condition, state))
        images: list[Tensor] = self.generator(joined, self._split(self.mean_image if state is None else cells))
        return images

    def _fake(self, batch: Batch, rng: torch.Generator) -> tuple[list[Tensor], Tensor, LayerState | None]:
        """Generated images, and condition and layers that they were made for: those of the batch, shuffled."""
        rows = torch.randperm(len(batch), generator=rng, device=rng.device).to(batch.condition.device)
        condition, state = batch.condition[rows], self._state(batch.signals[rows])
        size = self.latent_size - (0 if self.stage is None else self.stage.width)
        noise = torch.randn(len(batch), size, generator=rng, device=rng.device).to(batch.signals)
        return self._make(noise, condition, state), condition, state

    def _real(self, batch: Batch, rng: torch.Generator) -> tuple[list[Tensor], Tensor, LayerState | None]:
        """The batch's own images, mirrored where that is asked for."""
        state = self._state(batch.signals)
        if self.stage is None or state is None:
            images = self._images(batch.signals)
        else:
            images = self._split(self.stage.encode_cells(batch.condition, self.stage.cut(batch.signals), state, rng))
        return self._mirror(images, rng), batch.condition, state

    def _state(self, signals: Tensor) -> LayerState | None:
        return None if self.stage is None else self.stage.measure(self.stage.cut(signals))

    def _layer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        assert self.stage is not None
        return Loss(self.stage.loss(batch.condition, batch.signals, rng))

    def _discriminator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        """Real and generated events in batches of their own: normalisation and the look at a batch must not mix."""
        with torch.no_grad():
            images, condition, state = self._fake(batch, rng)
        real, real_kinds = self._judge(*self._real(batch, rng))
        fake, fake_kinds = self._judge(images, condition, state)
        loss = _cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)
        if real_kinds is not None and fake_kinds is not None:
            wrong = self._flipped(self._classes(condition), rng)
            kinds = cross_entropy(real_kinds, self._classes(batch.condition)) + cross_entropy(fake_kinds, wrong)
            loss = loss + self.settings.class_weight * kinds
        return Loss(loss)

    def _generator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        images, condition, state = self._fake(batch, rng)
        score, kinds = self._judge(images, condition, state)
        loss = _cross_entropy(score, 1.0)
        if self.stage is None:
            total = _flat(images).sum(dim=1)
            loss = loss + self.settings.energy_weight * (total - self._energy(condition)).abs().mean()
        if kinds is not None:
            loss = loss + self.settings.class_weight * cross_entropy(kinds, self._classes(condition))
        return Loss(loss)

    def _judge(self, images: list[Tensor], condition: Tensor, state: LayerState | None) -> tuple[Tensor, Tensor | None]:
        scores: tuple[Tensor, Tensor | None] = self.discriminator(
            images, *self._units(), self._energy(condition), self._further(condition, state)
        )
        return scores

    def _images(self, signals: Tensor) -> list[Tensor]:
        """Signals in MeV → images in GeV."""
        return self._split(signals / GeV)

    def _split(self, cells: Tensor) -> list[Tensor]:
        """(…, n_channels) → the layers, each (…, rows, columns)."""
        layers = [cells[..., part] for part in self.detector.slices]
        return [layer.unflatten(-1, size) for layer, size in zip(layers, self.sizes, strict=True)]

    def _units(self) -> tuple[list[Tensor], Tensor]:
        """What the discriminator looks at cells and at layer energies in, in GeV.

        Cells between their own mean and their layer's: seen in GeV, the halo that makes a shower's width is nothing.
        """
        images = self._split(self.mean_image)
        if not self.settings.normalise:
            return images, self.mean_image.new_full((len(images),), 10.0)
        return [(image * image.mean()).sqrt() for image in images], torch.stack([image.sum() for image in images])

    def _mirror(self, images: list[Tensor], rng: torch.Generator) -> list[Tensor]:
        """Each shower mirrored or not, in rows and in columns, all its layers alike."""
        if not self.settings.augment:
            return images
        for axis in (1, 2):
            flip = torch.rand(len(images[0]), generator=rng, device=images[0].device) < 0.5
            images = [torch.where(flip[:, None, None], image.flip(axis), image) for image in images]
        return images

    def _energy(self, condition: Tensor) -> Tensor:
        """Energies asked for, in GeV."""
        return (self.incident(condition, "energy") / GeV).float()

    def _columns(self, condition: Tensor) -> Tensor:
        """The columns of the encoding."""
        return torch.stack([self.incident(condition, name) for name in self.encoding.columns], dim=1)

    @property
    def _told_energy(self) -> bool:
        """Whether the energy is an input, as it must be where it does not scale the latent."""
        return not self.settings.scaled

    def _further(self, condition: Tensor, state: LayerState | None) -> Tensor | None:
        """Inputs of both networks beside images: columns other than energy and particle; with layers, all there is."""
        if self.stage is not None and state is not None:
            return self.stage.tell(condition, state)
        if len(self.encoding.columns) == 1 and not self._told_energy:
            return None
        further: Tensor = self.encoding(self._columns(condition))
        return further[:, 0 if self._told_energy else ConditionEncoding(("energy",)).width :]

    def _classes(self, condition: Tensor) -> Tensor:
        """Place of each event's particle among those seen in training, (n,)."""
        kinds = self.incident(condition, "pdg_id").double()
        return (kinds[:, None] == self.particles).double().argmax(dim=1)

    def _flipped(self, classes: Tensor, rng: torch.Generator) -> Tensor:
        """Some classes made wrong."""
        flip = torch.rand(len(classes), generator=rng, device=classes.device) < self.settings.class_flips
        other = torch.randint(1, len(self.particles), (len(classes),), generator=rng, device=classes.device)
        return torch.where(flip, (classes + other) % len(self.particles), classes)


def _check_detector(context: BuildContext) -> Calorimeter:
    detector = of_kind(context.detector, Calorimeter, "calogan", ConfigError)
    if any(grid.kind != "cartesian" for grid in detector.grids):
        raise ConfigError(f"calogan needs a calorimeter of Cartesian layers, got {detector.describe()}")
    return detector


def _join(latent: Tensor, further: Tensor | None) -> Tensor:
    return latent if further is None else torch.cat([latent, further], dim=1)


def _flat(images: list[Tensor]) -> Tensor:
    return torch.cat([image.flatten(1) for image in images], dim=1)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
