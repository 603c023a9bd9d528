"""What each layer holds, in numbers that are each normally distributed, as a normal head needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moliere.models.networks.layer_state import LayerReader, LayerState
from moliere.models.networks.residual_mlp import zero_init
from moliere.preprocess import Chain, Counts, EnergyStandardise, Facts, Logit, QuantileNormal, ZeroBand

#: logarithm of the largest spread, against that of the matrix
_MOST = 3.0
#: variance that every direction has at the start
_LEAST = 1e-3


class CorrelatedNormal(nn.Module):
    """x = μ(input) + σ(input) L n with n of N(0, 1): a network for mean and spread, one lower triangular matrix.

    Args:
        inward: width of the input.
        width: hidden width.
        outward: numbers that are described.
    """

    def __init__(self, inward: int, width: int, outward: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(inward, width), nn.SiLU(), zero_init(nn.Linear(width, 2 * outward)))
        self.log_scale = nn.Parameter(torch.zeros(outward))
        self.mixing = nn.Parameter(torch.zeros(outward, outward))

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Start from the covariance of numbers of mean 0, (n, outward), as if they did not depend on the input."""
        if len(x) <= x.shape[1]:
            return
        covariance = torch.cov(x.double().T)
        least = _LEAST * torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        factor = torch.linalg.cholesky(covariance + least)
        self.log_scale.copy_(factor.diagonal().log())
        self.mixing.copy_(factor.tril(-1))

    @property
    def factor(self) -> Tensor:
        """L, (outward, outward)."""
        return self.mixing.tril(-1) + torch.diag(self.log_scale.exp())

    def forward(self, inward: Tensor, noise: Tensor) -> Tensor:
        """Input (n, inward) and noise of N(0, 1) (n, outward) → numbers (n, outward)."""
        mean, log_spread = self.describe(inward)
        moved: Tensor = mean + log_spread.exp() * (noise @ self.factor.T)
        return moved

    def negative_log_likelihood(self, inward: Tensor, x: Tensor) -> Tensor:
        """Of numbers x (n, outward) given the input, in nats, (n,)."""
        mean, log_spread = self.describe(inward)
        away = (x - mean) * (-log_spread).exp()
        noise = torch.linalg.solve_triangular(self.factor, away.T, upper=False).T
        constant = self.log_scale.sum() + math.log(2 * math.pi) / 2 * x.shape[1]
        nats: Tensor = noise.square().sum(dim=1) / 2 + log_spread.sum(dim=1) + constant
        return nats

    def describe(self, inward: Tensor) -> tuple[Tensor, Tensor]:
        """Means, and logarithms of spreads that are kept from running away, (n, outward) each."""
        mean, log_spread = self.network(inward).chunk(2, dim=1)
        return mean, _MOST * torch.tanh(log_spread / _MOST)


#: knots of each number's distribution
_QUANTILES = 200


class LayerNumbers(LayerReader):
    """Signals → :class:`~moliere.models.networks.layer_state.LayerState` ⇄ 2 n_layers + 1 numbers of order one.

    The logarithm of the whole response, of every layer's energy with a band of noise below the threshold, and the
    counts spread over their bins; each is made normal by its quantiles and then standardised energy by energy. On the
    way back layers share the whole response, so that it is as right as that one number.

    A flow learns ladders (:class:`~moliere.models.networks.layer_state.LayerCoder`), which lose nothing. With a normal
    distribution of ladders, dark layers do not come out dark: the end of a ladder is a product of all earlier shares,
    and the last of 45 layers had energy in half of the showers instead of a tenth.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; smaller signals are zero.
    """

    def __init__(self, sizes: Sequence[int], threshold: float) -> None:
        super().__init__(sizes, threshold)
        self.band = ZeroBand(threshold)
        self.energies = _normal(1 + self.n_layers)
        self.counts = Chain([Counts(sizes), Logit(1e-4), _normal(self.n_layers)])

    @property
    def width(self) -> int:
        """Numbers a shower."""
        return 2 * self.n_layers + 1

    def fit(self, state: LayerState, energy: Tensor) -> None:
        """Take the statistics of training showers."""
        rng = torch.Generator().manual_seed(0)
        self.energies.fit(self._logarithms(state, energy, rng), Facts(energy))
        self.counts.fit(state.counts, Facts(energy))

    def encode(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """To network space, float32."""
        logarithms = self._logarithms(state, energy, rng)
        return torch.cat([self.energies(logarithms, energy), self.counts(state.counts, energy, rng)], dim=1).float()

    def decode(self, values: Tensor, energy: Tensor) -> LayerState:
        """Back, to a state that some shower can have."""
        first, counts = values.double().split([1 + self.n_layers, self.n_layers], dim=1)
        response, layers = self.energies.inverse(first, energy).exp().split([1, self.n_layers], dim=1)
        energies = self.band.inverse(layers, energy)
        share = response * energy[:, None] / energies.sum(dim=1, keepdim=True).clamp(min=self.threshold)
        return self.possible(energies * share, self.counts.inverse(counts, energy))

    def _logarithms(self, state: LayerState, energy: Tensor, rng: torch.Generator) -> Tensor:
        """Logarithms of the response and of the layers' energies in MeV, (n, 1 + n_layers)."""
        response = state.energies.sum(dim=1, keepdim=True).clamp(min=self.threshold) / energy.double()[:, None]
        return torch.cat([response, self.band(state.energies, energy, rng)], dim=1).log()


def _normal(width: int) -> Chain:
    """Quantiles to a normal distribution, then of order one at every energy."""
    return Chain([QuantileNormal(range(width), _QUANTILES, spacing="score"), EnergyStandardise(width)])
