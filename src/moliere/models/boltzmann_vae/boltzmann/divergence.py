"""What a Boltzmann machine learns by: the difference between what data and what its own chains look like."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moliere.models.boltzmann_vae.boltzmann.gibbs import gibbs_sample
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine

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
