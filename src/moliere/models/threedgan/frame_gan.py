"""3DGAN in the sheared frame: its losses and conditions, with networks that a processor trains in an hour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from moliere.config import Config
from moliere.detectors import Calorimeter, of_kind
from moliere.errors import ConfigError, InvalidEvents
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.layer_state import LayerCoder, LayerState, readout_threshold
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.models.threedgan.cell_spectra import CellSpectra
from moliere.models.threedgan.frame_networks import FrameDiscriminator, FrameGenerator
from moliere.models.threedgan.images import measure_angle
from moliere.models.threedgan.losses import Verdict, mean, percentage_error, verdict_terms, weighed
from moliere.models.threedgan.threedgan import find_angle
from moliere.preprocess import ConditionEncoding, ShearedFrame
from moliere.units import GeV, MeV, format_energy

_ENERGY_UNIT, _IMAGE_UNIT = 100 * GeV, GeV / 50
#: showers made at once
_AT_ONCE = 64


class FrameGanConfig(Config):
    """Settings of :class:`FrameGan`."""

    kind: Literal["3dgan-frame"] = "3dgan-frame"
    threshold: float | None = Field(
        default=None, gt=0, description="MeV; smaller signals are learned and made as zero; the detector's by default"
    )
    smallest_sum: float = Field(default=200 * MeV, ge=0, description="MeV; trained is on events with more than that")
    window: tuple[int, int] = Field(default=(31, 31), description="cells of the frame along x and y, odd")
    core: int = Field(default=17, ge=1, description="cells in the middle of the window that the convolutions see, odd")
    layers_first: bool = Field(
        default=True,
        description="energies and lit cells of the layers are made by a flow, before the cells; else by the GAN, too",
    )
    latent: int = Field(default=32, ge=1, description="normal numbers of the whole shower; each cell has one more")
    width: int = Field(default=128, ge=1)
    channels: int = Field(default=48, ge=1)
    power: float = Field(default=0.35, gt=0, le=1, description="of the signals that the discriminator sees")
    loss_weights: tuple[float, float, float, float] = Field(
        default=(3.0, 0.1, 25.0, 0.1), description="of real or generated, energy, angle, sum of the signals"
    )
    bit_flips: float = Field(default=0.05, ge=0, le=0.5, description="share of labels that are wrong on purpose")
    generator_steps: int = Field(default=2, ge=1, description="updates of the generator for each of the discriminator")
    layer_width: int = Field(default=128, ge=8, description="width of the flow's perceptron")
    layer_blocks: int = Field(default=3, ge=1, le=1_000)
    layer_steps: int = Field(default=8, ge=1, description="solver steps of the flow")


@models.register("3dgan-frame")
class FrameGan(GenerativeModel):
    """3DGAN's losses and conditions for the cells around the axis.

    The model sees a window of the sheared frame, and where in its cells the axis lies. Its generator maps normal
    numbers, one a cell and some of the whole shower, to normal numbers that hang together; tables of what cells hold at
    their distance from the axis make energies of them (:class:`~moliere.models.threedgan.cell_spectra.CellSpectra`). So
    the mean shower is right from the start, and what is trained adversarially are the fluctuations.

    Losses are 3DGAN's: cross-entropy of real or generated, with some of the discriminator's labels flipped; the
    absolute percentage errors of incident energy and of the sum of signals; and the absolute error of the angle as
    3DGAN measures it, on the image before it was sheared, from that of a real shower of the same particle: 3DGAN counts
    in cells and layers, and where a layer is not as deep as a cell is wide, the angle that it measures is not the
    particle's. The generator makes two updates for each of the discriminator.

    What differs from the publication: the frame and the tables; two-dimensional convolutions with layers as channels,
    at a fiftieth of the cost; no batch normalisation, so that showers do not depend on their batch; a power of 0.35
    instead of 0.85 in what the discriminator sees, which shows faint cells, too; the discriminator is told where the
    axis lies in the cells, and the means of the layers; one update of the discriminator after the sum of its two
    losses; and, unless ``layers_first`` is off, a flow makes the energies and the numbers of lit cells of the layers,
    which the cells then add up to.

    The latent is N(0, 1): the flow's numbers, those of the whole shower, one a cell of the window.

    References:
        Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak et al., 2022,
        https://arxiv.org/abs/2109.07388; CaloDREAM, Favaro et al., 2024, https://arxiv.org/abs/2405.09629 (energies
        first)
    """

    config_type: ClassVar[type[Config]] = FrameGanConfig
    citation: ClassVar[str] = "Khattak et al. 2022, arXiv:2109.07388"

    def __init__(self, config: FrameGanConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        detector = of_kind(context.detector, Calorimeter, "3dgan-frame", ConfigError)
        if config.core % 2 == 0 or config.core > min(config.window):
            raise ConfigError(f"model.core is {config.core}; expected an odd number up to the window's {config.window}")
        self.settings = config
        find_angle(context.columns)
        self.threshold = readout_threshold(config.threshold, detector)
        self.frame = ShearedFrame(detector, context.columns, config.window)
        self.encoding = ConditionEncoding(context.columns, context.particles)
        self.layers = LayerCoder([grid.n_cells for grid in detector.grids], self.threshold)
        n_layers, pitch = self.layers.n_layers, self.frame.pitch
        reach = float((pitch * (torch.tensor(config.window) / 2 + 1)).norm())
        self.spectra = CellSpectra(n_layers, float(pitch.max()), reach)
        known = self.encoding.width + 2 * n_layers + (4 * n_layers if config.layers_first else 0)
        self.generator = FrameGenerator(n_layers, config.core, known, config.latent, config.width, config.channels)
        self.discriminator = FrameDiscriminator(n_layers, config.window, 2 * n_layers, config.channels)
        if config.layers_first:
            self.layer_velocity = ResidualMLP(
                self.layers.width, self.encoding.width, config.layer_width, config.layer_blocks
            )

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1): of the layers' flow, of the whole shower, of the cells."""
        layers = (Latent(self.layers.width),) if self.settings.layers_first else ()
        return (*layers, Latent(self.settings.latent), Latent(math.prod(self.frame.window)))

    def fit_transforms(self, batch: Batch) -> None:
        """Fit the condition's encoding, the layers' numbers and the cells' tables.

        Raises:
            InvalidEvents: no event with enough signal.
        """
        batch = self._enough(batch)
        if not len(batch):
            raise InvalidEvents(
                f"no event has more than {format_energy(self.settings.smallest_sum)} of signal; check the unit of the "
                "signals, or lower model.smallest_sum"
            )
        signals, energy = self._cut(batch.signals), self._energy(batch.condition)
        self.encoding.fit(batch.condition)
        self.layers.fit(self.layers.measure(signals), energy)
        distances = [self.frame.distances(part).float() for part in batch.condition.split(_AT_ONCE)]
        self.spectra.fit(self._block(signals, batch.condition), torch.cat(distances), energy)

    def objectives(self) -> tuple[Objective, ...]:
        """The two adversaries, and the layers' flow."""
        steps = self.settings.generator_steps
        adversaries = (
            Objective("discriminator", self.discriminator.parameters, self._discriminator_loss),
            Objective("generator", self.generator.parameters, self._generator_loss, steps=steps),
        )
        if not self.settings.layers_first:
            return adversaries
        return (Objective("layers", self.layer_velocity.parameters, self._layer_loss), *adversaries)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → layers → cells of the window → signals in MeV."""
        if torch.compiler.is_compiling():  # an exported graph has no loop over events
            return self._decode(latent, condition)
        parts = zip(latent.split(_AT_ONCE), condition.split(_AT_ONCE), strict=True)
        return torch.cat([self._decode(*part) for part in parts])

    def _decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        state, latent = self._make_layers(latent, condition)
        cells = self._make(latent, condition, state)
        return self._cut(self.frame.inverse(cells.flatten(1), condition))

    def _make_layers(self, latent: Tensor, condition: Tensor) -> tuple[LayerState | None, Tensor]:
        """The state of the layers, where it is made first, and the rest of the latent."""
        if not self.settings.layers_first:
            return None, latent
        first, rest = latent[:, : self.layers.width], latent[:, self.layers.width :]
        made = flow(self.layer_velocity, first, self.encoding(condition), "midpoint", self.settings.layer_steps)
        return self.layers.decode(made, self._energy(condition)), rest

    def _make(self, latent: Tensor, condition: Tensor, state: LayerState | None) -> Tensor:
        """Energies of the window's cells in MeV, (n, n_layers, n_x, n_y)."""
        whole, noise = latent[:, : self.settings.latent], latent[:, self.settings.latent :]
        energy, distances = self._energy(condition), self.frame.distances(condition).float()
        given = [self.encoding(condition), self._position(condition)]
        given += [] if state is None else [self.layers.describe(state, energy)]
        noise = noise.reshape(-1, *self.frame.window)
        normals = self.generator(noise, whole, torch.cat(given, dim=1), self._fields(condition, distances))
        if state is None:
            return self.spectra.forward(normals, distances, energy)
        cells = self.spectra.forward(normals, distances, energy, state.counts)
        scale = state.energies / cells.sum((2, 3)).double().clamp(min=1e-9)
        return cells * scale.float()[..., None, None]

    def _fields(self, condition: Tensor, distances: Tensor) -> Tensor:
        """Level, distances along x and y, and the logarithm of the distance from the axis, all of order one."""
        size = self.spectra.size
        x, y = ((part / (8 * size)).float() for part in self.frame.across(condition))
        fields = [torch.ones_like(distances), x[..., :, None], y[..., None, :], (1 + distances / size).log() - 1]
        return torch.stack(torch.broadcast_tensors(*fields), dim=1)

    def _layer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        energy, state = self._energy(batch.condition), self.layers.measure(self._cut(batch.signals))
        target = self.layers.encode(state, energy, rng)
        return Loss(flow_matching_loss(self.layer_velocity, target, rng, self.encoding(batch.condition)))

    def _discriminator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        truth = self._prepare(batch)
        with torch.no_grad():
            generated = self._make_like(truth, rng)
        weights, flips = self.settings.loss_weights[:2], self.settings.bit_flips
        real, fake = (
            weighed(weights, verdict_terms(self._judge(cells, truth, rng), label, truth.energy, rng, flips))
            for cells, label in ((truth.cells, 1.0), (generated, 0.0))
        )
        return Loss(real + fake, {"real": real.item(), "generated": fake.item()})

    def _generator_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        truth = self._prepare(batch)
        cells = self._make_like(truth, rng)
        angle_error = (self._measure(cells, truth.condition) - truth.angle).abs()
        terms = verdict_terms(self._judge(cells, truth, rng), 1.0, truth.energy, rng) | {
            "angle": mean(angle_error),
            "sum": percentage_error(truth.cells.sum((1, 2, 3)), cells.sum((1, 2, 3))),
        }
        total = weighed(self.settings.loss_weights, terms)
        return Loss(total, {name: term.item() for name, term in terms.items()})

    def _make_like(self, truth: _Truth, rng: torch.Generator) -> Tensor:
        """Cells for the particles of a batch, with the layers' energies and counts of its showers."""
        latent = self.draw_latent(truth.condition, rng)
        if truth.state is not None:
            latent = latent[:, self.layers.width :]
        return self._make(latent, truth.condition, truth.state)

    def _prepare(self, batch: Batch) -> _Truth:
        """The events with enough signal, in the frame."""
        batch = self._enough(batch)
        signals = self._cut(batch.signals)
        cells = self._block(signals, batch.condition)
        energy = (self._energy(batch.condition) / _ENERGY_UNIT).float()
        state = self.layers.measure(signals) if self.settings.layers_first else None
        return _Truth(batch.condition, cells, energy, self._measure(cells, batch.condition), state)

    def _judge(self, cells: Tensor, truth: _Truth, rng: torch.Generator) -> Verdict:
        lit = cells > 0
        images = torch.where(lit, torch.where(lit, cells / _IMAGE_UNIT, 1) ** self.settings.power, 0)
        verdict: Verdict = self.discriminator(images, self._position(truth.condition), rng)
        return verdict

    def _measure(self, cells: Tensor, condition: Tensor) -> Tensor:
        """3DGAN's angle, of cells as they lie in the detector."""
        return measure_angle(cells.permute(0, 2, 3, 1), self.frame.shifts(condition))

    def _position(self, condition: Tensor) -> Tensor:
        """Where the axis lies in the middle cells of the layers, (n, 2 n_layers)."""
        return self.frame.offsets(condition).flatten(1).float()

    def _block(self, signals: Tensor, condition: Tensor) -> Tensor:
        """Signals in the frame as (n, n_layers, n_x, n_y)."""
        framed: Tensor = self.frame(signals, condition)
        return framed.view(-1, *self.frame.window)

    def _enough(self, batch: Batch) -> Batch:
        return batch[batch.signals.sum(1) > self.settings.smallest_sum]

    def _energy(self, condition: Tensor) -> Tensor:
        return self.incident(condition, "energy")

    def _cut(self, signals: Tensor) -> Tensor:
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)


@dataclass(frozen=True)
class _Truth:
    """A batch in the frame: cells in MeV, incident energies in 100 GeV, measured angles, states of the layers."""

    condition: Tensor
    cells: Tensor
    energy: Tensor
    angle: Tensor
    state: LayerState | None
