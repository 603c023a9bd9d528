"""Partition sums against sums over all states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.boltzmann import (
    BoltzmannMachine,
    all_states,
    annealed_log_partition,
    exact_log_partition,
    fully_connected,
    log_likelihood,
    pseudo_likelihood,
)

Weigh = Callable[[BoltzmannMachine, tuple[int, ...]], NDArray[np.float64]]
CONDITIONS = [(0, 0), (0, 1), (1, 0), (1, 1)]
CLAMPED = torch.tensor(CONDITIONS, dtype=torch.float64)


def test_exact_partition_sum(machine: BoltzmannMachine, weigh: Weigh) -> None:
    expected = [np.log(weigh(machine, condition).sum()) for condition in CONDITIONS]
    assert exact_log_partition(machine, CLAMPED).tolist() == pytest.approx(expected)


def test_probabilities_add_up_to_one(machine: BoltzmannMachine, states: NDArray[np.float64]) -> None:
    free = torch.tensor(states)
    for condition in CLAMPED:
        clamped = condition.expand(64, 2)
        logarithms = log_likelihood(machine, clamped, free, exact_log_partition(machine, clamped))
        assert logarithms.exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(4))
def test_annealed_partition_sum_within_its_error(machine_of: Callable[..., BoltzmannMachine], seed: int) -> None:
    machine = machine_of(seed, spread=2.0)
    estimate = annealed_log_partition(machine, CLAMPED, torch.Generator().manual_seed(seed), 500, 200)
    off = (estimate.value - exact_log_partition(machine, CLAMPED)).abs()
    assert (estimate.error < 0.05).all()
    assert (off < 4 * estimate.error).all()


def test_annealed_log_likelihood_within_half_a_percent(machine: BoltzmannMachine) -> None:
    """The reach of the benchmark."""
    rng = torch.Generator().manual_seed(0)
    clamped = CLAMPED[torch.randint(4, (500,), generator=rng)]
    free = (torch.rand(500, 6, generator=rng) < 0.5).double()
    which = (clamped @ torch.tensor([2.0, 1.0], dtype=torch.float64)).long()
    estimate = annealed_log_partition(machine, CLAMPED, rng, 200, 500).value
    exact = log_likelihood(machine, clamped, free, exact_log_partition(machine, clamped)).mean()
    annealed = log_likelihood(machine, clamped, free, estimate[which]).mean()
    assert annealed.item() == pytest.approx(exact.item(), rel=0.005)


def test_a_large_machine_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"30 free nodes have too many states to list.*annealed_log_partition"):
        exact_log_partition(BoltzmannMachine(fully_connected([10, 10, 10, 10])), torch.zeros(1, 10))


def test_the_pseudo_likelihood_is_that_of_each_node_given_all_others(machine: BoltzmannMachine) -> None:
    """From energies of pairs of states that differ in one node."""
    free = all_states(6).double()[::7]
    clamped = torch.ones(len(free), 2, dtype=torch.float64)
    expected = torch.zeros(len(free), dtype=torch.float64)
    for node in range(6):
        other = free.clone()
        other[:, node] = 1 - other[:, node]
        away = machine.energy(clamped, free) - machine.energy(clamped, other)
        expected -= torch.log1p(away.detach().exp())
    torch.testing.assert_close(pseudo_likelihood(machine, clamped, free), expected)
