"""Chains of a Boltzmann machine: block Gibbs sampling, and the contrastive divergence that it learns by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine


class GibbsChains:
    """Chains of one machine, each under its own condition; everything is allocated once.

    The clamped partition enters only through the fields, which are computed here and never again. A sweep is then, for
    each partition, two matrix products with what lies before and after it, and one uniform number a node.

    Args:
        machine: what is sampled; its parameters are taken as they are now.
        clamped: condition of each chain (n, n_clamped).
        rng: the only source of randomness; numbers are drawn where it lives.
        start: free nodes to start from (n, n_free); drawn from the machine without couplings by default.
    """

    @torch.no_grad()
    def __init__(
        self, machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator, start: Tensor | None = None
    ) -> None:
        self.rng = rng
        self.fields = machine.fields(clamped)
        self.couplings = machine.coupling_matrix()[machine.n_clamped :, machine.n_clamped :].contiguous()
        self.free = torch.zeros_like(self.fields)
        stops = torch.tensor(machine.sizes[1:]).cumsum(0).tolist()
        self._blocks = [slice(stop - size, stop) for stop, size in zip(stops, machine.sizes[1:], strict=True)]
        self._inputs = [torch.empty_like(self.free[:, block]).contiguous() for block in self._blocks]
        self._noise = [torch.empty_like(inputs, device=rng.device) for inputs in self._inputs]
        if start is None:
            self.sweep(0.0)
        else:
            self.free.copy_(start)

    @torch.no_grad()
    def sweep(self, strength: float = 1.0) -> None:
        """Draw each partition once, given all others.

        Args:
            strength: factor on the couplings between free nodes; at 0 the draw is exact.
        """
        for block, inputs, noise in zip(self._blocks, self._inputs, self._noise, strict=True):
            before, after = slice(0, block.start), slice(block.stop, None)
            torch.addmm(
                self.fields[:, block], self.free[:, before], self.couplings[before, block], alpha=strength, out=inputs
            )
            inputs.addmm_(self.free[:, after], self.couplings[after, block], alpha=strength)
            noise.uniform_(generator=self.rng)
            torch.gt(inputs.sigmoid_(), noise.to(inputs.device), out=self.free[:, block])

    @property
    def chances(self) -> Tensor:
        """Probabilities of 1 that the last sweep drew each node by (n, n_free)."""
        return torch.cat(self._inputs, dim=1)

    @torch.no_grad()
    def interaction(self) -> Tensor:
        """Minus the energy of the couplings between free nodes (n,)."""
        total = torch.zeros(len(self.free), dtype=self.free.dtype, device=self.free.device)
        for block in self._blocks:
            before = slice(0, block.start)
            total += ((self.free[:, before] @ self.couplings[before, block]) * self.free[:, block]).sum(dim=1)
        return total


def gibbs_sample(
    machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator, steps: int, start: Tensor | None = None
) -> Tensor:
    """Free nodes after ``steps`` sweeps.

    Args:
        machine: what is sampled.
        clamped: condition of each chain (n, n_clamped).
        rng: the only source of randomness.
        steps: number of sweeps.
        start: free nodes to start from (n, n_free); drawn from the machine without couplings by default.

    Returns:
        Zeros and ones (n, n_free) in the machine's type.
    """
    chains = GibbsChains(machine, clamped, rng, start)
    # without couplings there is nothing to mix: one sweep is as good as all
    for _ in range(steps if machine.couplings else min(steps, 1)):
        chains.sweep()
    return chains.free


@torch.no_grad()
def conditional_means(
    machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator, steps: int, chains: int
) -> Tensor:
    """Means of the free nodes under each row's condition, as far as chains forget their start in half of the sweeps.

    What is averaged are the probabilities that nodes are drawn by, over the chains of a row and the later half of
    their sweeps: zeros and ones of the same chains would scatter several times as far.

    Args:
        machine: what is sampled.
        clamped: (n, n_clamped).
        rng: the only source of randomness.
        steps: number of sweeps.
        chains: for each row.

    Returns:
        (n, n_free).
    """
    walk = GibbsChains(machine, clamped.repeat(chains, 1), rng)
    total = torch.zeros_like(walk.free)
    for step in range(steps):
        walk.sweep()
        if step >= steps // 2:
            total += walk.chances
    return (total / (steps - steps // 2)).view(chains, len(clamped), -1).mean(dim=0)


#: clamped (n, n_clamped) and free (n, n_free) nodes of some events or chains
Nodes = tuple[Tensor, Tensor]


def contrastive_divergence(machine: BoltzmannMachine, data: Nodes, chains: Nodes, weight_decay: float = 0.0) -> Tensor:
    r"""A loss whose gradient is that of the negative log-likelihood, as far as the chains are in equilibrium.

    Its value is :math:`\langle E \rangle_{data} - \langle E \rangle_{chains} + \gamma/2 \sum W^2`: near zero at the
    start and at the end, so that it says little about how well the machine does.

    Args:
        machine: what learns; nothing else gets a gradient.
        data: clamped and free nodes of the data; free nodes may be probabilities.
        chains: clamped and free nodes of the machine's own samples.
        weight_decay: γ.

    Returns:
        The scalar loss.

    References:
        Training Products of Experts by Minimizing Contrastive Divergence, G. E. Hinton, 2002,
        https://doi.org/10.1162/089976602760128018
    """
    here, there = (machine.energy(clamped.detach(), free.detach()).mean() for clamped, free in (data, chains))
    loss = here - there
    for _, weight in machine.weights():
        loss = loss + weight_decay / 2 * weight.square().sum()
    return loss


class PersistentChains(nn.Module):
    """Chains that go on from where the last update left them, so that few sweeps an update are enough.

    Their free nodes are a buffer, so that a resumed training goes on with them. They stay where they are until
    :meth:`keep` is called, so that validation does not move them.

    Args:
        n_chains: number of chains; as many as a batch has events, or a multiple of it, gives every event its share.
        n_free: free nodes of the machine.

    References:
        Training Restricted Boltzmann Machines using Approximations to the Likelihood Gradient, T. Tieleman, 2008,
        https://doi.org/10.1145/1390156.1390290
    """

    state: Tensor

    def __init__(self, n_chains: int, n_free: int) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(n_chains, n_free, dtype=torch.bool))

    def advance(self, machine: BoltzmannMachine, clamped: Tensor, steps: int, rng: torch.Generator) -> Nodes:
        """Where the chains are after some more sweeps under the conditions of a batch.

        Args:
            machine: whose chains they are.
            clamped: conditions (n, n_clamped), given to the chains in turn.
            steps: number of sweeps.
            rng: the only source of randomness.

        Returns:
            Clamped and free nodes of all chains.
        """
        conditions = clamped[torch.arange(len(self.state), device=clamped.device) % len(clamped)]
        return conditions, gibbs_sample(machine, conditions, rng, steps, start=self.state)

    def keep(self, free: Tensor) -> None:
        """Go on from these free nodes (n_chains, n_free) the next time."""
        self.state.copy_(free)
