"""The networks of the GAN in the sheared frame: convolutions over x and y, with the layers as channels.

A convolution over three axes with few channels wastes most of a processor; with the layers as channels the same window
costs a fiftieth of 3DGAN's networks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.threedgan.losses import Verdict

_LEAK, _DROPOUT = 0.2, 0.2
#: fields that a layer may be moved by as a whole: level, slopes along x and y, width
_SHAPES = 4


class FrameGenerator(nn.Module):
    """Independent normal numbers a cell → normal numbers that hang together.

    Neighbours and layers mix in convolutions over the core; whole layers are made brighter, shifted and widened by four
    fields a layer. At the start the numbers pass unchanged.

    Args:
        n_layers: number of layers.
        core: cells along x and y that are convolved; those further out keep their own numbers.
        given: width of what is known.
        latent: further normal numbers of the whole shower.
        width: of the perceptron.
        channels: of the convolutions.
    """

    def __init__(self, n_layers: int, core: int, given: int, latent: int, width: int, channels: int) -> None:
        super().__init__()
        self.core, self.n_layers = core, n_layers
        self.whole = nn.Sequential(
            *(nn.Linear(given + latent, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()),
        )
        self.first = nn.Conv2d(n_layers, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, n_layers, 3, padding=1)
        self.shifts = nn.ModuleList([nn.Linear(width, channels) for _ in range(2)])
        self.shapes = nn.Linear(width, n_layers * _SHAPES)
        self.scale = nn.Linear(width, n_layers)
        for layer in (self.last, self.shapes, self.scale):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, noise: Tensor, latent: Tensor, given: Tensor, fields: Tensor) -> Tensor:
        """Mix.

        Args:
            noise: (n, n_layers, n_x, n_y).
            latent: (n, latent).
            given: (n, given).
            fields: what the layers are moved by, (n, 4, n_layers, n_x, n_y).
        """
        whole = self.whole(torch.cat([latent, given], dim=1))
        margins = [(n - self.core) // 2 for n in noise.shape[2:]]
        inner = noise[:, :, margins[0] : margins[0] + self.core, margins[1] : margins[1] + self.core]
        x = F.silu(self.first(inner) + self.shifts[0](whole)[..., None, None])
        x = x + F.silu(self.second(x) + self.shifts[1](whole)[..., None, None])
        local = F.pad(self.last(x), (margins[1], margins[1], margins[0], margins[0]))
        heights = self.shapes(whole).view(-1, _SHAPES, self.n_layers, 1, 1)
        moved: Tensor = noise * self.scale(whole).exp()[..., None, None] + local + (heights * fields).sum(1)
        return moved


class FrameDiscriminator(nn.Module):
    """Images of the window, with what is known of its position → :class:`Verdict`.

    Args:
        n_layers: number of layers, the channels of the images.
        cells: along x and y.
        given: width of what is known: where the axis lies in its cells.
        channels: of the convolutions.
    """

    def __init__(self, n_layers: int, cells: tuple[int, int], given: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_layers, channels, 5, stride=2, padding=2)
        self.told = nn.Linear(given, channels)
        self.stages = nn.ModuleList([nn.Conv2d(channels, channels, 3, stride=s, padding=1) for s in (2, 1, 2)])
        sizes = [-(-n // 8) for n in cells]
        n_features = channels * sizes[0] * sizes[1] + 2 * n_layers
        self.mixed = nn.Linear(n_features, 2 * channels)
        self.generation = nn.Linear(2 * channels, 1)
        self.auxiliary = nn.Linear(2 * channels, 1)

    def forward(self, images: Tensor, given: Tensor, rng: torch.Generator) -> Verdict:
        """Judge images (n, n_layers, n_x, n_y); ``rng`` says what is dropped in training."""
        x = F.leaky_relu(self.first(images) + self.told(given)[..., None, None], _LEAK)
        for stage in self.stages:
            x = self._drop(F.leaky_relu(stage(x), _LEAK), rng)
        sums = [images.mean((2, 3)), images.square().mean((2, 3)).add(1e-6).sqrt()]
        features = F.leaky_relu(self.mixed(torch.cat([x.flatten(1), *sums], dim=1)), _LEAK)
        return Verdict(self.generation(features).squeeze(1), self.auxiliary(features).squeeze(1))

    def _drop(self, x: Tensor, rng: torch.Generator) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=rng, device=x.device) >= _DROPOUT
        return x * kept / (1 - _DROPOUT)
