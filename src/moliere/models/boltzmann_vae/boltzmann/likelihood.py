"""How probable a machine finds data: exact partition sums where it is small, annealed importance sampling elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.boltzmann.chains import GibbsChains
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine

#: free nodes whose states can be listed
LARGEST_EXACT = 20


@dataclass(frozen=True)
class LogPartition:
    """An estimate of log Z for each condition.

    Args:
        value: (n,).
        error: one standard deviation (n,).
    """

    value: Tensor
    error: Tensor


def all_states(n_nodes: int) -> Tensor:
    """Every state of some nodes (2ⁿ, n), float32.

    Raises:
        ConfigError: too many to list.

    Example:
        >>> all_states(2).tolist()
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    if n_nodes > LARGEST_EXACT:
        raise ConfigError(
            f"{n_nodes} free nodes have too many states to list, the limit is {LARGEST_EXACT}; use "
            "annealed_log_partition"
        )
    return (torch.arange(2**n_nodes)[:, None] >> torch.arange(n_nodes) & 1).float()


@torch.no_grad()
def exact_log_partition(machine: BoltzmannMachine, clamped: Tensor) -> Tensor:
    """The logarithm of Z for each condition by the sum over all states of the free nodes.

    Args:
        machine: with at most ``LARGEST_EXACT`` free nodes.
        clamped: conditions (n, n_clamped).

    Returns:
        (n,).

    Raises:
        ConfigError: the machine is too large.
    """
    states = all_states(machine.n_free).to(machine.bias_at_offset)
    # apart from the fields, nothing depends on the condition
    interaction = -machine.energy(clamped.new_zeros(len(states), machine.n_clamped), states) - states @ machine.bias
    return torch.logsumexp(machine.fields(clamped) @ states.T + interaction, dim=1)


@torch.no_grad()
def annealed_log_partition(
    machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator, n_chains: int = 100, n_steps: int = 1000
) -> LogPartition:
    """The logarithm of Z for each condition by annealed importance sampling.

    Chains start from the machine without couplings between free nodes, whose log Z is known, and the couplings are
    turned on step by step.

    Args:
        machine: of any size.
        clamped: conditions (n, n_clamped).
        rng: the only source of randomness.
        n_chains: chains of each condition.
        n_steps: steps from no couplings to all.

    Returns:
        Values and errors (n,); an error says little where it is not well below one.

    References:
        Annealed importance sampling, R. M. Neal, 2001, https://doi.org/10.1023/A:1008923215028; On the quantitative
        analysis of deep belief networks, R. Salakhutdinov, 2008, https://doi.org/10.1145/1390156.1390266
    """
    chains = GibbsChains(machine, clamped.repeat_interleave(n_chains, dim=0), rng)
    weights = torch.zeros_like(chains.fields[:, 0])
    for step in range(1, n_steps + 1):
        weights += chains.interaction() / n_steps
        chains.sweep(step / n_steps)
    weights = weights.view(len(clamped), n_chains)
    mean = weights.logsumexp(dim=1) - math.log(n_chains)
    spread = (weights - mean[:, None]).exp().std(dim=1) / math.sqrt(n_chains)
    return LogPartition(mean + F.softplus(machine.fields(clamped)).sum(dim=1), spread)


def log_likelihood(machine: BoltzmannMachine, clamped: Tensor, free: Tensor, log_partition: Tensor) -> Tensor:
    """The logarithm of P(free | clamped) of each row, in nats.

    Args:
        machine: that judges.
        clamped: (n, n_clamped).
        free: (n, n_free).
        log_partition: log Z of the rows' conditions (n,).

    Returns:
        (n,).
    """
    return -machine.energy(clamped, free) - log_partition


@torch.no_grad()
def pseudo_likelihood(machine: BoltzmannMachine, clamped: Tensor, free: Tensor) -> Tensor:
    r"""The sum over free nodes of ln P(node | all others) of each row, in nats.

    It needs no partition sum and is largest, on average, for the machine that the rows come from.

    Args:
        machine: that judges.
        clamped: (n, n_clamped).
        free: zeros and ones (n, n_free).

    Returns:
        (n,).

    References:
        Statistical Analysis of Non-Lattice Data, J. Besag, 1975, https://doi.org/10.2307/2987782
    """
    couplings = machine.coupling_matrix()[machine.n_clamped :, machine.n_clamped :]
    inputs = machine.fields(clamped) + free @ couplings
    return -F.binary_cross_entropy_with_logits(inputs, free, reduction="none").sum(dim=1)
