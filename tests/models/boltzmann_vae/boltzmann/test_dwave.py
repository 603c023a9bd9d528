"""The annealer plug-in: on a device that lists all states, and on the SDK's simulated annealer where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.errors import ConfigError, MoliereError
from moliere.models.boltzmann_vae.boltzmann import AnnealerSampler, BoltzmannMachine, build_sampler, zephyr
from moliere.models.boltzmann_vae.boltzmann.dwave import flux_per_field

Weigh = Callable[[BoltzmannMachine, tuple[int, ...]], NDArray[np.float64]]
CONDITIONS = [(0, 0), (0, 1), (1, 0), (1, 1)]
N = 8000


class ListingAnnealer:
    """Has the interface of a dimod sampler and returns exact samples of exp(−β E), in an order of its own."""

    def __init__(self, beta: float, *, flux: bool = False, properties: Mapping[str, Any] | None = None) -> None:
        self.beta = beta
        self.parameters = {"num_reads": [], "seed": []} | ({"flux_biases": []} if flux else {})
        self.properties = {"num_qubits": 160, **(properties or {})}

    def sample_ising(
        self,
        h: Mapping[int, float],
        J: Mapping[tuple[int, int], float],
        *,
        num_reads: int,
        seed: int,
        flux_biases: list[float] | None = None,
        **options: Any,
    ) -> SimpleNamespace:
        assert not options.get("auto_scale", False)
        qubits = sorted(h, reverse=True)
        spins = np.array(list(product((-1, 1), repeat=len(qubits))))
        column = dict(zip(qubits, spins.T, strict=True))
        energy = sum(value * column[q] for q, value in h.items()) + sum(
            value * column[a] * column[b] for (a, b), value in J.items()
        )
        if flux_biases is not None:
            energy = energy + sum(flux_biases[q] / flux_per_field() * column[q] for q in qubits)
        weights = np.exp(-self.beta * (energy - energy.min()))
        counts = np.random.default_rng(seed).multinomial(num_reads, weights / weights.sum())
        seen = counts > 0  # as answers come where equal reads are counted together
        return SimpleNamespace(
            variables=qubits, record=SimpleNamespace(sample=spins[seen].astype(np.int8), num_occurrences=counts[seen])
        )


def check_conditions(machine: BoltzmannMachine, free: NDArray[np.float64], weigh: Weigh, states: Any) -> None:
    for k, condition in enumerate(CONDITIONS):
        weights = weigh(machine, condition)
        exact = states.T @ (weights[:, None] * states) / weights.sum()
        rows = free[k::4]
        error = np.sqrt(exact * (1 - exact) / len(rows))
        assert (np.abs(rows.T @ rows / len(rows) - exact) < 4.5 * error).all()


@pytest.mark.parametrize("flux", [False, True], ids=["fields", "flux biases"])
def test_samples_are_the_machines_under_each_condition(
    machine: BoltzmannMachine, flux: bool, weigh: Weigh, states: NDArray[np.float64]
) -> None:
    sampler = AnnealerSampler(ListingAnnealer(3.0, flux=flux), effective_beta=3.0)
    clamped = torch.tensor(CONDITIONS).repeat(N // 4, 1).float()
    free = sampler.sample(machine, clamped, torch.Generator().manual_seed(0))
    assert free.dtype == torch.float64
    check_conditions(machine, free.numpy(), weigh, states)


def test_seeds_come_from_the_generator(machine: BoltzmannMachine) -> None:
    sampler = AnnealerSampler(ListingAnnealer(1.0), effective_beta=1.0)
    one, two, three = (
        sampler.sample(machine, torch.zeros(50, 2), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


@pytest.mark.parametrize("start", [1.0, 4.0, 10.0])
def test_calibration_finds_the_temperature(machine: BoltzmannMachine, start: float) -> None:
    sampler = AnnealerSampler(ListingAnnealer(3.0), effective_beta=start)
    condition = torch.tensor([1.0, 0.0])
    found = sampler.calibrated(machine, condition, torch.Generator().manual_seed(0), reads=20_000)
    assert found.effective_beta == pytest.approx(3.0, rel=0.05)
    assert found.device is sampler.device


def test_a_zephyr_machine_is_programmed_on_its_qubits() -> None:
    topology = zephyr([2, 2, 2, 2], grid=2)
    torch.manual_seed(0)
    machine = BoltzmannMachine(topology, weight_std=1.0)
    free = AnnealerSampler(ListingAnnealer(4.0, flux=True)).sample(machine, torch.ones(20, 2), torch.Generator())
    assert topology.qubits is not None
    assert max(topology.qubits) > 8
    assert free.shape == (20, 6)


def test_a_weak_hold_is_noticed(machine: BoltzmannMachine) -> None:
    sampler = AnnealerSampler(ListingAnnealer(1.0), effective_beta=1.0, strength=0.1)
    with pytest.raises(MoliereError, match="of the clamped nodes wrong; try a higher strength"):
        sampler.sample(machine, torch.zeros(100, 2), torch.Generator())


def test_what_a_chip_cannot_be_programmed_with_is_refused(machine: BoltzmannMachine) -> None:
    device = ListingAnnealer(1.0, flux=True, properties={"h_range": (-4, 4), "extended_j_range": (-0.1, 0.1)})
    with pytest.raises(ConfigError, match=r"the machine needs extended_j from .* but the annealer has -0\.1 to 0\.1"):
        AnnealerSampler(device, effective_beta=1.0).sample(machine, torch.zeros(5, 2), torch.Generator())


@pytest.mark.parametrize("settings", [{"effective_beta": 0.0}, {"strength": -1.0}])
def test_settings_must_be_positive(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be above 0"):
        AnnealerSampler(ListingAnnealer(1.0), **settings)


def test_the_sdks_simulated_annealer(machine: BoltzmannMachine, weigh: Weigh, states: NDArray[np.float64]) -> None:
    pytest.importorskip("dwave.samplers")
    sampler = build_sampler("simulated-annealing")
    assert isinstance(sampler, AnnealerSampler)
    rng = torch.Generator().manual_seed(0)
    clamped = torch.tensor(CONDITIONS).repeat(N // 4, 1).float()
    check_conditions(machine, sampler.sample(machine, clamped, rng).numpy(), weigh, states)
    assert sampler.calibrated(machine, clamped[1], rng, reads=5000).effective_beta == pytest.approx(1.0, rel=0.1)


def test_the_sdks_flux_biases() -> None:
    temperatures = pytest.importorskip("dwave.system.temperatures")
    assert flux_per_field() == pytest.approx(temperatures.h_to_fluxbias(1.0), rel=1e-4)
