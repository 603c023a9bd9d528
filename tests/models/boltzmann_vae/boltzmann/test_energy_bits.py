"""Bits are those of the published layouts, and say the energy again."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moliere.errors import ConfigError, InvalidQuantity, UnsupportedIncident
from moliere.models.boltzmann_vae.boltzmann import EnergyBits, repeated_energy_bits


def number(bits: torch.Tensor) -> int:
    """Lowest bit first."""
    return int("".join(str(int(bit)) for bit in bits.flip(0)), 2)


def test_the_three_numbers_by_hand() -> None:
    """4096.9 MeV: ⌊E⌋ = 4096, ⌊200 · 64.0070…⌋ = 12801, ⌊10⁴ · 8.317986…⌋ = 83179."""
    bits = EnergyBits().encode(torch.tensor([4096.9], dtype=torch.float64))[0]
    assert [number(field) for field in bits.split([19, 17, 17])] == [4096, 12801, 83179]


def test_the_first_layout_repeats_and_pads() -> None:
    """2000 MeV: ⌊E⌋ = 2000, ⌊√20000⌋ = 141, ⌊e¹⁰ · 7.600902…⌋ = 167421."""
    layout = repeated_energy_bits(302)
    bits = layout.encode(torch.tensor([2000.0], dtype=torch.float64))[0]
    assert bits.shape == (302,)
    assert [number(field) for field in bits[:60].split(20)] == [2000, 141, 167421]
    assert torch.equal(bits[:300], bits[:60].repeat(5))
    assert not bits[300:].any()


def test_gray_code_by_hand() -> None:
    """5 = 101 → 111, 6 = 110 → 101; in Gray code the two differ by one bit, in binary by two."""
    energies = torch.tensor([5.0, 6.0], dtype=torch.float64)
    assert EnergyBits(gray=True).encode(energies)[:, :3].tolist() == [[1, 1, 1], [1, 0, 1]]
    assert EnergyBits().encode(energies)[:, :3].tolist() == [[1, 0, 1], [0, 1, 1]]


def test_neighbours_differ_by_one_bit_in_gray_code() -> None:
    energies = torch.arange(1, 5000, dtype=torch.float64)
    fields = EnergyBits(gray=True).encode(energies)[:, :19]
    assert ((fields[1:] != fields[:-1]).sum(dim=1) == 1).all()


@pytest.mark.parametrize("layout", [EnergyBits(), EnergyBits(gray=True), repeated_energy_bits(302, gray=True)])
@given(energy=st.floats(1.0, 4.2e5))
def test_bits_say_the_energy_again(layout: EnergyBits, energy: float) -> None:
    bits = layout.encode(torch.tensor([energy], dtype=torch.float64))
    decoded = layout.decode(bits)
    assert abs(decoded.item() - energy) <= 0.5 * min(1.0, energy * (math.exp(1 / layout.log_scale) - 1)) + 1e-9
    assert torch.equal(layout.encode(decoded.clamp(min=1)), bits)


@pytest.mark.parametrize(
    ("layout", "highest"),
    [
        (EnergyBits(), (2**17 / 200) ** 2),
        (EnergyBits(70, (23, 24, 23)), 2.0**23),
        (EnergyBits(53, (19, 17, 10)), math.exp(0.1024)),
        (repeated_energy_bits(302), 2.0**20),
    ],
)
def test_energies_beyond_the_bits_are_refused(layout: EnergyBits, highest: float) -> None:
    assert layout.highest == pytest.approx(highest)
    below = torch.tensor([highest * (1 - 1e-9)], dtype=torch.float64)
    layout.decode(layout.encode(below))
    with pytest.raises(UnsupportedIncident, match=r"energy bits hold 1 MeV to .* give the energy more bits"):
        layout.encode(torch.tensor([10.0, highest * (1 + 1e-9)], dtype=torch.float64).flip(0))


@pytest.mark.parametrize("energy", [0.5, 0.0, -3.0, math.nan, math.inf])
def test_energies_below_one_mev_have_no_bits(energy: float) -> None:
    with pytest.raises(UnsupportedIncident, match="1 MeV"):
        EnergyBits().encode(torch.tensor([energy]))


def test_a_partition_must_hold_the_pattern() -> None:
    with pytest.raises(ConfigError, match=r"52 nodes cannot hold 19\+17\+17 = 53 bits"):
        EnergyBits(52)


def test_bits_of_no_energy_are_named() -> None:
    bits = EnergyBits().encode(torch.tensor([500.0, 500.0], dtype=torch.float64))
    bits[1, 0] = 1 - bits[1, 0]  # 500 → 501, which the logarithm excludes
    with pytest.raises(InvalidQuantity, match="row 1"):
        EnergyBits().decode(bits)


def test_no_energies() -> None:
    assert EnergyBits().encode(torch.zeros(0)).shape == (0, 53)
