"""Block Gibbs sampling: partition after partition, for many chains at once."""

from __future__ import annotations

import torch
from torch import Tensor

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
