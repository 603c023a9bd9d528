"""Flow matching on straight paths: the loss and the way from noise to data.

References:
    Flow Matching for Generative Modeling, Lipman et al., 2022, https://arxiv.org/abs/2210.02747;
    Flow Straight and Fast, Liu et al., 2022, https://arxiv.org/abs/2209.03003
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moliere.models.solvers import solvers


def flow_matching_loss(network: nn.Module, x: Tensor, condition: Tensor, rng: torch.Generator) -> Tensor:
    r"""Mean squared error of the velocity along straight paths from noise to data.

    .. math:: x_t = (1 - t)\,\epsilon + t\,x, \quad \epsilon \sim N(0, 1),\ t \sim U(0, 1); \qquad
       L = \lVert v(x_t, t, c) - (x - \epsilon) \rVert^2

    Times are stratified over the batch (one in each n-th of the interval), which lowers the loss's variance for free.

    Args:
        network: (x_t, t, condition) → velocity.
        x: data in network space (n, d).
        condition: (n, c).
        rng: source of noise and times.
    """
    n = len(x)
    noise = torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
    jitter = torch.rand(n, generator=rng, device=x.device, dtype=x.dtype)
    t = (torch.randperm(n, generator=rng, device=x.device) + jitter) / max(n, 1)
    x_t = torch.lerp(noise, x, t[:, None])
    return nn.functional.mse_loss(network(x_t, t, condition), x - noise)


def flow(network: nn.Module, noise: Tensor, condition: Tensor, solver: str, steps: int) -> Tensor:
    """Carry noise to data along the learned velocity: (n, d), (n, c) → (n, d)."""

    def velocity(x: Tensor, t: float) -> Tensor:
        return network(x, x.new_full((len(x),), t), condition)  # type: ignore[no-any-return]

    return solvers[solver](velocity, noise, steps)
