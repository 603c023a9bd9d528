"""Gibbs samples have the exact marginals and correlations, and stay under their conditions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.models.boltzmann_vae.boltzmann import (
    BoltzmannMachine,
    GibbsChains,
    PersistentChains,
    fully_connected,
    gibbs_sample,
    independent,
)

Weigh = Callable[[BoltzmannMachine, tuple[int, ...]], NDArray[np.float64]]
N = 20_000


@pytest.mark.parametrize("condition", [(0, 0), (1, 0), (1, 1)])
def test_marginals_and_pair_correlations(
    machine: BoltzmannMachine, condition: tuple[int, ...], weigh: Weigh, states: NDArray[np.float64]
) -> None:
    weights = weigh(machine, condition)
    probabilities = weights / weights.sum()
    clamped = torch.tensor([condition], dtype=torch.float64).expand(N, 2)
    free = gibbs_sample(machine, clamped, torch.Generator().manual_seed(1), 50).numpy()
    exact = states.T @ (probabilities[:, None] * states)  # marginals are on the diagonal
    error = np.sqrt(exact * (1 - exact) / N)
    pulls = (free.T @ free / N - exact) / error
    assert np.abs(pulls).max() < 4.5
    assert 0.6 < np.sqrt(np.mean(pulls[np.triu_indices(6)] ** 2)) < 1.5


def test_each_chain_has_its_own_condition(machine: BoltzmannMachine, weigh: Weigh, states: NDArray[np.float64]) -> None:
    clamped = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64).repeat(N // 4, 1)
    free = gibbs_sample(machine, clamped, torch.Generator().manual_seed(2), 50).numpy()
    for k, condition in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        weights = weigh(machine, condition)
        exact = weights @ states / weights.sum()
        assert np.abs(free[k::4].mean(axis=0) - exact).max() < 4.5 * np.sqrt(0.25 / (N / 4))


def test_conditions_are_left_as_they_are(machine: BoltzmannMachine) -> None:
    clamped = (torch.rand(100, 2) < 0.5).double()
    before = clamped.clone()
    chains = PersistentChains(100, 6)
    conditions, _ = chains.advance(machine, clamped, 3, torch.Generator().manual_seed(0))
    assert torch.equal(clamped, before)
    assert torch.equal(conditions, before)


def test_without_couplings_a_start_is_a_sample_and_sweeps_add_nothing() -> None:
    machine = BoltzmannMachine(independent([1, 2, 2]))
    with torch.no_grad():
        machine.bias_at_offset.copy_(torch.tensor([-2.0, 0.0, 1.0, 3.0]))
    free = GibbsChains(machine, torch.zeros(N, 1), torch.Generator().manual_seed(0)).free
    few, many = (gibbs_sample(machine, torch.zeros(9, 1), torch.Generator().manual_seed(0), k) for k in (1, 500))
    assert torch.equal(few, many)
    exact = machine.bias.detach().sigmoid()
    assert ((free.mean(dim=0) - exact).abs() < 4.5 * (exact * (1 - exact) / N).sqrt()).all()


def test_interaction_is_the_energy_without_fields(machine: BoltzmannMachine) -> None:
    clamped = (torch.rand(30, 2) < 0.5).double()
    chains = GibbsChains(machine, clamped, torch.Generator().manual_seed(0))
    energy = machine.energy(clamped, chains.free) + (machine.fields(clamped) * chains.free).sum(dim=1)
    torch.testing.assert_close(chains.interaction(), -energy)


def test_the_same_seed_gives_the_same_samples_and_bits(machine: BoltzmannMachine) -> None:
    clamped = torch.zeros(50, 2)
    one, two, three = (gibbs_sample(machine, clamped, torch.Generator().manual_seed(k), 5) for k in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    assert set(one.unique().tolist()) == {0.0, 1.0}


def test_no_chains_and_partitions_of_one_node() -> None:
    machine = BoltzmannMachine(fully_connected([1, 1, 4, 2]))
    assert gibbs_sample(machine, torch.zeros(0, 1), torch.Generator(), 3).shape == (0, 7)
    assert gibbs_sample(machine, torch.zeros(2, 1), torch.Generator(), 3).shape == (2, 7)


def test_sampling_in_mixed_precision_is_the_same() -> None:
    torch.manual_seed(0)
    machine = BoltzmannMachine(fully_connected([10, 10, 10, 10]), weight_std=1.0)
    clamped = torch.ones(20, 10)
    one = gibbs_sample(machine, clamped, torch.Generator().manual_seed(0), 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        two = gibbs_sample(machine, clamped, torch.Generator().manual_seed(0), 10)
    assert torch.equal(one, two)
