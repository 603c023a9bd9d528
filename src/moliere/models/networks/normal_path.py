"""Straight paths from noise to numbers that are almost noise: what independent normal numbers do is known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class NormalPath(nn.Module):
    r"""A network that learns only how its numbers differ from independent normal ones.

    On the way :math:`x_t = (1 - t)\,\epsilon + t\,x` between two independent N(0, 1), the spread is
    :math:`\sigma_t = \sqrt{(1 - t)^2 + t^2}`, and the velocity is :math:`\dot\sigma_t / \sigma_t\; x_t`. That is
    added to what the network says, which is given :math:`x_t / \sigma_t`, so the noise need not pass through a narrow
    network. The same goes for a jump from t to r, which for independent normal numbers is a factor.

    Args:
        network: (x, t, \*condition) → the shape of x.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor, *condition: Any) -> Tensor:
        """The velocity at x and t."""
        variance = ((1 - t).square() + t.square())[:, None]
        learned = self.network(x / variance.sqrt(), t, *condition) / variance.sqrt()
        velocity: Tensor = (2 * t - 1)[:, None] / variance * x + learned
        return velocity

    def jump(self, x: Tensor, t: float, r: float, *condition: Any) -> Tensor:
        """Where x is at r, by one call of the network, which is told the time in the middle."""
        before, after = (((1 - time) ** 2 + time**2) ** 0.5 for time in (t, r))
        middle = torch.full((len(x),), (t + r) / 2, dtype=x.dtype, device=x.device)
        there: Tensor = after / before * x + (r - t) * after * self.network(x / before, middle, *condition)
        return there
