"""Flow matching on straight paths: the loss and the way from noise to data.

References:
    Flow Matching for Generative Modeling, Lipman et al., 2022, https://arxiv.org/abs/2210.02747;
    Flow Straight and Fast, Liu et al., 2022, https://arxiv.org/abs/2209.03003
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from moliere.models.noise import strata
from moliere.registry import Registry

Velocity = Callable[[Tensor, float], Tensor]
Solver = Callable[[Velocity, Tensor, int], Tensor]

#: name → solver
solvers: Registry[Solver] = Registry("solver")


@solvers.register("euler")
def solve_euler(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Order 1, one evaluation a step.

    Example:
        >>> import torch
        >>> solve_euler(lambda x, t: x, torch.ones(1), 2)
        tensor([2.2500])
    """
    h = 1 / steps
    for k in range(steps):
        x = x + h * velocity(x, k * h)
    return x


@solvers.register("midpoint")
def solve_midpoint(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Order 2, two evaluations a step: slope in the middle of an Euler step."""
    h = 1 / steps
    for k in range(steps):
        middle = x + h / 2 * velocity(x, k * h)
        x = x + h * velocity(middle, (k + 0.5) * h)
    return x


@solvers.register("heun")
def solve_heun(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Order 2, two evaluations a step: mean of the slopes at both ends."""
    h = 1 / steps
    for k in range(steps):
        first = velocity(x, k * h)
        last = velocity(x + h * first, (k + 1) * h)
        x = x + h / 2 * (first + last)
    return x


@solvers.register("rk4")
def solve_rk4(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Order 4, four evaluations a step (Kutta, 1901)."""
    h = 1 / steps
    for k in range(steps):
        a = velocity(x, k * h)
        b = velocity(x + h / 2 * a, (k + 0.5) * h)
        c = velocity(x + h / 2 * b, (k + 0.5) * h)
        d = velocity(x + h * c, (k + 1) * h)
        x = x + h / 6 * (a + 2 * b + 2 * c + d)
    return x


def flow_matching_loss(network: nn.Module, x: Tensor, rng: torch.Generator, *condition: Tensor) -> Tensor:
    r"""Mean squared error of the velocity along straight paths from noise to data.

    .. math:: x_t = (1 - t)\,\epsilon + t\,x, \quad \epsilon \sim N(0, 1),\ t \sim U(0, 1); \qquad
       L = \lVert v(x_t, t, c) - (x - \epsilon) \rVert^2

    Times are stratified over the batch (one in each n-th of the interval), which lowers the loss's variance for free.

    Args:
        network: (x_t, t, \*condition) → velocity.
        x: data in network space (n, d).
        rng: source of noise and times.
        condition: what else the network is given, each of n rows.
    """
    n = len(x)
    noise = torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
    jitter = torch.rand(n, generator=rng, device=x.device, dtype=x.dtype)
    part, parts = strata(n, rng, x.device)
    t = (part + jitter) / parts
    x_t = torch.lerp(noise, x, t[:, None])
    return nn.functional.mse_loss(network(x_t, t, *condition), x - noise)


def flow(network: nn.Module, noise: Tensor, condition: Tensor, solver: str, steps: int) -> Tensor:
    """Carry noise to data along the learned velocity: (n, d), (n, c) → (n, d)."""

    def velocity(x: Tensor, t: float) -> Tensor:
        return network(x, x.new_full((len(x),), t), condition)  # type: ignore[no-any-return]

    return solvers[solver](velocity, noise, steps)
