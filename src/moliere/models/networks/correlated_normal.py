"""A head that says a distribution: correlated normal numbers whose mean and spread follow the input."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from moliere.models.networks.residual_mlp import zero_init

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
        """Start from the covariance of numbers of mean 0, (n, outward), as if the input said nothing of them."""
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
