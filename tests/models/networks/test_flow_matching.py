"""Solvers converge as fast as theory says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from moliere.models.networks.flow_matching import solvers

ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4}


def test_every_solver_has_a_known_order() -> None:
    assert set(ORDERS) == set(solvers)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_error_falls_with_the_order_of_the_method(name: str) -> None:
    def velocity(x: Tensor, t: float) -> Tensor:
        return -2 * t * x**2  # solved by 1 / (1 + t²)

    start = torch.ones(1, dtype=torch.float64)
    errors = [float((solvers[name](velocity, start, n) - 0.5).abs()) for n in (64, 128)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[name], abs=0.2)
