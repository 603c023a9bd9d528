"""Solvers of ordinary differential equations: plain functions that take a velocity from t = 0 to t = 1.

All have one signature, ``solve(velocity, x, steps)``, with equal steps; what differs is the order and the number of
evaluations a step. Each draws nothing, so that a flow's ``decode`` stays deterministic.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

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
