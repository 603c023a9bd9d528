"""What tells a discriminator of the whole batch: how alike its events are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MinibatchDiscrimination(nn.Module):
    r"""How close each event lies to the others of its batch, in learned projections.

    .. math:: o_b(x_i) = \frac1n \sum_j \exp\left(-\lVert M_b(x_i) - M_b(x_j) \rVert_1\right)

    with M linear (an offset would cancel). CaloGAN takes the hyperbolic tangent of the sum, which is 1 to the last
    digit, without a gradient, as soon as a few dozen events are alike: just when it is needed. A generator that makes
    the same event again and again is seen at once, so a batch must be all real or all generated.

    Args:
        inputs: features of an event.
        kernels: number of projections b.
        width: dimensions of each.

    References:
        Improved Techniques for Training GANs, T. Salimans, 2016, https://arxiv.org/abs/1606.03498
    """

    def __init__(self, inputs: int, kernels: int = 10, width: int = 10) -> None:
        super().__init__()
        self.shape = kernels, width
        self.n_outputs = kernels
        self.weight = nn.Parameter(torch.empty(inputs, kernels * width))
        limit = math.sqrt(6 / (inputs + kernels * width))
        nn.init.uniform_(self.weight, -limit, limit)

    def forward(self, features: Tensor) -> Tensor:
        """(n, inputs) → (n, kernels)."""
        projected = (features @ self.weight).unflatten(1, self.shape).transpose(0, 1).contiguous()
        return torch.cdist(projected, projected, p=1.0).neg().exp().mean(dim=2).T
