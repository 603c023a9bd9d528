"""Sampling on a D-Wave annealer, or on the simulated one of its SDK, which needs no account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import ConfigError, MissingExtra, MoliereError
from moliere.models.boltzmann_vae.boltzmann.ising import Ising, inverse_temperature, to_ising
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine
from moliere.models.boltzmann_vae.boltzmann.sampler import Sampler, samplers

_INSTALL = 'D-Wave samplers come with its SDK: pip install "moliere[dwave]"'
_PLANCK = 6.62607015e-34  # J s
_FLUX_QUANTUM = 2.067833848e-15  # Wb

#: share of the clamped nodes' reads that may come out wrong: one in a hundred, as a chip now and then misreads
_MISREAD = 0.01


class Annealer(Protocol):
    """What is used of a sampler of D-Wave's SDK (``dimod.Sampler``)."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Names of what ``sample_ising`` takes."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """Of the device: ranges of fields and couplings, number of qubits."""

    def sample_ising(self, h: Mapping[int, float], J: Mapping[tuple[int, int], float], **options: Any) -> Any:
        """Reads of an Ising problem, as a ``dimod.SampleSet``."""


@dataclass(frozen=True)
class AnnealerSampler(Sampler):
    """Samples a Boltzmann machine on an annealer, one call for each different condition.

    An annealer returns exp(−β E) of the energies it was given, with a β of its own; so the machine's are divided by
    it. Clamped nodes are qubits held by a flux bias, where the device has one, and by a strong field otherwise.

    Args:
        device: a sampler of D-Wave's SDK.
        effective_beta: β of the device; :meth:`calibrated` measures it.
        strength: of the field that holds clamped nodes, in units of what is programmed; 20 to 50 are usual.
        options: passed to the device with every call.

    References:
        Conditioned quantum-assisted deep generative surrogate for particle-calorimeter interactions,
        J. Q. Toledo-Marín, 2024, https://arxiv.org/abs/2410.22870
    """

    device: Annealer
    effective_beta: float = 4.0
    strength: float = 20.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.effective_beta <= 0 or self.strength <= 0:
            raise ConfigError(
                f"effective_beta {self.effective_beta} and strength {self.strength} of an annealer must be above 0"
            )

    def sample(self, machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator) -> Tensor:
        """One read a row.

        Raises:
            ConfigError: fields or couplings that the device cannot be programmed with.
            MoliereError: the device did not hold the clamped nodes, or returned another number of reads.
        """
        programmed = to_ising(machine).scaled(1 / self.effective_beta)
        free = machine.bias_at_offset.new_empty(len(clamped), machine.n_free)
        conditions, which = torch.unique(clamped, dim=0, return_inverse=True)
        for k, condition in enumerate(conditions.cpu().numpy()):
            rows = (which == k).nonzero()[:, 0]
            spins = self._read(machine, programmed, condition, len(rows), rng)
            free[rows] = torch.as_tensor(spins[:, machine.n_clamped :] > 0).to(free)
        return free

    def calibrated(
        self, machine: BoltzmannMachine, condition: Tensor, rng: torch.Generator, reads: int = 128, rounds: int = 3
    ) -> AnnealerSampler:
        """The same sampler with its β measured on a machine.

        β depends a little on what is programmed, and what is programmed on β: hence the rounds.

        Args:
            machine: to measure with.
            condition: one row of clamped nodes (n_clamped,).
            rng: source of randomness.
            reads: of each round.
            rounds: measurements, each with what the one before gave.

        Raises:
            InvalidQuantity: the reads have no temperature.
        """
        sampler, ising = self, to_ising(machine)
        for _ in range(rounds):
            programmed = ising.scaled(1 / sampler.effective_beta)
            spins = sampler._read(machine, programmed, condition.cpu().numpy(), reads, rng)
            beta = inverse_temperature(programmed, spins, slice(machine.n_clamped, None))
            sampler = replace(sampler, effective_beta=beta)
        return sampler

    def _read(
        self, machine: BoltzmannMachine, programmed: Ising, condition: NDArray[Any], n: int, rng: torch.Generator
    ) -> NDArray[np.float64]:
        """Spins of n reads under one condition (n, n_nodes)."""
        labels = machine.topology.qubits or range(len(programmed.fields))
        wanted = 2.0 * condition - 1
        fields, held = self._hold(programmed, wanted, labels)
        h, j = _program(Ising(fields, programmed.couplings), labels)
        self._check_ranges(h, j)
        reads = self.device.sample_ising(h, j, num_reads=n, **held, **self._seed(rng), **self.options)
        spins = _spins(reads, labels)
        wrong = np.mean(spins[:, : len(wanted)] != wanted)
        if len(spins) != n or wrong > _MISREAD:
            raise MoliereError(
                f"the annealer returned {len(spins)} of {n} reads, with {wrong:.1%} of the clamped nodes wrong; "
                "try a higher strength"
            )
        return spins

    def _hold(
        self, programmed: Ising, wanted: NDArray[np.float64], labels: Sequence[int]
    ) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Fields and options with which the first spins come out as wanted."""
        fields = programmed.fields.copy()
        if "flux_biases" not in self.device.parameters:
            fields[: len(wanted)] -= self.strength * wanted
            return fields, {}
        biases = [0.0] * int(self.device.properties["num_qubits"])
        for qubit, spin in zip(labels, wanted, strict=False):
            biases[qubit] = -self.strength * float(spin) * flux_per_field()
        # compensation would work against the biases, and automatic scaling against the temperature
        raw = {"answer_mode": "raw", "auto_scale": False, "flux_drift_compensation": False}
        return fields, {"flux_biases": biases, **raw}

    def _seed(self, rng: torch.Generator) -> dict[str, int]:
        if "seed" not in self.device.parameters:
            return {}
        return {"seed": int(torch.randint(2**31, (), generator=rng, device=rng.device))}

    def _check_ranges(self, h: Mapping[int, float], j: Mapping[tuple[int, int], float]) -> None:
        """Refuse what the device would clip."""
        properties = self.device.properties
        ranges = {"h_range": h.values(), "extended_j_range": j.values()}
        for name, values in ranges.items():
            low, high = properties.get(name, (-np.inf, np.inf))
            if values and (min(values) < low or max(values) > high):
                raise ConfigError(
                    f"the machine needs {name[:-6]} from {min(values):.2f} to {max(values):.2f} at effective β "
                    f"{self.effective_beta:.2f}, but the annealer has {low} to {high}; train with more weight decay"
                )


def flux_per_field(schedule_ghz: float = 1.391, inductance_ph: float = 1.647) -> float:
    """The flux bias, in flux quanta, that acts as a field h = 1 where the qubits freeze.

    H = B(s)/2 · h = −I_p(s) Φ with B = 2 M I_p².

    Args:
        schedule_ghz: B(s) at the freeze-out, in GHz; of Advantage_system4.1, as are all defaults of D-Wave's SDK.
        inductance_ph: mutual inductance M of the qubits, in pH.

    Example:
        >>> round(flux_per_field() * 1e4, 3)
        -4.213
    """
    energy = schedule_ghz * 1e9 * _PLANCK
    current = float(np.sqrt(energy / (2 * inductance_ph * 1e-12)))
    return -energy / 2 / (current * _FLUX_QUANTUM)


def _program(ising: Ising, labels: Sequence[int]) -> tuple[dict[int, float], dict[tuple[int, int], float]]:
    """Fields and non-zero couplings by label."""
    rows, columns = np.nonzero(np.triu(ising.couplings))
    values = ising.couplings[rows, columns].tolist()
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    couplings = {(labels[a], labels[b]): value for (a, b), value in zip(pairs, values, strict=True)}
    return dict(zip(labels, ising.fields.tolist(), strict=True)), couplings


def _spins(reads: Any, labels: Sequence[int]) -> NDArray[np.float64]:
    """Spins in the order of labels, reads that were counted together apart again."""
    column = {label: k for k, label in enumerate(reads.variables)}
    order = [column[label] for label in labels]
    spins: NDArray[np.float64] = np.repeat(reads.record.sample[:, order], reads.record.num_occurrences, axis=0)
    return spins.astype(np.float64)


@samplers.register("d-wave")
def connect_annealer(solver: str | None = None, effective_beta: float = 4.0, strength: float = 20.0) -> AnnealerSampler:
    """A D-Wave chip; address and token come from the SDK's own configuration (``dwave config create``).

    Args:
        solver: name of the chip (Advantage2_system1.6); the SDK's choice by default.
        effective_beta: see :class:`AnnealerSampler`.
        strength: see :class:`AnnealerSampler`.

    Raises:
        MissingExtra: the SDK is not installed.
        MoliereError: no such chip, no token, no connection.
    """
    try:
        from dwave.system import DWaveSampler
    except ImportError as error:
        raise MissingExtra(_INSTALL) from error
    try:
        device = DWaveSampler(**({"solver": solver} if solver else {}))
    except Exception as error:  # its client raises anything from ValueError to errors of requests
        raise MoliereError(f"no D-Wave chip {solver or ''}: {error}; check it with: dwave ping") from error
    return AnnealerSampler(device, effective_beta, strength)


@samplers.register("simulated-annealing")
def simulated_annealer(sweeps: int = 1000, strength: float = 20.0) -> AnnealerSampler:
    """The SDK's simulated annealer, stopped at β = 1: what a chip would return, on any computer.

    Args:
        sweeps: from hot to β = 1.
        strength: see :class:`AnnealerSampler`.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    try:
        from dwave.samplers import SimulatedAnnealingSampler
    except ImportError as error:
        raise MissingExtra(_INSTALL) from error
    options = {"num_sweeps": sweeps, "beta_range": (0.01, 1.0)}
    return AnnealerSampler(SimulatedAnnealingSampler(), 1.0, strength, options)
