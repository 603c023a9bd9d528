"""Samplers by name, and what happens where one cannot be had."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from moliere.errors import ConfigError, MissingExtra, UnknownName
from moliere.models.boltzmann_vae.boltzmann import BoltzmannMachine, GibbsSampler, build_sampler, gibbs_sample, samplers

without_sdk = pytest.mark.skipif(find_spec("dwave") is not None, reason="D-Wave's SDK is installed")


def test_known_samplers() -> None:
    assert list(samplers) == ["d-wave", "gibbs", "simulated-annealing"]


def test_gibbs_takes_its_steps(machine: BoltzmannMachine) -> None:
    clamped = torch.zeros(10, 2)
    drawn = build_sampler("gibbs", {"steps": 7}).sample(machine, clamped, torch.Generator().manual_seed(1))
    assert torch.equal(drawn, gibbs_sample(machine, clamped, torch.Generator().manual_seed(1), 7))


@without_sdk
@pytest.mark.parametrize("name", ["d-wave", "simulated-annealing"])
def test_an_annealer_without_its_sdk(name: str) -> None:
    with pytest.raises(MissingExtra, match=r'pip install "moliere\[dwave\]"'):
        build_sampler(name)


@without_sdk
def test_gibbs_stands_in_only_when_asked_and_says_so() -> None:
    with pytest.warns(UserWarning, match="sampling with gibbs instead"):
        sampler = build_sampler("d-wave", {"solver": "Advantage2_system1.6"}, fall_back=True)
    assert sampler == GibbsSampler()


def test_wrong_settings_are_errors_even_with_a_fall_back() -> None:
    with pytest.raises(ConfigError, match="did you mean 'solver'"):
        build_sampler("d-wave", {"solvr": "x"}, fall_back=True)
    with pytest.raises(ConfigError, match="0 steps"):
        build_sampler("gibbs", {"steps": 0}, fall_back=True)
    with pytest.raises(UnknownName, match="did you mean 'gibbs'"):
        build_sampler("gibs")
