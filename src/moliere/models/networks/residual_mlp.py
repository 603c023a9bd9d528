"""The backbone for layers that share no pattern: a residual multilayer perceptron with modulated blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimeEmbedding(nn.Module):
    """Flow time in [0, 1] as sines and cosines of geometrically spaced frequencies: (n,) → (n, 2 n_frequencies).

    Args:
        n_frequencies: from 1 to 100 oscillations of the phase over the unit interval.
    """

    frequencies: Tensor

    def __init__(self, n_frequencies: int = 16) -> None:
        super().__init__()
        values = torch.exp(torch.linspace(0, math.log(100.0), n_frequencies))
        self.register_buffer("frequencies", values, persistent=False)
        self.width = 2 * n_frequencies

    def forward(self, t: Tensor) -> Tensor:
        """Embed."""
        phase = t[:, None] * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], dim=1)


class ResidualMLP(nn.Module):
    """Velocity of n points: (x, t, condition) → the shape of x.

    Each block normalises its input, scales and shifts it as a function of time and condition, and adds the output of
    two linear layers to it. Blocks and output start at zero, so that the velocity starts at zero.

    Args:
        dim: width of x.
        condition_width: width of the condition.
        width: hidden width.
        blocks: number of residual blocks.

    References:
        Scalable Diffusion Models with Transformers (adaLN-zero), Peebles and Xie, 2022,
        https://arxiv.org/abs/2212.09748
    """

    def __init__(self, dim: int, condition_width: int, width: int, blocks: int) -> None:
        super().__init__()
        self.time = TimeEmbedding()
        given = condition_width + self.time.width
        self.inward = nn.Linear(dim + given, width)
        self.told = nn.Sequential(nn.Linear(given, width), nn.SiLU())
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.outward = zero_init(nn.Linear(width, dim))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """The velocity at x and t."""
        given = torch.cat([condition, self.time(t)], dim=1)
        hidden = self.inward(torch.cat([x, given], dim=1))
        modulation = self.told(given)
        for block in self.blocks:
            hidden = block(hidden, modulation)
        velocity: Tensor = self.outward(self.norm(hidden))
        return velocity


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = zero_init(nn.Linear(width, 2 * width))
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)

    def forward(self, hidden: Tensor, modulation: Tensor) -> Tensor:
        scale, shift = self.modulate(modulation).chunk(2, dim=1)
        moved: Tensor = self.down(F.silu(self.up(self.norm(hidden) * (1 + scale) + shift)))
        return hidden + moved


def zero_init(layer: nn.Linear) -> nn.Linear:
    """A linear layer whose output is zero at the start."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
