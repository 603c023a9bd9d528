"""Densely connected separable convolutions, and the towers that read a number from them.

References:
    A Deep Learning-based Reconstruction of Cosmic Ray-induced Air Showers, M. Erdmann, 2017,
    https://arxiv.org/abs/1708.00647; sizes from Exercise_11_1_solution of DeepLearningForPhysicsResearchBook
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.errors import ConfigError

_KERNEL = 3


class SeparableConvolution(nn.Module):
    """A 3 × 3 convolution of each channel by itself, then a mixture of the channels; the picture keeps its size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.each = nn.Conv2d(in_channels, in_channels, _KERNEL, padding=1, groups=in_channels, bias=False)
        self.mix = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, rows, columns) → (n, out_channels, rows, columns)."""
        mixed: Tensor = self.mix(self.each(x))
        return mixed


class DenseSeparable(nn.Module):
    """A separable convolution, then blocks; each sees the outputs of all earlier ones and adds its own.

    Args:
        in_channels: of the picture.
        first: channels of the first convolution.
        growth: channels that a block adds.
        blocks: how many.
    """

    def __init__(self, in_channels: int, first: int = 8, growth: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.first = SeparableConvolution(in_channels, first)
        self.blocks = nn.ModuleList(_Block(first + k * growth, growth) for k in range(blocks))
        self.out_channels = first + blocks * growth
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, rows, columns) → (n, out_channels, rows, columns)."""
        x = self.first(x).relu()
        for block in self.blocks:
            x = torch.cat([x, block(x)], dim=1)
        return x


class _Block(nn.Module):
    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(in_channels, growth, 1)
        self.widen = SeparableConvolution(growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.widen(self.narrow(x).relu())
        return grown.relu()


class Tower(nn.Module):
    """Numbers from a picture: 3 × 3 convolutions without padding, then two dense layers.

    Args:
        in_channels: of the picture.
        shape: its rows and columns.
        channels: of the convolutions; each makes the picture smaller by one cell on every side.
        outputs: how many numbers.

    Raises:
        ConfigError: the picture is too small for a convolution, which is named.
    """

    def __init__(self, in_channels: int, shape: tuple[int, int], channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        rows, columns = shape
        layers = []
        for k, n in enumerate(channels):
            if min(rows, columns) < _KERNEL:
                raise ConfigError(_too_small(shape, (rows, columns), k, len(channels)))
            layers += [nn.Conv2d(in_channels, n, _KERNEL), nn.ReLU()]
            rows, columns, in_channels = rows - _KERNEL + 1, columns - _KERNEL + 1, n
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Linear(rows * columns * in_channels, 10 * outputs)
        self.outward = nn.Linear(10 * outputs, outputs)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, rows, columns) → (n, outputs)."""
        numbers: Tensor = self.outward(F.relu(self.hidden(self.convolutions(x).flatten(1))))
        return numbers


def _too_small(shape: tuple[int, int], left: tuple[int, int], k: int, n: int) -> str:
    return (
        f"tower convolution {k + 1} takes in {_KERNEL} × {_KERNEL} stations, but of the array's {shape[0]} × "
        f"{shape[1]} only {left[0]} × {left[1]} reach it; {n} of them need {2 * n + 1} × {2 * n + 1} stations: set "
        "fewer in model.tower_channels, none at all is []"
    )


def initialise(layer: nn.Module) -> None:
    """He's normal weights, as the original has them, and biases of 0."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
