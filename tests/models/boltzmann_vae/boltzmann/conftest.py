"""Machines so small that every state can be listed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.models.boltzmann_vae.boltzmann import BoltzmannMachine, fully_connected


def make_machine(seed: int, spread: float = 1.0, *, centred: bool = False) -> BoltzmannMachine:
    """Four partitions of two nodes with couplings and learned biases of N(0, spread²)."""
    rng = torch.Generator().manual_seed(seed)
    machine = BoltzmannMachine(fully_connected([2, 2, 2, 2]), centred=centred).double()
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=rng))
    return machine


def energy_by_definition(machine: BoltzmannMachine, state: tuple[int, ...]) -> float:
    """E(p) node by node, with nothing of the package but its parameters."""
    starts = np.cumsum([0, *machine.sizes])
    parts = [state[starts[k] : starts[k + 1]] for k in range(len(machine.sizes))]
    bias = machine.bias.detach().numpy()
    energy = -sum(b * p for b, p in zip(bias, state[machine.n_clamped :], strict=True))
    for (a, b), weight in machine.weights():
        w = weight.detach().numpy()
        energy -= sum(w[i, j] * parts[a][i] * parts[b][j] for i in range(len(parts[a])) for j in range(len(parts[b])))
    return float(energy)


@pytest.fixture
def machine() -> BoltzmannMachine:
    return make_machine(0)


@pytest.fixture
def machine_of() -> Callable[..., BoltzmannMachine]:
    return make_machine


@pytest.fixture
def define_energy() -> Callable[[BoltzmannMachine, tuple[int, ...]], float]:
    return energy_by_definition


@pytest.fixture
def states() -> NDArray[np.float64]:
    """All states of six free nodes (64, 6)."""
    return np.array(list(product((0, 1), repeat=6)), dtype=float)


@pytest.fixture
def weigh(states: NDArray[np.float64]) -> Callable[[BoltzmannMachine, tuple[int, ...]], NDArray[np.float64]]:
    """Machine, condition → exp(−E) of all free states (64,); their sum is Z."""

    def weights(machine: BoltzmannMachine, condition: tuple[int, ...]) -> NDArray[np.float64]:
        return np.exp([-energy_by_definition(machine, (*condition, *map(int, free))) for free in states])

    return weights
