"""Spins have the energies of the machine, and a temperature that can be read off."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from moliere.errors import InvalidQuantity
from moliere.models.boltzmann_vae.boltzmann import BoltzmannMachine
from moliere.models.boltzmann_vae.boltzmann.ising import Ising, inverse_temperature, to_ising

STATES = np.array(list(product((0, 1), repeat=8)), dtype=float)


def test_every_state_has_the_machines_energy(
    machine: BoltzmannMachine, define_energy: Callable[[BoltzmannMachine, tuple[int, ...]], float]
) -> None:
    expected = [define_energy(machine, tuple(map(int, state))) for state in STATES]
    assert to_ising(machine).energy(2 * STATES - 1) == pytest.approx(expected)


def test_energy_term_by_term() -> None:
    ising = Ising(np.array([0.5, -1.0, 0.0]), np.array([[0, 2.0, 0], [2.0, 0, -3.0], [0, -3.0, 0]]), offset=10)
    assert ising.energy(np.array([[1.0, -1.0, -1.0]])).tolist() == [10 + 0.5 + 1.0 - 2.0 - 3.0]
    assert ising.scaled(0.5).energy(np.array([[1.0, -1.0, -1.0]])).tolist() == [3.25]


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.5])
def test_temperature_of_exact_samples(machine: BoltzmannMachine, beta: float) -> None:
    ising = to_ising(machine)
    spins = 2 * STATES - 1
    weights = np.exp(-beta * ising.energy(spins))
    drawn = np.random.default_rng(0).choice(256, size=50_000, p=weights / weights.sum())
    assert inverse_temperature(ising, spins[drawn]) == pytest.approx(beta, rel=0.03)


def test_held_spins_do_not_count(machine: BoltzmannMachine) -> None:
    """Held spins lie as they are told, whatever the temperature."""
    ising, spins = to_ising(machine), 2 * STATES - 1
    spins = spins[(STATES[:, 0] == 1) & (STATES[:, 1] == 0)]
    weights = np.exp(-1.5 * ising.energy(spins))
    drawn = spins[np.random.default_rng(0).choice(64, size=50_000, p=weights / weights.sum())]
    assert inverse_temperature(ising, drawn, slice(2, None)) == pytest.approx(1.5, rel=0.03)
    assert inverse_temperature(ising, drawn) != pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("sign", [-1, 1])
def test_reads_without_a_temperature(sign: int) -> None:
    """All spins along their fields (frozen), or all against them."""
    ising = Ising(np.ones(4), np.zeros((4, 4)))
    with pytest.raises(InvalidQuantity, match="no finite positive temperature"):
        inverse_temperature(ising, np.full((10, 4), float(sign)))
