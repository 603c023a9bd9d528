"""Stage one of CaloGAN, where it is asked for: what each layer holds, before any image is made."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.layer_state import LayerCoder, LayerState
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.preprocess import ConditionEncoding, keep_largest

_SOLVER, _STEPS = "midpoint", 8


class LayerStage(nn.Module):
    """Flow matching on energies and counts of layers, told the whole condition, the particle included.

    Each particle has statistics of its own: totals of positrons spread by a thousandth and those of pions by all there
    is, so that in common units one of them has no width.

    Args:
        slices: channels of each layer.
        threshold: in MeV; smaller signals are zero.
        columns: of the condition.
        particles: that ``pdg_id`` may take, if it is one of the columns.
        width: of the perceptron.
        blocks: of the perceptron.
    """

    particles: Tensor

    def __init__(
        self,
        slices: Sequence[slice],
        threshold: float,
        columns: Sequence[str],
        particles: Sequence[int],
        width: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.slices, self.threshold = tuple(slices), threshold
        self.column = list(columns).index("pdg_id") if "pdg_id" in columns else None
        self.energy_column = list(columns).index("energy")
        self.encoding = ConditionEncoding(columns, particles)
        kinds = list(particles) if self.column is not None else [0]
        self.register_buffer("particles", torch.tensor(kinds, dtype=torch.float64), persistent=False)
        sizes = [part.stop - part.start for part in slices]
        self.coders = nn.ModuleList(LayerCoder(sizes, threshold) for _ in kinds)
        self.shares = self._coder.shares
        self.velocity = ResidualMLP(self._coder.width, self.encoding.width, width, blocks)

    @property
    def _each(self) -> list[LayerCoder]:
        return [coder for coder in self.coders if isinstance(coder, LayerCoder)]

    @property
    def _coder(self) -> LayerCoder:
        """For what all particles have in common."""
        return self._each[0]

    @property
    def width(self) -> int:
        """Numbers a shower that the flow makes."""
        return self._coder.width

    @property
    def told(self) -> int:
        """Width of :meth:`describe`."""
        return self.encoding.width + 4 * len(self.slices)

    def cut(self, signals: Tensor) -> Tensor:
        """Signals below the threshold set to zero."""
        return torch.where(signals < self.threshold, torch.zeros_like(signals), signals)

    def fit(self, condition: Tensor, signals: Tensor) -> None:
        """Take the statistics of training showers, particle by particle."""
        self.encoding.fit(condition)
        own, energy = self._own(condition), condition[:, self.energy_column]
        state = self.measure(self.cut(signals))
        for k, coder in enumerate(self._each):
            rows = own == k
            if rows.any():
                coder.fit(LayerState(state.energies[rows], state.counts[rows]), energy[rows])

    def loss(self, condition: Tensor, signals: Tensor, rng: torch.Generator) -> Tensor:
        """Of the velocity."""
        state, energy = self.measure(self.cut(signals)), condition[:, self.energy_column]
        target = self._choose(condition, [coder.encode(state, energy, rng) for coder in self._each])
        return flow_matching_loss(self.velocity, target, rng, self.encoding(condition))

    def make(self, noise: Tensor, condition: Tensor) -> LayerState:
        """N(0, 1) numbers (n, width) → what the layers hold."""
        coded = flow(self.velocity, noise, self.encoding(condition), _SOLVER, _STEPS)
        states = [coder.decode(coded, condition[:, self.energy_column]) for coder in self._each]
        energies = self._choose(condition, [state.energies for state in states])
        return LayerState(energies, self._choose(condition, [state.counts for state in states]))

    def measure(self, signals: Tensor) -> LayerState:
        """What the layers of given showers hold; signals below the threshold must be zero."""
        return self._coder.measure(signals)

    def describe(self, condition: Tensor, state: LayerState) -> Tensor:
        """Condition and layers as an input of networks, (n, told)."""
        said = self._coder.describe(state, condition[:, self.energy_column])
        return torch.cat([self.encoding(condition), said], dim=1)

    def share(self, state: LayerState, cells: Tensor) -> Tensor:
        """As many cells of each layer as the state says, the largest, as shares of their layer, (n, n_channels)."""
        lit = (state.energies > 0).to(cells)
        return self.shares.join(lit, keep_largest(cells, state.counts, self.slices))

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
