"""Decoders of a hierarchical VAE: levels of bits → two numbers for every cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.errors import ConfigError
from moliere.models.boltzmann_vae.polar_convolution import LinearAttention, PolarConvolution, RingLinear, Shape, pyramid

#: two numbers a cell, both (n, n_channels); :mod:`~moliere.models.boltzmann_vae.cells` says what they mean
Voxels = tuple[Tensor, Tensor]
#: two numbers a cell → what the next sub-decoder sees of them, of order one
Answer = Callable[[Tensor, Tensor], Tensor]


class VoxelGenerator(nn.Module):
    """A vector and the condition → voxels: a coarse picture that grows to the detector's shape.

    Pictures grow by repeating cells up to the exact size, then a convolution; so any shape is reached without padding
    by trial and without cropping. One trunk, two heads.

    Args:
        shape: layers, sectors, rings.
        inward: width of the vector.
        condition_width: width of the encoded condition.
        channels: finest first.
        drawn: channels of a picture of that shape that the heads see, too.
    """

    def __init__(
        self, shape: Shape, inward: int, condition_width: int, channels: Sequence[int], drawn: int = 0
    ) -> None:
        super().__init__()
        self.shapes = pyramid(shape, len(channels))
        self.first = channels[-1]
        self.seed = nn.Linear(inward, self.first * prod(self.shapes[-1]))
        self.growing = nn.ModuleList(
            PolarConvolution(channels[k + 1], channels[k]) for k in reversed(range(len(channels) - 1))
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels[k]) for k in reversed(range(len(channels) - 1)))
        self.told = nn.Linear(condition_width, channels[0])
        self.attention = LinearAttention(channels[0])
        self.hits = _Head(self.shapes, channels[0], condition_width, drawn, nn.PReLU(init=0.02))
        self.activations = _Head(self.shapes, channels[0], condition_width, drawn, nn.SiLU())

    def forward(self, vector: Tensor, condition: Tensor, picture: Tensor | None = None) -> Voxels:
        """Make voxels.

        Args:
            vector: (n, inward).
            condition: encoded, (n, condition_width).
            picture: (n, drawn, layers, sectors, rings).
        """
        cells = self.seed(vector).view(-1, self.first, *self.shapes[-1])
        for convolution, norm, shape in zip(self.growing, self.norms, self.shapes[-2:0:-1], strict=True):
            cells = F.silu(norm(convolution(grow(cells, shape))))
        cells = cells + self.told(condition)[:, :, None, None, None]
        looked = self.attention(cells)
        return self.hits(cells, condition, picture), self.activations(looked, condition, picture)

    def start(self, said: Voxels) -> None:
        """Start from these numbers for all showers, both (n_channels,)."""
        for head, numbers in zip((self.hits, self.activations), said, strict=True):
            head.rings.start(numbers)


def grow(cells: Tensor, shape: Shape) -> Tensor:
    """Cells repeated to another shape: (n, channels, …) → (n, channels, *shape)."""
    for axis, (size, now) in enumerate(zip(shape, cells.shape[2:], strict=True)):
        if size != now:
            index = torch.arange(size, device=cells.device) * now // size
            cells = cells.index_select(axis + 2, index)
    return cells


class _Head(nn.Module):
    """One number a cell: what is convolved is the picture before its last growth, as full size costs most."""

    def __init__(
        self, shapes: Sequence[Shape], channels: int, condition_width: int, drawn: int, bend: nn.Module
    ) -> None:
        super().__init__()
        self.shape = shapes[0]
        width = max(4, channels // 2)
        self.convolution = PolarConvolution(channels, width)
        self.drawn = PolarConvolution(drawn, width) if drawn else None
        self.bend = bend
        self.rings = RingLinear(width, self.shape, condition_width, self.shape[1] // shapes[1][1])

    def forward(self, cells: Tensor, condition: Tensor, picture: Tensor | None) -> Tensor:
        fine = grow(self.convolution(cells), self.shape)
        if self.drawn is not None:
            fine = fine + self.drawn(picture)
        values: Tensor = self.rings(self.bend(fine), condition)
        return values


class PlainDecoder(nn.Module):
    """All levels together → voxels.

    Args:
        shape: layers, sectors, rings.
        levels: bits of each level.
        condition_width: width of the encoded condition.
        channels: finest first.
    """

    def __init__(self, shape: Shape, levels: Sequence[int], condition_width: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.generator = VoxelGenerator(shape, sum(levels) + condition_width, condition_width, channels)

    def forward(self, bits: Sequence[Tensor], condition: Tensor) -> Voxels:
        """Bits of each level and the encoded condition → voxels."""
        voxels: Voxels = self.generator(torch.cat([*bits, condition], dim=1), condition)
        return voxels

    def start(self, said: Voxels) -> None:
        """Start from these numbers for all showers, both (n_channels,)."""
        self.generator.start(said)


class HierarchicalDecoder(nn.Module):
    """Sub-decoders in a row: each sees all bits and the voxels of the one before it; the last makes all voxels.

    Skip connections bring the condition and the bits of level (last − i) to sub-decoder i once more. In ``slices`` the
    first sub-decoders, one a level, each make a part of the layers, front to back; else each makes all of them.

    Args:
        shape: layers, sectors, rings.
        levels: bits of each level.
        condition_width: width of the encoded condition.
        channels: finest first.
        slices: whether the first sub-decoders share the layers among them.
        carried: numbers that a sub-decoder's voxels become for the next one; 0 hands on all of them, as published.
        answer: what it hands on of its two numbers a cell.

    Raises:
        ConfigError: fewer layers than levels cannot be shared.

    References:
        Zephyr quantum-assisted hierarchical Calo4pQVAE, I. Lu, 2024, https://arxiv.org/abs/2412.04677
    """

    def __init__(
        self,
        shape: Shape,
        levels: Sequence[int],
        condition_width: int,
        channels: Sequence[int],
        answer: Answer,
        *,
        slices: bool = True,
        carried: int = 64,
    ) -> None:
        super().__init__()
        self.shape, self.answer = shape, answer
        self.depths = shared_depth(shape[0], len(levels)) if slices else [shape[0]] * len(levels)
        self.slices = slices
        inward = sum(levels) + condition_width
        parts = [(depth, *shape[1:]) for depth in self.depths]
        handed = [carried or prod(part) for part in parts]
        self.parts = nn.ModuleList(
            VoxelGenerator(part, inward + before, condition_width, channels)
            for part, before in zip(parts, [0, *handed[:-1]], strict=True)
        )
        self.carry = nn.ModuleList(nn.Linear(prod(part), carried) if carried else nn.Identity() for part in parts)
        self.skips = nn.ModuleList(
            nn.Linear(condition_width + size, inward + after)
            for size, after in zip(reversed(levels), handed, strict=True)
        )
        self.whole = VoxelGenerator(shape, inward + handed[-1], condition_width, channels, drawn=1)

    def forward(self, bits: Sequence[Tensor], condition: Tensor) -> Voxels:
        """Bits of each level and the encoded condition → voxels."""
        everything = vector = torch.cat([*bits, condition], dim=1)
        made: list[Tensor] = []
        for part, carry, skip, level in zip(self.parts, self.carry, self.skips, reversed(bits), strict=True):
            made.append(self.answer(*part(vector, condition)))
            vector = torch.cat([everything, carry(made[-1])], dim=1) + skip(torch.cat([condition, level], dim=1))
        picture = torch.cat(made, dim=1) if self.slices else made[-1]
        voxels: Voxels = self.whole(vector, condition, picture.view(-1, 1, *self.shape))
        return voxels

    def start(self, said: Voxels) -> None:
        """Start from these numbers for all showers, both (n_channels,)."""
        self.whole.start(said)


Decoder = PlainDecoder | HierarchicalDecoder


def build_decoder(
    kind: str,
    shape: Shape,
    levels: Sequence[int],
    condition_width: int,
    channels: Sequence[int],
    answer: Answer,
    *,
    slices: bool = True,
    carried: int = 64,
) -> Decoder:
    """A decoder by its kind, ``plain`` or ``hierarchical``.

    Raises:
        ConfigError: fewer layers than levels cannot be shared in ``slices``.
    """
    if kind == "plain":
        return PlainDecoder(shape, levels, condition_width, channels)
    return HierarchicalDecoder(shape, levels, condition_width, channels, answer, slices=slices, carried=carried)


def shared_depth(layers: int, parts: int) -> list[int]:
    """Layers shared among parts as evenly as can be.

    Example:
        >>> shared_depth(45, 3), shared_depth(5, 3)
        ([15, 15, 15], [2, 2, 1])
    """
    if layers < parts:
        raise ConfigError(f"{layers} layers cannot be shared among {parts} sub-decoders; set model.slices = false")
    return [layers // parts + (k < layers % parts) for k in range(parts)]
