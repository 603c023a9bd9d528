"""A head that says a distribution: correlated normal numbers whose mean follows the input."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from moliere.models.networks.residual_mlp import zero_init


class CorrelatedNormal(nn.Module):
    """x = μ(input) + L n with n of N(0, 1): a network for the mean, one lower triangular matrix for the rest.

    Args:
        inward: width of the input.
        width: hidden width.
        outward: numbers that are described.
    """

    def __init__(self, inward: int, width: int, outward: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(inward, width), nn.SiLU(), zero_init(nn.Linear(width, outward)))
        self.log_scale = nn.Parameter(torch.zeros(outward))
        self.mixing = nn.Parameter(torch.zeros(outward, outward))

    @property
    def factor(self) -> Tensor:
        """L, (outward, outward)."""
        return self.mixing.tril(-1) + torch.diag(self.log_scale.exp())

    def forward(self, inward: Tensor, noise: Tensor) -> Tensor:
        """Input (n, inward) and noise of N(0, 1) (n, outward) → numbers (n, outward)."""
        moved: Tensor = self.mean(inward) + noise @ self.factor.T
        return moved

    def negative_log_likelihood(self, inward: Tensor, x: Tensor) -> Tensor:
        """Of numbers x (n, outward) given the input, in nats, (n,)."""
        away = x - self.mean(inward)
        noise = torch.linalg.solve_triangular(self.factor, away.T, upper=False).T
        constant = self.log_scale.sum() + math.log(2 * math.pi) / 2 * x.shape[1]
        nats: Tensor = noise.square().sum(dim=1) / 2 + constant
        return nats
