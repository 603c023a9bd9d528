"""Contrastive divergence points where the exact gradient points, and arrives where the exact maximum is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moliere.models.boltzmann_vae.boltzmann import (
    BoltzmannMachine,
    PersistentChains,
    all_states,
    contrastive_divergence,
    fully_connected,
    gibbs_sample,
    sparse,
)
from moliere.models.boltzmann_vae.boltzmann.chains import Nodes

MachineOf = Callable[..., BoltzmannMachine]


def draw_data(teacher: BoltzmannMachine, n: int, seed: int = 0) -> Nodes:
    rng = torch.Generator().manual_seed(seed)
    clamped = (torch.rand(n, teacher.n_clamped, generator=rng) < 0.5).double()
    return clamped, gibbs_sample(teacher, clamped, rng, 100)


def exact_loss(machine: BoltzmannMachine, data: Nodes) -> Tensor:
    """Negative log-likelihood of data by autograd through sums over all states."""
    clamped, free = data
    conditions, which = torch.unique(clamped, dim=0, return_inverse=True)
    states = all_states(machine.n_free).double()
    log_z = [torch.logsumexp(-machine.energy(c.expand(len(states), -1), states), dim=0) for c in conditions]
    return (machine.energy(clamped, free) + torch.stack(log_z)[which]).mean()


def gradient(machine: BoltzmannMachine, loss: Tensor) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(machine.parameters()))])


def test_value_is_the_difference_of_energies(machine_of: MachineOf) -> None:
    machine = machine_of(0)
    data, chains = draw_data(machine_of(1), 50), draw_data(machine_of(2), 70)
    gap = machine.energy(*data).mean() - machine.energy(*chains).mean()
    assert contrastive_divergence(machine, data, chains).item() == pytest.approx(gap.item())


@pytest.mark.parametrize("centred", [False, True])
def test_gradient_is_the_exact_one_within_the_chains_noise(machine_of: MachineOf, centred: bool) -> None:
    machine, data = machine_of(0, centred=centred), draw_data(machine_of(1), 20_000)
    chains = data[0], gibbs_sample(machine, data[0], torch.Generator().manual_seed(5), 100)
    exact = gradient(machine, exact_loss(machine, data))
    found = gradient(machine, contrastive_divergence(machine, data, chains))
    assert torch.cosine_similarity(found, exact, dim=0) > 0.999
    assert (found - exact).abs().max() < 4.5 * 0.5 / 20_000**0.5  # a mean of zeros and ones


def test_centred_gradient_does_not_care_which_state_is_called_one(machine_of: MachineOf) -> None:
    data, chains = draw_data(machine_of(1), 500), draw_data(machine_of(2), 500)
    flipped = [(clamped, 1 - free) for clamped, free in (data, chains)]
    signs = {"bias_at_offset": -1, "couplings.01.weight": -1, "couplings.12.weight": 1, "couplings.23.weight": 1}
    for centred in (True, False):
        machine = machine_of(0, centred=centred)
        one, two = (gradients(machine, contrastive_divergence(machine, *n)) for n in ((data, chains), flipped))
        same = [torch.allclose(two[name], sign * one[name]) for name, sign in signs.items()]
        assert all(same) == centred


def gradients(machine: BoltzmannMachine, loss: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*machine.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def test_weight_decay_is_half_the_sum_of_squares(machine_of: MachineOf) -> None:
    machine, data = machine_of(0), draw_data(machine_of(1), 10)
    loss = contrastive_divergence(machine, data, data, weight_decay=0.3)
    squares = sum(weight.square().sum().item() for _, weight in machine.weights())
    assert loss.item() == pytest.approx(0.15 * squares)


def test_nothing_but_the_machine_gets_a_gradient(machine_of: MachineOf) -> None:
    machine = machine_of(0)
    clamped, free = draw_data(machine, 20)
    posterior = (0.9 * free).requires_grad_()
    contrastive_divergence(machine, (clamped, posterior), (clamped, free)).backward()
    assert posterior.grad is None
    assert all(parameter.grad is not None for parameter in machine.parameters())


def test_gradient_respects_the_topology() -> None:
    machine = BoltzmannMachine(sparse([2, 4, 4, 4], 1, torch.Generator().manual_seed(0))).double()
    data, chains = draw_data(machine, 30, 1), draw_data(machine, 30, 2)
    contrastive_divergence(machine, data, chains, weight_decay=0.1).backward()
    for coupling in machine.couplings.values():
        assert not coupling.weight.grad[~coupling.mask].any()


@pytest.mark.parametrize("centred", [False, True])
def test_learned_likelihood_is_within_half_a_percent_of_the_largest(machine_of: MachineOf, centred: bool) -> None:
    data = draw_data(machine_of(3), 1000)
    best = maximise(data)
    torch.manual_seed(0)
    machine = BoltzmannMachine(fully_connected([2, 2, 2, 2]), centred=centred).double()
    chains = PersistentChains(1000, 6)
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    rng = torch.Generator().manual_seed(3)
    for _ in range(200):
        optimizer.zero_grad()
        moved = chains.advance(machine, data[0], 2, rng)
        chains.keep(moved[1])
        contrastive_divergence(machine, data, moved).backward()
        optimizer.step()
        schedule.step()
    learned = exact_loss(machine, data).item()
    assert best < learned < 1.005 * best
    untrained = BoltzmannMachine(fully_connected([2, 2, 2, 2])).double()
    assert exact_loss(untrained, data).item() > 1.1 * best


def maximise(data: Nodes) -> float:
    """The smallest negative log-likelihood that any such machine has, by exact gradients."""
    torch.manual_seed(0)
    machine = BoltzmannMachine(fully_connected([2, 2, 2, 2])).double()
    optimizer = torch.optim.LBFGS(machine.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = exact_loss(machine, data)
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    return closure()


def test_chains_move_where_they_are_kept_and_not_before(machine_of: MachineOf) -> None:
    machine, chains = machine_of(0), PersistentChains(40, 6)
    clamped, before = torch.zeros(15, 2), chains.state.clone()
    conditions, free = chains.advance(machine, clamped, 3, torch.Generator().manual_seed(0))
    assert conditions.shape == (40, 2)
    assert torch.equal(chains.state, before)
    chains.keep(free)
    before = chains.state.clone()
    assert torch.equal(before, free.bool())
    again = PersistentChains(40, 6)
    again.load_state_dict(chains.state_dict())
    assert torch.equal(again.state, before)
