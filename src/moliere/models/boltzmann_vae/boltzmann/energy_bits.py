"""The incident energy as the bits that a Boltzmann machine is clamped to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from moliere.errors import ConfigError, InvalidQuantity, UnsupportedIncident
from moliere.units import format_energy


@dataclass(frozen=True)
class EnergyBits:
    r"""Bits of three whole numbers, ⌊E⌋, ⌊s √E⌋ and ⌊l ln E⌋ with E in MeV, lowest bit first.

    Together they resolve low and high energies. The pattern is repeated as often as it fits into the partition; nodes
    that are left over are zero.

    Args:
        n_nodes: size of the clamped partition.
        widths: number of bits of E, √E and ln E.
        root_scale: s, in MeV^-½.
        log_scale: l.
        gray: reflected binary (Gray) code, in which neighbouring numbers differ by one bit.

    Raises:
        ConfigError: the pattern does not fit into the partition.

    Example:
        >>> bits = EnergyBits()
        >>> bits.encode(torch.tensor([1000.0], dtype=torch.float64))[0, :19].int().tolist()
        [0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        >>> format_energy(bits.highest)
        '429 GeV'
        >>> bits.decode(bits.encode(torch.tensor([1000.3], dtype=torch.float64)))
        tensor([1000.2948], dtype=torch.float64)
    """

    n_nodes: int = 53
    widths: tuple[int, int, int] = (19, 17, 17)
    root_scale: float = 200.0
    log_scale: float = 1e4
    gray: bool = False

    def __post_init__(self) -> None:
        """Check that there is room."""
        if min(self.widths) < 1 or self.n_nodes < sum(self.widths):
            raise ConfigError(f"{self.n_nodes} nodes cannot hold {self._layout} = {sum(self.widths)} bits of energy")

    @property
    def _layout(self) -> str:
        return "+".join(map(str, self.widths))

    @property
    def highest(self) -> float:
        """The energy in MeV from which on a number no longer fits into its bits."""
        linear, root, log = (2.0**width for width in self.widths)
        # beyond e^709 a float64 overflows; no particle has that
        return min(linear, (root / self.root_scale) ** 2, math.exp(min(log / self.log_scale, 709.0)))

    def encode(self, energy: Tensor) -> Tensor:
        """Bits of incident energies.

        Args:
            energy: (n,) in MeV.

        Returns:
            Zeros and ones (n, n_nodes), float32.

        Raises:
            UnsupportedIncident: energies below 1 MeV or beyond :attr:`highest`.
        """
        outside = energy[(energy < 1) | (energy >= self.highest) | ~energy.isfinite()]
        if len(outside):
            raise UnsupportedIncident(
                f"{self._layout} energy bits hold 1 MeV to {format_energy(self.highest)}, got "
                f"{format_energy(float(outside[0]))}; give the energy more bits"
            )
        wide = energy.double()
        numbers = wide, self.root_scale * wide.sqrt(), self.log_scale * wide.log()
        fields = [self._to_bits(number.long(), width) for number, width in zip(numbers, self.widths, strict=True)]
        pattern = torch.cat(fields, dim=1)
        bits = pattern.new_zeros(len(energy), self.n_nodes)
        whole = self.n_nodes // pattern.shape[1] * pattern.shape[1]
        bits[:, :whole] = pattern.repeat(1, whole // pattern.shape[1])
        return bits

    def decode(self, bits: Tensor) -> Tensor:
        """Energies that bits stand for: the middle of the range that all three numbers allow.

        Args:
            bits: (n, n_nodes) of :meth:`encode`; only the first pattern is read.

        Returns:
            (n,) in MeV, float64.

        Raises:
            InvalidQuantity: the three numbers contradict each other.
        """
        inverses: tuple[Callable[[Tensor], Tensor], ...] = (
            lambda number: number,
            lambda number: (number / self.root_scale).square(),
            lambda number: (number / self.log_scale).exp(),
        )
        fields = bits[:, : sum(self.widths)].split(self.widths, dim=1)
        numbers = [self._to_number(field) for field in fields]
        pairs = list(zip(inverses, numbers, strict=True))
        low = torch.stack([inverse(number) for inverse, number in pairs]).amax(dim=0)
        high = torch.stack([inverse(number + 1) for inverse, number in pairs]).amin(dim=0)
        if (low > high).any():
            raise InvalidQuantity(f"bits of row {int((low > high).nonzero()[0])} are of no energy")
        return (low + high) / 2

    def _to_bits(self, numbers: Tensor, width: int) -> Tensor:
        if self.gray:
            numbers = numbers ^ (numbers >> 1)
        return (numbers[:, None] >> torch.arange(width, device=numbers.device) & 1).float()

    def _to_number(self, bits: Tensor) -> Tensor:
        """Whole numbers as float64."""
        if self.gray:  # each bit is the parity of itself and all higher ones
            bits = bits.flip(1).cumsum(dim=1).flip(1) % 2
        return bits.double() @ 2.0 ** torch.arange(bits.shape[1], device=bits.device, dtype=torch.float64)


def repeated_energy_bits(n_nodes: int, width: int = 20, *, gray: bool = False) -> EnergyBits:
    r"""The first published layout: as many bits for each of ⌊E⌋, ⌊√(10 E)⌋ and ⌊e¹⁰ ln E⌋, over a whole partition.

    Args:
        n_nodes: size of the clamped partition.
        width: bits of each number.
        gray: see :class:`EnergyBits`.

    Example:
        >>> bits = repeated_energy_bits(302)
        >>> format_energy(bits.highest)
        '1.05 TeV'
    """
    return EnergyBits(n_nodes, (width, width, width), math.sqrt(10), math.exp(10), gray)
