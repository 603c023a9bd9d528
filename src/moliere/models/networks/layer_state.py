"""What each layer of a shower holds, in numbers, ⇄ the space of the network that makes it before the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from moliere.detectors import Calorimeter
from moliere.errors import ConfigError
from moliere.preprocess import (
    Chain,
    Counts,
    EnergyLadder,
    EnergyStandardise,
    Facts,
    LayerShares,
    Logit,
    Transform,
    ZeroBand,
)
from moliere.preprocess.quantiles import EnergyQuantiles


@dataclass(frozen=True)
class LayerState:
    """What each layer of n showers holds.

    Args:
        energies: in MeV, float64, (n, n_layers).
        counts: cells that answer, (n, n_layers); 0 exactly where the energy is 0.
    """

    energies: Tensor
    counts: Tensor

    def __getitem__(self, rows: slice | Tensor) -> LayerState:
        """Those of some showers."""
        return LayerState(self.energies[rows], self.counts[rows])


class LayerReader(nn.Module):
    """Measures what the layers of showers hold, and corrects states that no shower can have; coders derive from it.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; smaller signals are zero.
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        super().__init__()
        self.n_layers, self.threshold = len(sizes), threshold
        self.shares = LayerShares(sizes)
        self.register_buffer("sizes", torch.tensor(list(sizes), dtype=torch.float64), persistent=False)

    def measure(self, signals: Tensor) -> LayerState:
        """The state of given showers; signals below the threshold must be zero."""
        hits = self.shares.sum_layers((signals > 0).double())
        return LayerState(self.shares.sum_layers(signals.double()), hits)

    def possible(self, energies: Tensor, counts: Tensor) -> LayerState:
        """A state that some shower can have: no count without energy and no energy without a count."""
        affordable = (energies / self.threshold).floor()
        counts = torch.minimum(counts.clamp(min=1), affordable)
        return LayerState(torch.where(counts > 0, energies, torch.zeros_like(energies)), counts)

    @property
    def width(self) -> int:
        """Numbers a shower."""
        return 2 * self.n_layers

    def describe(self, state: LayerState, energy: Tensor) -> Tensor:
        """The state as a condition of stage two, (n, 4 n_layers) float32: logs, fractions, occupancies, empty flags."""
        filled = (state.counts + 0.5) / (self.sizes + 1)
        parts = [
            (state.energies + self.threshold / 10).log() / 3 - 1.5,
            state.energies / energy.double()[:, None],
            torch.logit(filled) / 3,
            (state.counts == 0).double(),
        ]
        return torch.cat(parts, dim=1).float()


class LayerCoder(LayerReader):
    """Signals → :class:`LayerState` → 2 n_layers numbers of order one at every energy, and back.

    Energies go through a band of noise below the threshold, the ladder and a logit; counts are spread over their bins.
    Generating the counts together with the energies takes the hardest thing about voxels, which of them are zero, out
    of the large network and puts it into a problem of few dimensions.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; smaller signals are zero.
    """

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        super().__init__(sizes, threshold)
        ladder: list[Transform] = [ZeroBand(threshold), EnergyLadder(), Logit(1e-9, first=1)]
        self.energies = Chain([*ladder, EnergyStandardise(self.n_layers)])
        self.counts = Chain([Counts(sizes), Logit(1e-4), EnergyStandardise(self.n_layers)])

    def fit(self, state: LayerState, energy: Tensor) -> None:
        """Take the statistics of training showers."""
        self.energies.fit(state.energies, Facts(energy))
        self.counts.fit(state.counts, Facts(energy))

    def encode(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """To network space, float32."""
        parts = [self.energies(state.energies, energy, rng), self.counts(state.counts, energy, rng)]
        return torch.cat(parts, dim=1).float()

    def decode(self, values: Tensor, energy: Tensor) -> LayerState:
        """Back, to a state that some shower can have."""
        values = values.double()
        energies = self.energies.inverse(values[:, : self.n_layers], energy)
        return self.possible(energies, self.counts.inverse(values[:, self.n_layers :], energy))


class LayerScores(LayerReader):
    """Signals → :class:`LayerState` → 2 n_layers numbers that are N(0, 1) at every energy, and back.

    As :class:`LayerCoder`, but an empty layer leaves no gap in the energies: counts come first, and only a layer with a
    count has an energy. The ladder's total, each layer's share of what is left behind it, and the counts are made
    normal by tables of their quantiles, so that each is distributed rightly before anything is learned.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; smaller signals are zero.
    """

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        super().__init__(sizes, threshold)
        self.ladder = EnergyLadder()
        self.energies, self.counts = EnergyQuantiles(self.n_layers), EnergyQuantiles(self.n_layers)

    def fit(self, state: LayerState, energy: Tensor) -> None:
        """Take the distributions of training showers."""
        self.energies.fit(self._steps(state, energy), Facts(energy))
        self.counts.fit(_spread(state.counts, torch.Generator().manual_seed(0)), Facts(energy))

    def encode(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """To network space, float32."""
        parts = [self.energies(self._steps(state, energy), energy, rng)]
        return torch.cat([*parts, self.counts(_spread(state.counts, rng), energy, rng)], dim=1)

    def decode(self, values: Tensor, energy: Tensor) -> LayerState:
        """Back, to a state that some shower can have."""
        first, second = values.split(self.n_layers, dim=1)
        counts = torch.minimum(self.counts.inverse(second, energy).double().floor().clamp(min=0), self.sizes)
        steps = self.energies.inverse(first, energy).double()
        rest = _later(counts)
        shares = torch.sigmoid(steps[:, 1:]) * (counts[:, :-1] > 0)
        shares = torch.where((counts[:, :-1] > 0) & (rest[:, :-1] == 0), torch.ones_like(shares), shares)
        energies = self.ladder.inverse(torch.cat([steps[:, :1].exp(), shares], dim=1), energy)
        return self.possible(torch.where(counts > 0, energies, torch.zeros_like(energies)), counts)

    def _steps(self, state: LayerState, energy: Tensor) -> Tensor:
        """Ln of total over incident energy, then the logit of each layer's share; NaN where nothing is to choose."""
        ladder = self.ladder(state.energies, energy)
        open_ = (state.counts > 0) & (_later(state.counts) > 0)
        shares = torch.logit(ladder[:, 1:], eps=1e-9)
        shares = torch.where(open_[:, :-1], shares, torch.full_like(shares, torch.nan))
        total = ladder[:, :1]
        return torch.cat([torch.where(total > 0, total.log(), torch.full_like(total, torch.nan)), shares], dim=1)


def _later(counts: Tensor) -> Tensor:
    """How many cells answer in all later layers."""
    return counts.flip(1).cumsum(1).flip(1) - counts


def _spread(counts: Tensor, rng: torch.Generator) -> Tensor:
    """Counts spread evenly over [n, n + 1)."""
    return counts + torch.rand(counts.shape, generator=rng, device=counts.device, dtype=counts.dtype)


def readout_threshold(asked: float | None, detector: Calorimeter) -> float:
    """The smallest signal in MeV that a model learns: the threshold of the settings, else the detector's.

    Signals that the readout does not see need not be learned; a threshold ten times lower was measured to cost 0.2 in
    AUC.

    Raises:
        ConfigError: neither says one.
    """
    threshold = asked or detector.threshold
    if threshold <= 0:
        raise ConfigError(
            f"{detector.name} has no readout threshold; set model.threshold in MeV to the smallest signal that matters"
        )
    return threshold
