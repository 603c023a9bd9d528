"""Layers on small images whose every pixel may have weights of its own.

Images are held as *fields*, (rows, columns, n, channels): then a layer with its own weights at every position is one
batched matrix product over the positions, and no layer of a stack needs to move its neighbours' numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

Size = tuple[int, int]


def to_field(images: Tensor) -> Tensor:
    """(n, rows, columns) → (rows, columns, n, 1)."""
    return images.permute(1, 2, 0)[..., None]


def to_images(field: Tensor) -> Tensor:
    """(rows, columns, n, 1) → (n, rows, columns)."""
    return field[..., 0].permute(2, 0, 1)


def pad(field: Tensor, before: Size, after: Size) -> Tensor:
    """Zeros around a field, rows and columns."""
    return nn.functional.pad(field, (0, 0, 0, 0, before[1], after[1], before[0], after[0]))


def patches(field: Tensor, kernel: Size, stride: Size = (1, 1)) -> Tensor:
    """What a kernel sees at each position: (rows, columns, n, c) → (rows', columns', n, kernel rows · columns · c)."""
    if field.requires_grad and torch.is_grad_enabled():
        gathered: Tensor = _Patches.apply(field, kernel, stride)  # type: ignore[no-untyped-call]
        return gathered
    return _gather(field, kernel, stride)


def _gather(field: Tensor, kernel: Size, stride: Size) -> Tensor:
    return torch.cat([field[part] for part in _parts(field.shape, kernel, stride)], dim=-1)


def _parts(shape: Sequence[int], kernel: Size, stride: Size) -> list[tuple[slice, slice]]:
    """Where each element of a kernel meets the field."""
    rows, columns = out_size((shape[0], shape[1]), kernel, stride)
    return [
        (slice(i, i + (rows - 1) * stride[0] + 1, stride[0]), slice(j, j + (columns - 1) * stride[1] + 1, stride[1]))
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]


class _Patches(torch.autograd.Function):
    """Gathering whose gradient is added up in one field; that of slices makes a new one for each of them.

    Measured on CaloGAN's discriminator: half of an update's time.
    """

    @staticmethod
    def forward(ctx: Any, field: Tensor, kernel: Size, stride: Size) -> Tensor:
        ctx.shape, ctx.kernel, ctx.stride = field.shape, kernel, stride
        return _gather(field, kernel, stride)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        field = gradient.new_zeros(ctx.shape)
        pieces = gradient.split(ctx.shape[-1], dim=-1)
        for part, piece in zip(_parts(ctx.shape, ctx.kernel, ctx.stride), pieces, strict=True):
            field[part] += piece
        return field, None, None


def out_size(size: Size, kernel: Size, stride: Size = (1, 1)) -> Size:
    """Rows and columns that a kernel leaves of a field."""
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(size, kernel, stride, strict=True))
    return rows, columns


def start(weight: Tensor, fan_in: int, fan_out: int, kind: Literal["he", "glorot"]) -> None:
    """Keras's ``he_uniform`` or ``glorot_uniform``, with what one position really sees as fans.

    Keras counts all positions of a locally connected layer as its fans, which makes its weights far smaller.
    """
    limit = math.sqrt(6 / fan_in) if kind == "he" else math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -limit, limit)


class FieldConv(nn.Module):
    """A convolution on fields that keeps their size; of an even kernel the larger half lies behind, as in Keras."""

    def __init__(self, inputs: int, outputs: int, kernel: Size, kind: Literal["he", "glorot"] = "glorot") -> None:
        super().__init__()
        seen = inputs * kernel[0] * kernel[1]
        self.kernel = kernel
        self.weight = nn.Parameter(torch.empty(seen, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        start(self.weight, seen, outputs * kernel[0] * kernel[1], kind)

    def forward(self, field: Tensor) -> Tensor:
        """(rows, columns, n, inputs) → (rows, columns, n, outputs)."""
        before = (self.kernel[0] - 1) // 2, (self.kernel[1] - 1) // 2
        after = self.kernel[0] // 2, self.kernel[1] // 2
        return patches(pad(field, before, after), self.kernel) @ self.weight + self.bias


class LocallyConnected(nn.Module):
    """A convolution whose kernel is another one at every position, without padding.

    Args:
        size: rows and columns of the field that comes in.
        inputs: channels.
        outputs: channels.
        kernel: rows and columns.
        stride: of both.
        kind: of the initial weights.
        bias: whether there is one, at every position and channel.

    References:
        Learning Particle Physics by Example: Location-Aware Generative Adversarial Networks for Physics Synthesis,
        L. de Oliveira, 2017, https://arxiv.org/abs/1701.05927
    """

    def __init__(
        self,
        size: Size,
        inputs: int,
        outputs: int,
        kernel: Size,
        stride: Size = (1, 1),
        *,
        kind: Literal["he", "glorot"] = "glorot",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.size = kernel, stride, out_size(size, kernel, stride)
        positions, seen = self.size[0] * self.size[1], inputs * kernel[0] * kernel[1]
        self.weight = nn.Parameter(torch.empty(positions, seen, outputs))
        self.bias = nn.Parameter(torch.zeros(positions, 1, outputs)) if bias else None
        start(self.weight, seen, outputs * kernel[0] * kernel[1], kind)

    def forward(self, field: Tensor) -> Tensor:
        """(rows, columns, n, inputs) → (rows', columns', n, outputs)."""
        seen = patches(field, self.kernel, self.stride).flatten(0, 1)
        out = torch.bmm(seen, self.weight) if self.bias is None else torch.baddbmm(self.bias, seen, self.weight)
        grown: Tensor = out.unflatten(0, self.size)
        return grown


class FieldNorm(nn.BatchNorm1d):
    """Batch normalisation of a field's channels, with Keras's momentum (0.99 there is 0.01 here)."""

    def __init__(self, channels: int, eps: float = 1e-3) -> None:
        super().__init__(channels, eps=eps, momentum=0.01)

    def forward(self, field: Tensor) -> Tensor:
        """Of the same shape; a field of no events has nothing to normalise."""
        if field.numel() == 0:
            return field
        normed: Tensor = super().forward(field.flatten(0, -2)).view(field.shape)
        return normed
