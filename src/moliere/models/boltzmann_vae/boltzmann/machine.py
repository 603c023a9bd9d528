"""The restricted Boltzmann machine of several partitions: its parameters and its energy."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.boltzmann.topology import Pair, Topology


class BoltzmannMachine(nn.Module):
    r"""A Boltzmann machine over binary nodes in partitions, of which the first is clamped to a condition.

    .. math:: E(p) = - \sum_{a > 0} b_a \cdot p_a - \sum_{a < b} p_a^T W_{ab} p_b

    and :math:`P(p_1, p_2, … | p_0) = e^{-E} / Z(p_0)`. Nodes of one partition do not see each other, so that a whole
    partition is drawn at once given the others.

    With ``centred`` the learned numbers behind the biases are those of nodes counted from ½, b + ½ ΣW: the same
    machines, but the gradient no longer depends on which state of a node is called 1, and learning is faster. The
    published gradient made of covariances does the same for plain gradient descent, but diverges under Adam.

    Args:
        topology: sizes of the partitions and which nodes are coupled.
        weight_std: standard deviation of the couplings at the start.
        centred: learn biases of nodes counted from ½.

    References:
        How to Center Deep Boltzmann Machines, J. Melchior, 2016, https://jmlr.org/papers/v17/14-237.html;
        Conditioned quantum-assisted deep generative surrogate for particle-calorimeter interactions,
        J. Q. Toledo-Marín, 2024, https://arxiv.org/abs/2410.22870

    Example:
        >>> from moliere.models.boltzmann_vae.boltzmann import fully_connected
        >>> machine = BoltzmannMachine(fully_connected([2, 3, 3, 3]))
        >>> machine.n_clamped, machine.n_free
        (2, 9)
        >>> machine.energy(torch.ones(5, 2), torch.zeros(5, 9)).shape
        torch.Size([5])
    """

    def __init__(self, topology: Topology, weight_std: float = 0.01, *, centred: bool = True) -> None:
        super().__init__()
        self.topology = topology
        self.sizes = topology.sizes
        self.offset = 0.5 if centred else 0.0
        self.bias_at_offset = nn.Parameter(torch.zeros(self.n_free))
        self.couplings = nn.ModuleDict({f"{a}{b}": _Coupling(m, weight_std) for (a, b), m in topology.masks.items()})

    @property
    def n_clamped(self) -> int:
        """Nodes of the clamped partition."""
        return self.sizes[0]

    @property
    def n_free(self) -> int:
        """Nodes of all other partitions."""
        return sum(self.sizes[1:])

    def weights(self) -> Iterator[tuple[Pair, Tensor]]:
        """Pairs of partitions and their couplings (n_a, n_b); exactly zero where the topology has none."""
        for (a, b), coupling in zip(self.topology.masks, self.couplings.values(), strict=True):
            yield (a, b), coupling()

    @property
    def bias(self) -> Tensor:
        """The biases of the free nodes (n_free,) in the energy above."""
        sums = [self.bias_at_offset.new_zeros(size) for size in self.sizes]
        for (a, b), weight in self.weights():
            sums[a], sums[b] = sums[a] + weight.sum(dim=1), sums[b] + weight.sum(dim=0)
        return self.bias_at_offset - self.offset * torch.cat(sums[1:])

    def partitions(self, clamped: Tensor, free: Tensor) -> tuple[Tensor, ...]:
        """Clamped (n, n_clamped) and free nodes (n, n_free) as one tensor a partition.

        Raises:
            ConfigError: other numbers of nodes than the machine's.
        """
        if clamped.shape[1] != self.n_clamped or free.shape[1] != self.n_free:
            raise ConfigError(
                f"{clamped.shape[1]} clamped and {free.shape[1]} free nodes, but the machine has {self.n_clamped} "
                f"and {self.n_free}"
            )
        parts = clamped, *free.split(self.sizes[1:], dim=1)
        return tuple(part.to(self.bias_at_offset.dtype) for part in parts)

    def energy(self, clamped: Tensor, free: Tensor) -> Tensor:
        """E of each row; nodes between 0 and 1, as relaxed posteriors have them, are fine.

        Args:
            clamped: (n, n_clamped).
            free: (n, n_free).

        Returns:
            (n,), differentiable in everything.
        """
        # energies are sums of a hundred thousand terms: mixed precision would keep only three digits of them
        with torch.autocast(self.bias_at_offset.device.type, enabled=False):
            parts = self.partitions(clamped, free)
            energy = -torch.cat(parts[1:], dim=1) @ self.bias
            for (a, b), weight in self.weights():
                energy = energy - ((parts[a] @ weight) * parts[b]).sum(dim=1)
        return energy

    def fields(self, clamped: Tensor) -> Tensor:
        """Field of biases and clamped nodes on each free node (n, n_free)."""
        with torch.autocast(self.bias_at_offset.device.type, enabled=False):
            matrix = self.coupling_matrix()
            return self.bias + clamped.to(matrix) @ matrix[: self.n_clamped, self.n_clamped :]

    def coupling_matrix(self) -> Tensor:
        """All couplings as one symmetric matrix (n_nodes, n_nodes), clamped nodes first."""
        starts = [sum(self.sizes[:k]) for k in range(len(self.sizes))]
        matrix = self.bias_at_offset.new_zeros(sum(self.sizes), sum(self.sizes))
        for (a, b), weight in self.weights():
            rows, columns = slice(starts[a], starts[a] + self.sizes[a]), slice(starts[b], starts[b] + self.sizes[b])
            matrix[rows, columns] = weight
            matrix[columns, rows] = weight.T
        return matrix


class _Coupling(nn.Module):
    """Weights between two partitions, and where they are held at zero."""

    mask: Tensor | None

    def __init__(self, mask: Tensor, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(mask.shape) * std * mask)
        self.register_buffer("mask", None if mask.all() else mask)

    def forward(self) -> Tensor:
        return self.weight if self.mask is None else self.weight * self.mask
