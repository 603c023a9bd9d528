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
    and the bits of all levels before.

    Args:
        shape: layers, sectors, rings.
        condition_width: width of the encoded condition.
        channels: of the convolutions, finest first.
        width: hidden width of the levels.
        levels: bits of each level.
    """

    def __init__(
        self, shape: Shape, condition_width: int, channels: Sequence[int], width: int, levels: Sequence[int]
    ) -> None:
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
        before = [sum(levels[:k]) for k in range(len(levels))]
        self.levels = nn.ModuleList(
            _perceptron(width + condition_width + seen, width, own) for seen, own in zip(before, levels, strict=True)
        )

    def forward(
        self, x: Tensor, condition: Tensor, draw: Callable[[Tensor], Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Read a shower.

        Args:
            x: voxels in network space, exactly 0 where they are empty, (n, n_channels).
            condition: encoded, (n, condition_width).
            draw: logits of a level → its bits.

        Returns:
            Logits and bits of each level, (n, bits of the level).
        """
        seen = torch.cat([self._look(x, condition), condition], dim=1)
        logits: list[Tensor] = []
        bits: list[Tensor] = []
        for level in self.levels:
            logits.append(level(torch.cat([seen, *bits], dim=1)).clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT))
            bits.append(draw(logits[-1]))
        return logits, bits

    def _look(self, x: Tensor, condition: Tensor) -> Tensor:
        cells = x.view(-1, 1, *self.shape)
        cells = torch.cat([cells / 8, (cells > 0).to(cells)], dim=1)
        for k, (convolution, norm, slope) in enumerate(zip(self.convolutions, self.norms, self.slopes, strict=True)):
            cells = convolution(cells)
            if k == 0:
                cells = cells + self.told(condition)[:, :, None, None, None]
            cells = slope(norm(cells))
        return F.silu(self.read(cells.flatten(1)))


def _perceptron(inward: int, width: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, width), nn.SiLU(), nn.Linear(width, outward))
