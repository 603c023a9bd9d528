"""The energy is the one that is written down, in any precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.boltzmann import BoltzmannMachine, fully_connected, independent, sparse

Define = Callable[[BoltzmannMachine, tuple[int, ...]], float]


def test_energy_of_every_state(machine: BoltzmannMachine, define_energy: Define) -> None:
    for state in product((0, 1), repeat=8):
        nodes = torch.tensor([state], dtype=torch.float64)
        assert machine.energy(nodes[:, :2], nodes[:, 2:]).item() == pytest.approx(define_energy(machine, state))


def test_centred_biases_are_those_of_nodes_counted_from_a_half(machine_of: Callable[..., BoltzmannMachine]) -> None:
    """E = −b̃·p − Σ (p_a − ½) W (p_b − ½), up to what no free node changes."""
    machine = machine_of(0, centred=True)
    nodes = torch.tensor(list(product((0, 1), repeat=8)), dtype=torch.float64)
    centred = nodes - 0.5
    expected = -nodes[:, 2:] @ machine.bias_at_offset - ((centred @ machine.coupling_matrix()) * centred).sum(1) / 2
    off = (machine.energy(nodes[:, :2], nodes[:, 2:]) - expected).view(4, 64)  # one row a condition
    torch.testing.assert_close(off, off[:, :1].expand(4, 64))


def test_partitions_of_different_sizes(define_energy: Define) -> None:
    torch.manual_seed(0)
    topology = sparse([5, 3, 4, 2], 2, torch.Generator().manual_seed(1))
    machine = BoltzmannMachine(topology, weight_std=1.0).double()
    nodes = (torch.rand(20, 14, dtype=torch.float64) < 0.5).double()
    expected = [define_energy(machine, tuple(map(int, row))) for row in nodes.tolist()]
    assert machine.energy(nodes[:, :5], nodes[:, 5:]).tolist() == pytest.approx(expected)


def test_fields_and_matrix_say_the_same_as_the_energy(machine: BoltzmannMachine) -> None:
    clamped, free = (torch.rand(7, 8, dtype=torch.float64) < 0.5).double().split([2, 6], dim=1)
    matrix = machine.coupling_matrix()
    assert torch.equal(matrix, matrix.T)
    energy = -(machine.fields(clamped) * free).sum(1) - ((free @ matrix[2:, 2:]) * free).sum(1) / 2
    torch.testing.assert_close(energy, machine.energy(clamped, free))


def test_mixed_precision_does_not_touch_the_energy() -> None:
    torch.manual_seed(0)
    machine = BoltzmannMachine(fully_connected([50, 50, 50, 50]), weight_std=1.0)
    clamped, free = (torch.rand(9, 200) < 0.5).float().split([50, 150], dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        energy, fields = machine.energy(clamped.bfloat16(), free), machine.fields(clamped)
    assert torch.equal(energy, machine.energy(clamped, free))
    assert torch.equal(fields, machine.fields(clamped))


def test_couplings_that_a_topology_lacks_stay_zero() -> None:
    topology = sparse([4, 6, 6, 6], 2, torch.Generator().manual_seed(0))
    machine = BoltzmannMachine(topology, weight_std=1.0)
    optimizer = torch.optim.AdamW(machine.parameters(), lr=0.1)
    clamped, free = torch.ones(3, 4), torch.ones(3, 18)
    for _ in range(3):
        optimizer.zero_grad()
        machine.energy(clamped, free).sum().backward()
        optimizer.step()
    for pair, weight in machine.weights():
        assert torch.equal(weight != 0, topology.masks[pair])


def test_weights_go_through_a_state_dict() -> None:
    one, two = (BoltzmannMachine(sparse([4, 6, 6], 2, torch.Generator().manual_seed(k))) for k in (0, 1))
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.coupling_matrix(), two.coupling_matrix())


def test_a_machine_without_couplings_has_biases_only() -> None:
    machine = BoltzmannMachine(independent([2, 3, 3]))
    assert [name for name, _ in machine.named_parameters()] == ["bias_at_offset"]
    assert not machine.coupling_matrix().any()


def test_wrong_numbers_of_nodes_are_named(machine: BoltzmannMachine) -> None:
    with pytest.raises(ConfigError, match="3 clamped and 6 free nodes, but the machine has 2 and 6"):
        machine.energy(torch.zeros(1, 3), torch.zeros(1, 6))
