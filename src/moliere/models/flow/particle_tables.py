"""Showers ⇄ normal numbers, with tables for each particle."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moliere.models.flow.aim import N_TABLES, Aim
from moliere.models.flow.cell_coder import CellCoder
from moliere.models.networks.layer_state import LayerScores, LayerState


class ParticleTables(nn.Module):
    """What layers hold, and cells given that, as numbers that are N(0, 1) one by one before anything is learned.

    Each particle has tables of its own: totals of positrons spread by a thousandth and those of pions by all there is,
    so that in common units one of them has no width, and at the same energy a pion lights other cells than a positron,
    with other signals. A condition without ``pdg_id`` has one set of tables for all events.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; the smallest signal of a lit cell.
        groups: cells with the same number share their tables, (n_channels,), or what tells it from a condition.
        columns: of the condition.
        particles: that ``pdg_id`` may take, if it is one of the columns.
        n_knots: counts and energies at which the tables of cells are made.
    """

    particles: Tensor

    def __init__(
        self,
        sizes: Sequence[int],
        threshold: float,
        groups: Sequence[int] | Aim,
        columns: Sequence[str],
        particles: Sequence[int],
        n_knots: int = 10,
    ) -> None:
        super().__init__()
        self.threshold = threshold
        self.column = list(columns).index("pdg_id") if "pdg_id" in columns else None
        self.energy_column = list(columns).index("energy")
        kinds = list(particles) if self.column is not None else [0]
        self.register_buffer("particles", torch.tensor(kinds, dtype=torch.float64), persistent=False)
        self.layers = nn.ModuleList(LayerScores(sizes, threshold) for _ in kinds)
        self.aim = groups if isinstance(groups, Aim) else None
        of_cells = N_TABLES if isinstance(groups, Aim) else groups
        self.cells = nn.ModuleList(CellCoder(sizes, threshold, of_cells, n_knots) for _ in kinds)

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
    def n_layers(self) -> int:
        """Of the calorimeter."""
        return self._layer.n_layers

    @property
    def width(self) -> int:
        """Numbers that say what the layers of a shower hold."""
        return self._layer.width

    def cut(self, signals: Tensor) -> Tensor:
        """Signals below the threshold set to zero."""
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)

    def measure(self, signals: Tensor) -> LayerState:
        """What the layers of given showers hold; signals below the threshold must be zero."""
        return self._layer.measure(signals)

    def describe(self, condition: Tensor, state: LayerState) -> Tensor:
        """Layers as a condition of what makes cells, (n, 4 n_layers)."""
        return self._layer.describe(state, self._energy(condition))

    def fit(self, condition: Tensor, signals: Tensor) -> None:
        """Make the tables from training showers, particle by particle; signals below the threshold must be zero."""
        own, energy, state = self._own(condition), self._energy(condition), self.measure(signals)
        groups = self._groups(condition)
        for k, (layers, cells) in enumerate(zip(self._layers, self._cells, strict=True)):
            rows = own == k
            if rows.any():
                layers.fit(state[rows], energy[rows])
                cells.fit(signals[rows], state[rows], energy[rows], _of(groups, rows))

    def trim(self, condition: Tensor, scores: Tensor, signals: Tensor) -> None:
        """Let the numbers that a network made for the layers of showers light cells as often as the showers do."""
        own, energy, state = self._own(condition), self._energy(condition), self.measure(signals)
        groups = self._groups(condition)
        for k, cells in enumerate(self._cells):
            rows = own == k
            if rows.any():
                cells.trim(scores[rows], signals[rows], state[rows], energy[rows], _of(groups, rows))

    def encode_layers(self, condition: Tensor, state: LayerState, rng: torch.Generator) -> Tensor:
        """What layers hold → N(0, 1), (n, width) float32."""
        energy = self._energy(condition)
        return self._choose(condition, [coder.encode(state, energy, rng) for coder in self._layers])

    def decode_layers(self, condition: Tensor, scores: Tensor) -> LayerState:
        """Back, to a state that some shower can have."""
        energy = self._energy(condition)
        states = [coder.decode(scores, energy) for coder in self._layers]
        energies = self._choose(condition, [state.energies for state in states])
        return LayerState(energies, self._choose(condition, [state.counts for state in states]))

    def encode_cells(self, condition: Tensor, signals: Tensor, state: LayerState, rng: torch.Generator) -> Tensor:
        """Cells of given showers → N(0, 1), dark ones spread by noise; signals below the threshold must be zero."""
        own, energy, groups = self._own(condition), self._energy(condition), self._groups(condition)
        scores = torch.empty_like(signals)
        for k, coder in enumerate(self._cells):
            rows = own == k
            scores[rows] = coder.encode(signals[rows], state[rows], energy[rows], rng, _of(groups, rows))
        return scores

    def decode_cells(self, condition: Tensor, scores: Tensor, state: LayerState) -> Tensor:
        """Back to MeV, float32: each layer gets exactly its count and its energy."""
        energy, groups = self._energy(condition), self._groups(condition)
        return self._choose(condition, [coder.decode(scores, state, energy, groups) for coder in self._cells]).float()

    def _energy(self, condition: Tensor) -> Tensor:
        return condition[:, self.energy_column]

    def _groups(self, condition: Tensor) -> Tensor | None:
        """Of each cell, where the condition tells them, (n, n_channels)."""
        return None if self.aim is None else self.aim.tables(condition)

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


def _of(groups: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if groups is None else groups[rows]
