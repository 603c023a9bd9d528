"""One flow for every calorimeter: layers first, then their cells, all of them normal numbers before it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config, Table
from moliere.detectors import Calorimeter, of_kind
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.flow.aim import Aim, InWindows
from moliere.models.flow.cell_coder import pieces
from moliere.models.flow.geometry import cells_alike, describe_cells, places_alike, symmetries, turned
from moliere.models.flow.geometry_mixer import GeometryMixer
from moliere.models.flow.particle_tables import ParticleTables
from moliere.models.networks.flow_matching import flow_matching_loss, solvers
from moliere.models.networks.layer_state import LayerState, readout_threshold
from moliere.models.networks.normal_path import NormalPath
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.preprocess import ConditionEncoding, ShearedFrame


class CalorimeterFlowConfig(Config):
    """Settings of :class:`CalorimeterFlow`."""

    kind: Literal["calorimeter-flow"] = "calorimeter-flow"
    threshold: float | None = Field(
        default=None, gt=0, description="MeV; smaller signals are learned and made as zero; the detector's by default"
    )
    window: tuple[int, int] | None = Field(
        default=None,
        description="cells along x and y, odd, around the axis of an inclined shower: learn in the sheared frame",
    )
    slabs: int = Field(default=5, ge=1, description="groups of consecutive layers; each has a token in every sector")
    width: int = Field(default=96, ge=8, description="width of a token; a multiple of 4")
    global_width: int = Field(default=192, ge=8)
    blocks: int = Field(default=3, ge=1, le=1_000)
    layer_width: int = Field(default=160, ge=8, description="width of stage one's perceptron")
    layer_blocks: int = Field(default=4, ge=1, le=1_000)
    knots: int = Field(
        default=10, ge=2, le=100, description="counts and energies at which cells' spectra are tabulated"
    )
    trim: bool = Field(
        default=True, description="after training, let what the networks make light each cell as often as real showers"
    )
    augment: bool = Field(default=True, description="rotate and mirror showers where the detector is symmetric")
    solver: Literal["euler", "midpoint", "heun", "rk4"] = "midpoint"
    steps: int = Field(default=4, ge=1, description="solver steps of stage two")
    layer_steps: int = Field(default=8, ge=1, description="solver steps of stage one")


models.replaced["two-stage-flow"] = "calorimeter-flow"


@models.register("calorimeter-flow")
class CalorimeterFlow(GenerativeModel):
    """Flow matching on normal numbers, energies and counts first, with a backbone that is told the geometry.

    Stage one makes each layer's energy and its number of lit cells; stage two makes which cells are lit, and how
    strongly, from the condition and the result of stage one. The signals of a layer have exactly its energy and exactly
    its count. Both stages work on numbers that are N(0, 1) one by one before anything is learned, zeros included
    (:class:`~moliere.models.flow.cell_coder.CellCoder`), so the networks learn only what hangs together.

    With several particles in the condition's ``pdg_id``, each particle has its own tables of layers and cells
    (:class:`~moliere.models.flow.particle_tables.ParticleTables`), and both networks, which all particles share, are
    told the particle.

    Showers that fly at an angle through a stack of equal Cartesian layers are learned in the sheared frame
    (:class:`~moliere.preprocess.ShearedFrame`) where ``window`` is set: of 3DGAN's 65,025 cells only those around the
    axis cost anything. What lies outside the window, 0.1 % of the energy for 25 × 25 cells there, is not made.

    Where the condition tells a place or an angle and layers are Cartesian, cells are told by where the particle's track
    crosses them (:class:`~moliere.models.flow.aim.Aim`): their tables by the share of a mean shower that they expect,
    the network by windows around the track, and showers are mirrored together with their conditions.

    The latent is N(0, 1): first the numbers of stage one, then one a cell.

    References:
        CaloDREAM, Favaro et al., 2024, https://arxiv.org/abs/2405.09629 (energies first, conditional flow matching);
        PointCountFM in AllShowers, Buss et al., 2026 (counts before points);
        CaloDiffusion, Amram and Pedro, 2023, https://arxiv.org/abs/2308.03876 (geometry latent mapping)
    """

    config_type: ClassVar[type[Config]] = CalorimeterFlowConfig
    citation: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747; Favaro et al. 2024, arXiv:2405.09629"

    of_the_detector: ClassVar[tuple[str, ...]] = ("layer_velocity", "network.own")

    symmetries: Tensor

    def __init__(self, config: CalorimeterFlowConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        detector = of_kind(context.detector, Calorimeter, "calorimeter-flow", ConfigError)
        if config.width % 4:
            raise ConfigError(
                f"model.width is {config.width}; take a multiple of 4, such as {config.width // 4 * 4 + 4}"
            )
        self.settings = config
        self.threshold = readout_threshold(config.threshold, detector)
        self.frame = ShearedFrame(detector, context.columns, config.window) if config.window else None
        aimed = self.frame is None and Aim.fits(detector, context.columns)
        self.aim = Aim(detector, context.columns) if aimed else None
        seen = detector if self.frame is None else self.frame.detector
        turns = symmetries(seen, context.columns)
        augment = config.augment and self.aim is None  # else condition and shower are mirrored together
        self.register_buffer("symmetries", torch.tensor(turns if augment else turns[:1]), persistent=False)
        alike = self.aim or (cells_alike(turns) if self.frame is None else places_alike(seen))
        sizes = [grid.n_cells for grid in seen.grids]
        self.n_channels = seen.n_channels
        self.encoding = ConditionEncoding(context.columns, context.particles)
        self.tables = ParticleTables(sizes, self.threshold, alike, context.columns, context.particles, config.knots)
        self.register_load_state_dict_pre_hook(_number_tables)  # type: ignore[no-untyped-call]
        self.layer_velocity = NormalPath(
            ResidualMLP(self.tables.width, self.encoding.width, config.layer_width, config.layer_blocks)
        )
        windows = None if self.aim is None else self.aim.windows
        mixer = GeometryMixer(
            describe_cells(seen if windows is None else windows.detector, config.slabs),
            self.encoding.width,
            _told_of_layers(self.frame, self.aim),
            config.width,
            config.global_width,
            config.blocks,
            vectors=0 if self.aim is None else 2,
        )
        self.cell_velocity = NormalPath(mixer if windows is None else InWindows(windows, mixer))

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1): of the layers, then of the cells."""
        return Latent(self.tables.width), Latent(self.n_channels)

    def student(self, steps: int) -> Table:
        """Settings of a model that makes the same events in fewer evaluations."""
        own = {name: value for name, value in self.settings.to_table().items() if name not in ("kind", "solver")}
        return {**own, "kind": "calorimeter-flow-student", "steps": steps, "layer_steps": steps}

    def fit_transforms(self, batch: Batch) -> None:
        """Fit condition encoding and the tables of layers and cells."""
        batch = self._see(batch)
        self.encoding.fit(batch.condition)
        self.tables.fit(batch.condition, batch.signals)

    def calibrate(self, sample: Callable[[], Batch], rng: torch.Generator) -> None:
        """Trim the tables of cells to what the trained network makes for the layers of these showers."""
        if not self.settings.trim:
            return
        batch = self._see(sample())
        state = self.tables.measure(batch.signals)
        latent = torch.randn(batch.signals.shape, generator=rng)
        with torch.no_grad():
            made = [self.make_cells(latent[k], batch.condition[k], state[k]) for k in pieces(len(batch))]
            self.tables.trim(batch.condition, torch.cat(made), batch.signals)

    def objectives(self) -> tuple[Objective, ...]:
        """One a stage; they share nothing but the batch."""
        return (
            Objective("layers", self.layer_velocity.parameters, self._layer_loss),
            Objective("voxels", self.cell_velocity.parameters, self._cell_loss),
        )

    def _layer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        batch = self._see(batch, rng)
        target = self.tables.encode_layers(batch.condition, self.tables.measure(batch.signals), rng)
        return Loss(flow_matching_loss(self.layer_velocity, target, rng, self.encoding(batch.condition)))

    def _cell_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        batch = self._see(batch, rng)
        signals = turned(batch.signals, self.symmetries, rng)
        state = self.tables.measure(signals)
        target = self.tables.encode_cells(batch.condition, signals, state, rng)
        return Loss(flow_matching_loss(self.cell_velocity, target, rng, *self._given(batch.condition, state)))

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → layers → cells → signals in MeV."""
        first, second = latent.split([self.tables.width, self.n_channels], dim=1)
        state = self.make_layers(first, condition)
        made = self.make_cells(second, condition, state)
        signals = self.tables.decode_cells(condition, made, state)
        return signals if self.frame is None else self.frame.inverse(signals, condition)

    def make_layers(self, latent: Tensor, condition: Tensor) -> LayerState:
        """Stage one."""
        made = self._carry(self.layer_velocity, latent, self.settings.layer_steps, self.encoding(condition))
        return self.tables.decode_layers(condition, made)

    def make_cells(self, latent: Tensor, condition: Tensor, state: LayerState) -> Tensor:
        """Stage two, in network space."""
        return self._carry(self.cell_velocity, latent, self.settings.steps, *self._given(condition, state))

    def _carry(self, path: NormalPath, x: Tensor, steps: int, *given: Tensor) -> Tensor:
        return solvers[self.settings.solver](lambda y, t: path(y, y.new_full((len(y),), t), *given), x, steps)

    def _given(self, condition: Tensor, state: LayerState) -> tuple[Tensor, ...]:
        """Encoded condition, what describes each layer (n, n_layers, …), and the windows' channels if there are any."""
        described = self.tables.describe(condition, state)
        layers = described.unflatten(1, (4, self.tables.n_layers)).transpose(1, 2)
        if self.frame is not None:
            layers = torch.cat([layers, self.frame.offsets(condition).float()], dim=2)
        if self.aim is None:
            return self.encoding(condition), layers
        layers = torch.cat([layers, self.aim.vectors(condition)], dim=2)
        return self.encoding(condition), layers, self.aim.channels(condition)

    def _see(self, batch: Batch, rng: torch.Generator | None = None) -> Batch:
        """The events as the networks see them: in the frame, some in a mirror with a generator, and without noise."""
        signals, condition = batch.signals, batch.condition
        if self.frame is not None:
            if rng is not None and self.settings.augment and self.frame.has_mirror:
                signals, condition = self.frame.mirror(signals, condition, _coin(len(batch), rng))
            signals = self.frame(signals, condition)
        elif self.aim is not None and rng is not None and self.settings.augment:
            signals, condition = self.aim.mirror(signals, condition, rng)
        return replace(batch, signals=self.tables.cut(signals), condition=condition)


def _number_tables(_: nn.Module, tensors: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Give the tables of a bundle that was written when there was one set of them the names that they have now."""
    for part in ("layers", "cells"):
        for name in [name for name in tensors if name.startswith(f"{prefix}{part}.")]:
            tensors[f"{prefix}tables.{part}.0.{name.removeprefix(f'{prefix}{part}.')}"] = tensors.pop(name)


def _told_of_layers(frame: ShearedFrame | None, aim: Aim | None) -> int:
    """Numbers that describe a layer: four of what it holds, and where the shower's axis lies in its cells."""
    return 4 + (2 if frame is not None else 4 if aim is not None else 0)


def _coin(n: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, generator=rng, device=rng.device) < 0.5
