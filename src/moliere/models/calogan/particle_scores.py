"""What a calorimeter's layers hold, made by a flow that is told the particle."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from moliere.detectors import Calorimeter
from moliere.models.flow.geometry import cells_alike, symmetries
from moliere.models.flow.particle_tables import ParticleTables
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.layer_state import LayerState
from moliere.models.networks.normal_path import NormalPath
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.preprocess import ConditionEncoding

_SOLVER, _STEPS = "midpoint", 8


class ParticleScores(ParticleTables):
    """Showers ⇄ normal numbers with tables for each particle, and the flow that makes those of the layers.

    Energies and counts of layers are made by flow matching, told the whole condition, the particle included; cells are
    left to another model.

    Args:
        detector: its layers.
        threshold: in MeV; smaller signals are zero.
        columns: of the condition.
        particles: that ``pdg_id`` may take, if it is one of the columns.
        width: of the flow's perceptron.
        blocks: of the flow's perceptron.
    """

    def __init__(
        self,
        detector: Calorimeter,
        threshold: float,
        columns: Sequence[str],
        particles: Sequence[int],
        width: int,
        blocks: int,
    ) -> None:
        sizes = [grid.n_cells for grid in detector.grids]
        super().__init__(sizes, threshold, cells_alike(symmetries(detector, columns)), columns, particles)
        self.encoding = ConditionEncoding(columns, particles)
        self.velocity = NormalPath(ResidualMLP(self.width, self.encoding.width, width, blocks))

    @property
    def told(self) -> int:
        """Width of :meth:`tell`."""
        return self.encoding.width + 4 * self.n_layers

    def tell(self, condition: Tensor, state: LayerState) -> Tensor:
        """Condition and layers as an input of networks, (n, told)."""
        return torch.cat([self.encoding(condition), self.describe(condition, state)], dim=1)

    def fit(self, condition: Tensor, signals: Tensor) -> None:
        """Make the tables from training showers, particle by particle."""
        self.encoding.fit(condition)
        super().fit(condition, self.cut(signals))

    def loss(self, condition: Tensor, signals: Tensor, rng: torch.Generator) -> Tensor:
        """Of the flow's velocity."""
        target = self.encode_layers(condition, self.measure(self.cut(signals)), rng)
        return flow_matching_loss(self.velocity, target, rng, self.encoding(condition))

    def make(self, noise: Tensor, condition: Tensor) -> LayerState:
        """N(0, 1) numbers (n, width) → what the layers hold."""
        made = flow(self.velocity, noise, self.encoding(condition), _SOLVER, _STEPS)
        return self.decode_layers(condition, made)
