"""CaloGAN's networks: location-aware streams, one a layer, tied by attention; and what judges them.

References:
    CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
    adversarial networks, M. Paganini, 2017, https://arxiv.org/abs/1712.10321; models/{architectures,ops,train}.py of
    hep-lbdl/CaloGAN
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from moliere.models.calogan.fields import (
    FieldConv,
    FieldNorm,
    LocallyConnected,
    Size,
    out_size,
    pad,
    to_field,
    to_images,
)


class MinibatchDiscrimination(nn.Module):
    r"""How close each event lies to the others of its batch, in learned projections.

    .. math:: o_b(x_i) = \frac1n \sum_j \exp\left(-\lVert M_b(x_i) - M_b(x_j) \rVert_1\right)

    with M linear (an offset would cancel). CaloGAN takes the hyperbolic tangent of the sum, which is 1 to the last
    digit, without a gradient, as soon as a few dozen events are alike: just when it is needed. A generator that makes
    the same event again and again is seen at once, so a batch must be all real or all generated.

    Args:
        inputs: features of an event.
        kernels: number of projections b.
        width: dimensions of each.

    References:
        Improved Techniques for Training GANs, T. Salimans, 2016, https://arxiv.org/abs/1606.03498
    """

    def __init__(self, inputs: int, kernels: int = 10, width: int = 10) -> None:
        super().__init__()
        self.shape = kernels, width
        self.n_outputs = kernels
        self.weight = nn.Parameter(torch.empty(inputs, kernels * width))
        limit = math.sqrt(6 / (inputs + kernels * width))
        nn.init.uniform_(self.weight, -limit, limit)

    def forward(self, features: Tensor) -> Tensor:
        """(n, inputs) → (n, kernels)."""
        projected = (features @ self.weight).unflatten(1, self.shape).transpose(0, 1).contiguous()
        return torch.cdist(projected, projected, p=1.0).neg().exp().mean(dim=2).T


#: a LeakyReLU without an argument has this slope in Keras
_SLOPE = 0.3
#: with this bias the share of what an earlier layer hands on starts at e⁻¹⁰
_CARRY_OVER = -10.0
_SEED_CHANNELS = 36
#: logit of what the latent adds to a cell at first: next to nothing
_FIRST_SHARE = -2.0
#: it adds no more than this: of a cell's own number something is left, so that its root has a gradient
_MOST = 0.98

Sparsity = Literal["hard", "soft", "straight-through"]


def _leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, _SLOPE)


class Stream(nn.Module):
    """One layer of the calorimeter, from the latent: (n, inputs) → a field, unbounded."""

    def __init__(self, inputs: int, size: Size, outputs: int = 1) -> None:
        super().__init__()
        self.seed = size[0] + 2, size[1] + 2
        self.dense = nn.Linear(inputs, self.seed[0] * self.seed[1] * _SEED_CHANNELS)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        self.conv = FieldConv(_SEED_CHANNELS, 16, (2, 2), "he")
        self.norm = FieldNorm(16)
        self.first = LocallyConnected(self.seed, 16, 6, (2, 2), kind="he")
        self.second = LocallyConnected(self.first.size, 6, outputs, (2, 2), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) → (rows, columns, n, outputs)."""
        # contiguous, so that the views of the convolution's patches are read in one piece
        field = self.dense(x).view(len(x), *self.seed, _SEED_CHANNELS).permute(1, 2, 0, 3).contiguous()
        out: Tensor = self.second(_leaky(self.first(self.norm(_leaky(self.conv(field))))))
        return out


class Inpainting(nn.Module):
    """A layer's image mixed, pixel by pixel, with what the layer in front of it looks like at its resolution.

    Args:
        size: rows and columns of the layer.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.weigh = LocallyConnected((size[0] + 2, size[1] + 2), 2, 2, (3, 3))
        with torch.no_grad():
            self.weigh.bias[..., 1] = _CARRY_OVER  # type: ignore[index]

    def forward(self, own: Tensor, previous: Tensor) -> Tensor:
        """Fields of one channel: (rows, columns, n, 1) and that of the previous layer → (rows, columns, n, 1)."""
        carried = to_field(nn.functional.adaptive_avg_pool2d(to_images(previous), self.size))
        both = torch.cat([own, carried], dim=-1)
        weights = self.weigh(pad(both, (1, 1), (1, 1))).softmax(dim=-1)
        mixed: Tensor = (weights * both).sum(dim=-1, keepdim=True)
        return mixed


class Generator(nn.Module):
    """Latent → non-negative images, one a layer.

    Each stream's image comes in units of a typical one, a factor for each cell that its last, locally connected layer
    could learn as well, but not in a short time.

    Args:
        inputs: width of the latent and of further columns of the condition.
        sizes: rows and columns of the layers.
        attention: whether layers are mixed with those in front of them.
    """

    _outputs = 1

    def __init__(self, inputs: int, sizes: Sequence[Size], *, attention: bool) -> None:
        super().__init__()
        self.streams = nn.ModuleList(Stream(inputs, size, self._outputs) for size in sizes)
        self.attention = nn.ModuleList(Inpainting(size) for size in sizes[1:]) if attention else None

    def forward(self, x: Tensor, units: Sequence[Tensor]) -> list[Tensor]:
        """(n, inputs), units in GeV (rows, columns) → images in GeV, (n, rows, columns)."""
        fields = [stream(x) * unit[..., None, None] for stream, unit in zip(self.streams, units, strict=True)]
        return [to_images(field).relu() for field in self._mix(fields)]

    def _mix(self, fields: list[Tensor]) -> list[Tensor]:
        """Each layer with the one in front of it, which is mixed already."""
        mixed = fields[:1]
        for own, mix in zip(fields[1:], self.attention or [None] * len(fields), strict=False):
            mixed.append(own if mix is None else mix(own, mixed[-1]))
        return mixed


class ScoreGenerator(Generator):
    r"""Latent and a normal number a cell → scores, whose mean is 0 and whose spread is 1 in every cell all the while.

    .. math:: x = \rho\, a + \sqrt{1 - \rho^2}\; \epsilon

    Each stream makes two fields: a, what the latent adds, normalised cell by cell over the batch, and how much of a
    cell that is. Spectra stay as they are, so that the adversaries have only to agree on how cells hang together; left
    free, the generator moves them. The cells' own numbers ε are needed because most cells are dark, which is mere noise
    in scores.
    """

    _outputs = 2

    def __init__(self, inputs: int, sizes: Sequence[Size], *, attention: bool) -> None:
        super().__init__(inputs, sizes, attention=attention)
        self.norms = nn.ModuleList(ImageNorm(size) for size in sizes)

    def forward(self, x: Tensor, own: Sequence[Tensor]) -> list[Tensor]:
        """(n, inputs), N(0, 1) (n, rows, columns) → scores (n, rows, columns)."""
        fields = [stream(x) for stream in self.streams]
        mixed = self._mix([field[..., :1] for field in fields])
        added = [norm(to_images(field)) for norm, field in zip(self.norms, mixed, strict=True)]
        shares = [_MOST * torch.sigmoid(to_images(field[..., 1:]) + _FIRST_SHARE) for field in fields]
        return [
            share * more + (1 - share.square()).sqrt() * noise
            for share, more, noise in zip(shares, added, own, strict=True)
        ]


class ImageNorm(nn.BatchNorm1d):
    """Each cell of images with mean 0 and spread 1 over the batch, or over training where events are generated."""

    def __init__(self, size: Size) -> None:
        super().__init__(size[0] * size[1], affine=False, momentum=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """Of the same shape; no images have nothing to normalise."""
        if images.numel() == 0:
            return images
        normed: Tensor = super().forward(images.flatten(1)).view(images.shape)
        return normed


class LayerCritic(nn.Module):
    """What a discriminator sees in the images of one layer.

    Args:
        size: rows and columns.
        channels: of the first convolution.
        sparsity: how the share of lit cells lets gradients through; ``None``: it is not looked at.
        scale: in GeV; a cell of much more counts as lit in the soft share.
    """

    def __init__(self, size: Size, channels: int, sparsity: Sparsity | None, scale: float) -> None:
        super().__init__()
        self.sparsity, self.scale = sparsity, scale
        self.conv = FieldConv(1, channels, (2, 2))
        blocks = []
        for outputs, kernel, stride in ((16, (3, 3), (1, 2)), (8, (2, 2), (1, 1)), (8, (2, 2), (1, 2))):
            padded = size[0] + 2, size[1] + 2
            blocks.append(LocallyConnected(padded, channels, outputs, kernel, stride))
            size, channels = out_size(padded, kernel, stride), outputs
        self.blocks = nn.ModuleList(blocks)
        self.norms = nn.ModuleList(FieldNorm(c) for c in (16, 8, 8))
        flat = size[0] * size[1] * channels
        self.batch = MinibatchDiscrimination(flat)
        self.batch_sparsity = None if sparsity is None else MinibatchDiscrimination(1)
        self.width = flat + self.batch.n_outputs
        self.width += 0 if self.batch_sparsity is None else 1 + self.batch_sparsity.n_outputs

    def forward(self, images: Tensor, unit: Tensor) -> Tensor:
        """(n, rows, columns) in GeV, units in GeV to look at them in (rows, columns) → (n, width)."""
        field = _leaky(self.conv(to_field(images / unit)))
        for block, norm in zip(self.blocks, self.norms, strict=True):
            field = norm(_leaky(block(pad(field, (1, 1), (1, 1)))))
        features = field.permute(2, 0, 1, 3).flatten(1)
        seen = [features, self.batch(features)]
        if self.batch_sparsity is not None:
            lit = self._lit(images)
            seen += [lit, self.batch_sparsity(lit)]
        return torch.cat(seen, dim=1)

    def _lit(self, images: Tensor) -> Tensor:
        """Share of cells with energy, (n, 1).

        The original counts, which has no gradient. ``soft`` is a smooth count with one; ``straight-through`` counts,
        with the gradient of the smooth count.
        """
        hard = (images > 0).to(images.dtype).mean(dim=(1, 2))
        if self.sparsity == "hard":
            return hard[:, None]
        soft = (images / self.scale).tanh().mean(dim=(1, 2))
        return (soft if self.sparsity == "soft" else soft + (hard - soft).detach())[:, None]


class Discriminator(nn.Module):
    """Images and what was asked for → logits.

    Args:
        sizes: rows and columns of the layers.
        further_width: width of the condition without the energy.
        classes: outputs of the auxiliary head; 0 has none.
        channels: of the first convolution.
        sparsity: how the share of lit cells lets gradients through; ``None``: it is not looked at.
        scale: in GeV; a cell of much more counts as lit in the soft share.
        sums: whether layer energies and the total are looked at, against what was asked for.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        further_width: int,
        classes: int,
        channels: int,
        sparsity: Sparsity | None,
        scale: float,
        *,
        sums: bool = True,
    ) -> None:
        super().__init__()
        self.critics = nn.ModuleList(LayerCritic(size, channels, sparsity, scale) for size in sizes)
        self.batch = MinibatchDiscrimination(len(sizes)) if sums else None
        width = sum(critic.width for critic in self.critics if isinstance(critic, LayerCritic)) + further_width
        width += 0 if self.batch is None else len(sizes) + 3 + self.batch.n_outputs
        self.real = nn.Linear(width, 1)
        self.kind = nn.Linear(width, classes) if classes else None
        for head in filter(None, (self.real, self.kind)):
            nn.init.xavier_uniform_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(
        self, images: Sequence[Tensor], units: Sequence[Tensor], sums: Tensor, energy: Tensor, further: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Whether images are real, and of which class.

        Args:
            images: in GeV, each (n, rows, columns).
            units: that cells are looked at in, in GeV, each (rows, columns).
            sums: that layer energies are looked at in, in GeV, (n_layers,).
            energy: asked for, in GeV, (n,).
            further: the condition without the energy, encoded, (n, further_width).

        Returns:
            Logits (n,) and (n, classes).
        """
        seen = [critic(image, unit) for critic, image, unit in zip(self.critics, images, units, strict=True)]
        summary = [] if self.batch is None else self._summarise(images, sums, energy)
        features = torch.cat([*seen, *summary, *([] if further is None else [further])], dim=1)
        return self.real(features)[:, 0], None if self.kind is None else self.kind(features)

    def _summarise(self, images: Sequence[Tensor], sums: Tensor, energy: Tensor) -> list[Tensor]:
        energies = torch.stack([image.sum(dim=(1, 2)) for image in images], dim=1)
        total = energies.sum(dim=1, keepdim=True)
        miss = (total - energy[:, None]).abs()
        layers = energies / sums
        return [layers, total / 100, miss, 10 * (miss > 5).to(miss.dtype), self.batch(layers)]  # type: ignore[misc]
