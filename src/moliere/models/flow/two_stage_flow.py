"""Flow matching in two stages: layer energies and occupancies first, then the voxels inside each layer."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config
from moliere.detectors import Calorimeter, of_kind
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.flow.sector_mixer import SectorMixer, find_sectors, sector_symmetries
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.layer_state import LayerCoder, LayerState, readout_threshold
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.preprocess import Chain, ConditionEncoding, EnergyStandardise, Facts, Log, ZeroBand, keep_largest


class TwoStageFlowConfig(Config):
    """Settings of :class:`TwoStageFlow`."""

    kind: Literal["two-stage-flow"] = "two-stage-flow"
    threshold: float | None = Field(
        default=None, gt=0, description="MeV; smaller signals are learned and made as zero; the detector's by default"
    )
    backbone: Literal["auto", "sectors", "mlp"] = "auto"
    width: int = Field(default=96, ge=8, description="width of a sector token, or of the perceptron")
    global_width: int = Field(default=256, ge=8)
    blocks: int = Field(default=4, ge=1, le=1_000)
    layer_width: int = Field(default=128, ge=8, description="width of stage one's perceptron")
    layer_blocks: int = Field(default=3, ge=1, le=1_000)
    augment: bool = Field(default=True, description="rotate and mirror showers where the detector is symmetric")
    solver: Literal["euler", "midpoint", "heun", "rk4"] = "midpoint"
    steps: int = Field(default=3, ge=1, description="solver steps of stage two; 3 and 6 were measured alike")
    layer_steps: int = Field(default=8, ge=1, description="solver steps of stage one")


@models.register("two-stage-flow")
class TwoStageFlow(GenerativeModel):
    """Straight-path flow matching, energies first.

    Stage one makes each layer's energy and its number of cells with energy from the condition. Stage two makes the
    voxels from the condition and the result of stage one; each layer keeps as many voxels as stage one gives it and is
    scaled to its energy. So sums and occupancies are as good as stage one, which has ten dimensions instead of
    hundreds.

    The latent is N(0, 1): first the numbers of stage one, then one a voxel.

    References:
        CaloDREAM, Favaro et al., 2024, https://arxiv.org/abs/2405.09629 (energies first, conditional flow matching);
        CaloFlow, Krause and Shih, 2021, https://arxiv.org/abs/2106.05285; PointCountFM in AllShowers, Buss et al.,
        2026 (counts before points)
    """

    config_type: ClassVar[type[Config]] = TwoStageFlowConfig
    citation: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747; Favaro et al. 2024, arXiv:2405.09629"

    def __init__(self, config: TwoStageFlowConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        detector = of_kind(context.detector, Calorimeter, "two-stage-flow", ConfigError)
        self.settings = config
        self.threshold = readout_threshold(config.threshold, detector)
        self.slices, self.n_channels = detector.slices, detector.n_channels
        self.layout = find_sectors(detector) if config.backbone != "mlp" else None
        if config.backbone == "sectors" and self.layout is None:
            raise ConfigError(f'{detector.name} has no common division into sectors; use backbone = "mlp"')
        self.encoding = ConditionEncoding(context.columns, context.particles)
        self.layers = LayerCoder([grid.n_cells for grid in detector.grids], self.threshold)
        self.voxels = _voxel_transform(detector, self.threshold, pooled=self._is_symmetric())
        self.layer_velocity = ResidualMLP(
            self.layers.width, self.encoding.width, config.layer_width, config.layer_blocks
        )
        self.voxel_velocity = self._build_backbone(self.encoding.width + 4 * self.layers.n_layers)
        self.register_buffer("symmetries", self._build_symmetries(), persistent=False)

    symmetries: Tensor

    def _is_symmetric(self) -> bool:
        """Whether showers may be rotated: only where the condition holds no direction."""
        return self.layout is not None and not {"theta", "phi", "eta", "alpha"} & set(self.context.columns)

    def _build_backbone(self, given: int) -> nn.Module:
        settings = self.settings
        if self.layout is None:
            return ResidualMLP(self.n_channels, given, settings.width, settings.blocks)
        return SectorMixer(self.layout, given, settings.width, settings.global_width, settings.blocks)

    def _build_symmetries(self) -> Tensor:
        if self.layout is None or not (self.settings.augment and self._is_symmetric()):
            return torch.arange(self.n_channels)[None]
        return torch.tensor(sector_symmetries(self.layout))

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1): of the layers, then of the voxels."""
        return Latent(self.layers.width), Latent(self.n_channels)

    def fit_transforms(self, batch: Batch) -> None:
        """Fit condition encoding, layer and voxel transforms."""
        energy = self._energy(batch.condition)
        signals = self._cut(batch.signals)
        self.encoding.fit(batch.condition)
        self.layers.fit(self.layers.measure(signals), energy)
        self.voxels.fit(signals, Facts(energy))

    def objectives(self) -> tuple[Objective, ...]:
        """One a stage; they share nothing but the batch."""
        return (
            Objective("layers", self.layer_velocity.parameters, self._layer_loss),
            Objective("voxels", self.voxel_velocity.parameters, self._voxel_loss),
        )

    def _layer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        energy = self._energy(batch.condition)
        state = self.layers.measure(self._cut(batch.signals))
        target = self.layers.encode(state, energy, rng)
        return Loss(flow_matching_loss(self.layer_velocity, target, rng, self.encoding(batch.condition)))

    def _voxel_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        energy = self._energy(batch.condition)
        signals = self._turn(self._cut(batch.signals), rng)
        given = self._given(batch.condition, self.layers.measure(signals))
        target = self.voxels(signals, energy, rng).float()
        return Loss(flow_matching_loss(self.voxel_velocity, target, rng, given))

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → layers → voxels → signals in MeV."""
        energy = self._energy(condition)
        first, second = latent.split([self.layers.width, self.n_channels], dim=1)
        settings = self.settings
        coded = flow(self.layer_velocity, first, self.encoding(condition), settings.solver, settings.layer_steps)
        state = self.layers.decode(coded, energy)
        given = self._given(condition, state)
        values = flow(self.voxel_velocity, second, given, settings.solver, settings.steps)
        return self._assemble(state, self.voxels.inverse(values, energy))

    def _assemble(self, state: LayerState, voxels: Tensor) -> Tensor:
        """Keep as many voxels as the state says, scale each layer to its energy, cut what fell below the threshold."""
        kept = keep_largest(voxels, state.counts, self.slices)
        return self._cut(self.layers.shares.join(state.energies, kept)).float()

    def _given(self, condition: Tensor, state: LayerState) -> Tensor:
        return torch.cat([self.encoding(condition), self.layers.describe(state, self._energy(condition))], dim=1)

    def _energy(self, condition: Tensor) -> Tensor:
        return self.incident(condition, "energy")

    def _cut(self, signals: Tensor) -> Tensor:
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)

    def _turn(self, signals: Tensor, rng: torch.Generator) -> Tensor:
        """A random rotation and reflection of each shower."""
        choice = torch.randint(len(self.symmetries), (len(signals),), generator=rng, device=signals.device)
        return signals.gather(1, self.symmetries[choice])


def _voxel_transform(detector: Calorimeter, threshold: float, *, pooled: bool) -> Chain:
    """Band of noise, logarithm, standardisation by energy; cells of one ring share statistics where it is symmetric."""
    groups = None
    if pooled:
        ring = [f"{layer}:{radius:.6g}" for layer, radius in zip(detector.layer_of_channel, detector.r, strict=True)]
        names = list(dict.fromkeys(ring))
        groups = [names.index(name) for name in ring]
    scale = EnergyStandardise(detector.n_channels, groups=groups, floor=0.05)
    return Chain([_Fill(threshold), Log(), scale])


class _Fill(ZeroBand):
    """A zero band whose inverse keeps the band: stage one's counts decide what is zero, by rank."""

    lossy: ClassVar[bool] = True

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Unchanged."""
        return values
