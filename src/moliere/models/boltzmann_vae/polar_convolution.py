"""Convolutions on a stack of polar layers, which know that sectors close to a ring and that rings meet at the axis."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import Calorimeter, Detector, of_kind
from moliere.errors import ConfigError, InvalidEvents


def polar_stack(detector: Detector, model: str) -> tuple[Calorimeter, tuple[int, int, int]]:
    """A detector and its numbers of layers, sectors and rings; radii may differ from layer to layer.

    Raises:
        ConfigError: not a calorimeter of polar layers that are all divided alike.
    """
    calorimeter = of_kind(detector, Calorimeter, model, ConfigError)
    grids = calorimeter.grids
    shapes = {grid.shape for grid in grids}
    if len(shapes) == 1 and all(grid.kind == "polar" for grid in grids):
        return calorimeter, (len(grids), *shapes.pop())
    raise ConfigError(
        f"{model} needs a calorimeter whose layers have as many rings and sectors as each other, got "
        f"{detector.describe()}"
    )


def check_signals(detector: Calorimeter, signals: Tensor, energy: Tensor) -> None:
    """Refuse what the transforms cannot take, while it can still be said which events are wrong.

    Args:
        detector: theirs.
        signals: in MeV, (n, n_channels).
        energy: incident, in MeV, (n,).

    Raises:
        InvalidEvents: a layer without energy in all events, or a cell with more than the incident energy.
    """
    layers = zip(detector.read_out, detector.slices, strict=True)
    if empty := [layer.label for layer, part in layers if len(signals) and not signals[:, part].any()]:
        raise InvalidEvents(
            f"layers {', '.join(empty)} hold no energy in {len(signals)} training events; read the events with a "
            "detector that leaves them out (data.detector)"
        )
    above = (signals > energy[:, None]).any(dim=1)
    if above.any():
        raise InvalidEvents(
            f"{int(above.sum())} of {len(signals)} training events have a cell with more than the incident energy; "
            "write a file without them",
            options=("moliere check FILE --fix CLEAN.h5",),
        )


#: layers, sectors, rings
Shape = tuple[int, int, int]

_KERNEL = 3
#: what is left of random weights where a start is known: at 1, what thousands of cells add up to by chance is worse by
#: far than the start, and a training begins by learning to leave it out; at 0, nothing tells a channel from another
_FAINT = 0.1
#: an axis of fewer cells is not halved
_LEAST = 4


def pyramid(shape: Shape, steps: int) -> list[Shape]:
    """A shape and what strided convolutions make of it, finest first.

    Layers and rings are halved, rounding up, while there are four or more. Sectors are halved only while their number
    is even, so that they stay equal and none is cut off.

    Example:
        >>> pyramid((45, 16, 9), 3)
        [(45, 16, 9), (23, 8, 5), (12, 4, 3), (6, 2, 3)]
        >>> pyramid((7, 14, 24), 2)
        [(7, 14, 24), (4, 7, 12), (2, 7, 6)]
    """
    shapes = [shape]
    for _ in range(steps):
        z, alpha, r = shapes[-1]
        shapes.append((_half(z), alpha // 2 if alpha % 2 == 0 and alpha >= _LEAST else alpha, _half(r)))
    return shapes


def _half(size: int) -> int:
    return (size + 1) // 2 if size >= _LEAST else size


def strides(fine: Shape, coarse: Shape) -> Shape:
    """By how much a convolution steps along each axis between two neighbours of a pyramid."""
    z, alpha, r = (1 if a == b else 2 for a, b in zip(fine, coarse, strict=True))
    return z, alpha, r


def half_turn(x: Tensor) -> Tensor:
    """Turn (…, alpha, r) by π; of an odd number of sectors, half of each goes to either side."""
    sectors = x.shape[-2]
    turned = x.roll(sectors // 2, dims=-2)
    return turned if sectors % 2 == 0 else (turned + x.roll(sectors // 2 + 1, dims=-2)) / 2


class PolarConvolution(nn.Conv3d):
    """A 3 × 3 × 3 convolution over (n, channels, layers, sectors, rings).

    What lies inside of the innermost ring is that ring on the other side of the axis; sectors go around; before the
    first and behind the last layer, and outside of the outermost ring, there is nothing.

    Args:
        in_channels: channels coming in.
        out_channels: channels going out.
        stride: along layers, sectors and rings.

    References:
        PeriodicConv3d of CaloQuVAE, 2025, https://github.com/QaloSim/CaloQuVAE
    """

    def __init__(self, in_channels: int, out_channels: int, stride: Shape = (1, 1, 1)) -> None:
        super().__init__(in_channels, out_channels, _KERNEL, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, z, alpha, r) → (n, out_channels, ⌈z / s⌉, ⌈alpha / s⌉, ⌈r / s⌉)."""
        through = torch.cat([half_turn(x[..., :1]), x], dim=-1)
        around = torch.cat([through[..., -1:, :], through, through[..., :1, :]], dim=-2)
        return super().forward(F.pad(around, (0, 1, 0, 0, 1, 1)))


class RingLinear(nn.Module):
    """Channels → one number a cell, with weights of each ring of each layer, the same all around.

    A convolution alone treats all depths and radii alike; a shower does not. The condition moves every ring's number.

    Args:
        channels: channels coming in.
        shape: layers, sectors, rings.
        condition_width: width of the encoded condition.
        period: sectors after which weights repeat; cells that grew out of one have weights of their own.
    """

    def __init__(self, channels: int, shape: Shape, condition_width: int, period: int = 1) -> None:
        super().__init__()
        self.shape, self.period = shape, period
        z, _, r = shape
        self.weight = nn.Parameter(torch.randn(channels, z, 1, period, r) / channels**0.5)
        self.told = nn.Linear(condition_width, z * r)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, channels, z, alpha, r), condition (n, condition_width) → (n, z · alpha · r)."""
        z, alpha, r = self.shape
        turns = x.view(*x.shape[:3], alpha // self.period, self.period, r)
        cells = (turns * self.weight).sum(dim=1) + self.told(condition).view(-1, z, 1, 1, r)
        numbers: Tensor = cells.reshape(-1, prod(self.shape))
        return numbers

    @torch.no_grad()
    def start(self, values: Tensor) -> None:
        """Start from numbers of each cell (n_channels,), averaged over sectors, whatever the channels say."""
        self.told.bias.copy_(values.view(self.shape).mean(dim=1).flatten())
        for weight in (self.told.weight, self.weight):
            weight.mul_(_FAINT)


class LinearAttention(nn.Module):
    """Every cell looks at all others, at a price that grows with their number and not with its square.

    Args:
        channels: of the cells.
        width: of queries, keys and values.

    References:
        Efficient Attention: Attention with Linear Complexities, Z. Shen, 2018, https://arxiv.org/abs/1812.01243
    """

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.ask = nn.Conv3d(channels, 3 * width, 1, bias=False)
        self.answer = nn.Conv3d(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of x, which is what is added to."""
        query, key, value = self.ask(x).flatten(2).chunk(3, dim=1)
        summary = key.softmax(dim=2) @ value.transpose(1, 2)
        seen = summary.transpose(1, 2) @ query.softmax(dim=1)
        moved: Tensor = self.answer(seen.unflatten(2, x.shape[2:]))
        return x + moved
