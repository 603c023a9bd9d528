"""The encoder of a hierarchical VAE: a shower → logits of several levels of bits, each given the levels before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.boltzmann_vae.polar_convolution import PolarConvolution, Shape, pyramid, strides

#: sigmoid of more is 1 in float32
_LARGEST_LOGIT = 88.0


class HierarchicalEncoder(nn.Module):
    """Voxels and the condition → logits of each level.

    Strided polar convolutions read the shower once; each level has a perceptron of its own, which sees what they read
    and the bits of all levels before. With ``positions``, as published, each level reads the shower for itself, and all
    that it knows of the bits before (the energy's come first) is :func:`position_code`, added to every voxel: one
    number, in which many patterns of bits are alike.

    Args:
        shape: layers, sectors, rings.
        condition_width: width of the encoded condition.
        channels: of the convolutions, finest first.
        width: hidden width of the levels.
        levels: bits of each level.
        positions: whether earlier bits come as that one number.
    """

    def __init__(
        self,
        shape: Shape,
        condition_width: int,
        channels: Sequence[int],
        width: int,
        levels: Sequence[int],
        *,
        positions: bool = False,
    ) -> None:
        super().__init__()
        self.positions = positions
        n_readers = len(levels) if positions else 1
        self.readers = nn.ModuleList(VoxelReader(shape, condition_width, channels, width) for _ in range(n_readers))
        before = [0 if positions else sum(levels[:k]) for k in range(len(levels))]
        self.levels = nn.ModuleList(
            _perceptron(width + condition_width + seen, width, own) for seen, own in zip(before, levels, strict=True)
        )

    def forward(
        self, x: Tensor, condition: Tensor, clamped: Tensor, draw: Callable[[Tensor], Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Read a shower.

        Args:
            x: voxels in network space, exactly 0 where they are empty, (n, n_channels).
            condition: encoded, (n, condition_width).
            clamped: the energy's bits, (n, n_clamped).
            draw: logits of a level → its bits.

        Returns:
            Logits and bits of each level, (n, bits of the level).
        """
        logits: list[Tensor] = []
        bits: list[Tensor] = []
        shared = None if self.positions else self.readers[0](x, condition)
        for k, level in enumerate(self.levels):
            if shared is None:
                code = position_code(torch.cat([clamped, *bits], dim=1))
                seen = torch.cat([self.readers[k](x, condition, code), condition], dim=1)
            else:
                seen = torch.cat([shared, condition, *bits], dim=1)
            logits.append(level(seen).clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT))
            bits.append(draw(logits[-1]))
        return logits, bits


def position_code(bits: Tensor) -> Tensor:
    r"""The published number for the bits of earlier levels.

    .. math:: \frac{M / 4 - 2}{(M - 1) \sqrt M} \sum_m z_m \cos(\pi m / M) + (1 - z_m) \sin(\pi m / M)

    Args:
        bits: M of them for each event, (n, M).

    Returns:
        (n,).

    References:
        CaloQuVAE, 2025, https://github.com/QaloSim/CaloQuVAE, where the same terms are added up M / 4 - 2 times
    """
    m = bits.shape[1]
    angles = torch.arange(m, device=bits.device) * (torch.pi / m)
    copies = max(1, -(-m // 4) - 2)
    terms = bits * angles.cos() + (1 - bits) * angles.sin()
    code: Tensor = terms.sum(dim=1) * (copies / (max(1, m - 1) * m**0.5))
    return code


class VoxelReader(nn.Module):
    """Strided polar convolutions: voxels and the condition → a vector.

    Args:
        shape: layers, sectors, rings.
        condition_width: width of the encoded condition.
        channels: finest first.
        width: of the vector.
    """

    def __init__(self, shape: Shape, condition_width: int, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.shape = shape
        shapes = pyramid(shape, len(channels))
        steps = [strides(fine, coarse) for fine, coarse in pairwise(shapes)]
        ends = zip([2, *channels[:-1]], channels, steps, strict=True)
        self.convolutions = nn.ModuleList(PolarConvolution(a, b, stride) for a, b, stride in ends)
        self.norms = nn.ModuleList(nn.GroupNorm(1, n) for n in channels)
        self.slopes = nn.ModuleList(nn.PReLU(init=0.02) for _ in channels)
        self.told = nn.Linear(condition_width, channels[0])
        self.read = nn.Linear(channels[-1] * prod(shapes[-1]), width)

    def forward(self, x: Tensor, condition: Tensor, code: Tensor | None = None) -> Tensor:
        """Voxels (n, n_channels), condition (n, condition_width) and a number for all voxels (n,) → (n, width)."""
        cells = x.view(-1, 1, *self.shape)
        moved = cells if code is None else cells + code[:, None, None, None, None]
        cells = torch.cat([moved / 8, (cells > 0).to(cells)], dim=1)
        for k, (convolution, norm, slope) in enumerate(zip(self.convolutions, self.norms, self.slopes, strict=True)):
            cells = convolution(cells)
            if k == 0:
                cells = cells + self.told(condition)[:, :, None, None, None]
            cells = slope(norm(cells))
        return F.silu(self.read(cells.flatten(1)))


def _perceptron(inward: int, width: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, width), nn.SiLU(), nn.Linear(width, outward))
