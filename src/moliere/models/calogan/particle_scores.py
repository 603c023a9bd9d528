"""Showers ⇄ normal numbers with tables for each particle, and the flow that makes those of the layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moliere.detectors import Calorimeter
from moliere.models.flow.cell_coder import CellCoder
from moliere.models.flow.geometry import cells_alike, symmetries
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.layer_state import LayerScores, LayerState
from moliere.models.networks.normal_path import NormalPath
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.preprocess import ConditionEncoding

_SOLVER, _STEPS = "midpoint", 8


class ParticleScores(nn.Module):
    """What layers hold, and cells given that, as numbers that are N(0, 1) one by one before anything is learned.

    Each particle has tables of its own: totals of positrons spread by a thousandth and those of pions by all there is,
    so that in common units one of them has no width. Energies and counts of layers are made by flow matching, told the
    whole condition, the particle included; cells are left to another model.

    Args:
        detector: its layers.
        threshold: in MeV; smaller signals are zero.
        columns: of the condition.
        particles: that ``pdg_id`` may take, if it is one of the columns.
        width: of the flow's perceptron.
        blocks: of the flow's perceptron.
    """

    particles: Tensor

    def __init__(
        self,
        detector: Calorimeter,
        threshold: float,
        columns: Sequence[str],
        particles: Sequence[int],
        width: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.threshold = threshold
        self.column = list(columns).index("pdg_id") if "pdg_id" in columns else None
        self.energy_column = list(columns).index("energy")
        self.encoding = ConditionEncoding(columns, particles)
        kinds = list(particles) if self.column is not None else [0]
        self.register_buffer("particles", torch.tensor(kinds, dtype=torch.float64), persistent=False)
        sizes = [grid.n_cells for grid in detector.grids]
        groups = cells_alike(symmetries(detector, columns))
        self.layers = nn.ModuleList(LayerScores(sizes, threshold) for _ in kinds)
        self.cells = nn.ModuleList(CellCoder(sizes, threshold, groups) for _ in kinds)
        self.velocity = NormalPath(ResidualMLP(self._layer.width, self.encoding.width, width, blocks))

    @property
    def _layers(self) -> list[LayerScores]:
        return [coder for coder in self.layers if isinstance(coder, LayerScores)]

    @property
    def _cells(self) -> list[CellCoder]:
        return [coder for coder in self.cells if isinstance(coder, CellCoder)]

    @property
    def _layer(self) -> LayerScores:
        """For what all particles have in common."""
        return self._layers[0]

    @property
    def width(self) -> int:
        """Numbers a shower that the flow makes."""
        return self._layer.width

    @property
    def told(self) -> int:
        """Width of :meth:`describe`."""
        return self.encoding.width + 4 * self._layer.n_layers

    def cut(self, signals: Tensor) -> Tensor:
        """Signals below the threshold set to zero."""
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)

    def fit(self, condition: Tensor, signals: Tensor) -> None:
        """Make the tables from training showers, particle by particle."""
        self.encoding.fit(condition)
        own, energy = self._own(condition), condition[:, self.energy_column]
        signals = self.cut(signals)
        state = self.measure(signals)
        for k, (layers, cells) in enumerate(zip(self._layers, self._cells, strict=True)):
            rows = own == k
            if rows.any():
                layers.fit(_rows(state, rows), energy[rows])
                cells.fit(signals[rows], _rows(state, rows), energy[rows])

    def loss(self, condition: Tensor, signals: Tensor, rng: torch.Generator) -> Tensor:
        """Of the flow's velocity."""
        state, energy = self.measure(self.cut(signals)), condition[:, self.energy_column]
        target = self._choose(condition, [coder.encode(state, energy, rng) for coder in self._layers])
        return flow_matching_loss(self.velocity, target, rng, self.encoding(condition))

    def make(self, noise: Tensor, condition: Tensor) -> LayerState:
        """N(0, 1) numbers (n, width) → what the layers hold."""
        coded = flow(self.velocity, noise, self.encoding(condition), _SOLVER, _STEPS)
        states = [coder.decode(coded, condition[:, self.energy_column]) for coder in self._layers]
        energies = self._choose(condition, [state.energies for state in states])
        return LayerState(energies, self._choose(condition, [state.counts for state in states]))

    def measure(self, signals: Tensor) -> LayerState:
        """What the layers of given showers hold; signals below the threshold must be zero."""
        return self._layer.measure(signals)

    def describe(self, condition: Tensor, state: LayerState) -> Tensor:
        """Condition and layers as an input of networks, (n, told)."""
        said = self._layer.describe(state, condition[:, self.energy_column])
        return torch.cat([self.encoding(condition), said], dim=1)

    def encode(self, condition: Tensor, signals: Tensor, state: LayerState, rng: torch.Generator) -> Tensor:
        """Cells of given showers → N(0, 1), dark ones spread by noise; signals below the threshold must be zero."""
        own, energy = self._own(condition), condition[:, self.energy_column]
        scores = torch.zeros_like(signals)
        for k, coder in enumerate(self._cells):
            rows = own == k
            if rows.any():
                scores[rows] = coder.encode(signals[rows], _rows(state, rows), energy[rows], rng)
        return scores

    def decode(self, condition: Tensor, scores: Tensor, state: LayerState) -> Tensor:
        """Back to MeV: each layer gets exactly its count and its energy."""
        energy = condition[:, self.energy_column]
        return self._choose(condition, [coder.decode(scores, state, energy) for coder in self._cells]).float()

    def _own(self, condition: Tensor) -> Tensor:
        """Place of each event's particle, (n,)."""
        if self.column is None:
            return torch.zeros(len(condition), dtype=torch.int64, device=condition.device)
        return (condition[:, self.column, None].double() == self.particles).double().argmax(dim=1)

    def _choose(self, condition: Tensor, said: Sequence[Tensor]) -> Tensor:
        """Of what each particle's coder says for all events, (n, …), each event's own."""
        own = self._own(condition)[:, None]
        chosen = said[0]
        for k, other in enumerate(said[1:], start=1):
            chosen = torch.where(own == k, other, chosen)
        return chosen


def _rows(state: LayerState, rows: Tensor) -> LayerState:
    return LayerState(state.energies[rows], state.counts[rows])
