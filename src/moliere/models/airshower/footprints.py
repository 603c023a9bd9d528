"""Networks of footprints, one number a station: generators, critics, and a regressor.

The convolutional generator and critic are the tables of arXiv:1802.03325; for arrays other than 9 × 9 the generator's
kernels grow. The dense ones are for processors: an update costs a thirtieth, and a footprint has few pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.airshower.dense_separable import DenseSeparable, initialise
from moliere.models.networks.leaky_mlp import LeakyMLP, kept

FEATURES = (64, 128, 128, 256)
_SLOPE = 0.2


class FootprintGenerator(nn.Module):
    """(n, inputs) → pictures (n, rows, columns), not negative.

    A dense layer of as many units as the latent makes a single pixel, transposed convolutions without padding grow it
    to the picture, 1 → 3 → 5 → 7 → 9, and a convolution shades it. The last layer's weights start positive: its ReLU
    would have no gradient for a station that starts dark, and most stations of a footprint are dark.

    Args:
        latent: width of the noise and of the dense layer.
        condition_width: width of the condition, which enters beside the noise.
        shape: rows and columns.
        features: of the transposed convolutions.
    """

    def __init__(
        self, latent: int, condition_width: int, shape: tuple[int, int], features: Sequence[int] = FEATURES
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(latent + condition_width, latent)
        layers: list[nn.Module] = []
        for inputs, outputs, kernel in zip((latent, *features), features, growth(shape, len(features)), strict=False):
            layers += [nn.ConvTranspose2d(inputs, outputs, kernel), nn.BatchNorm2d(outputs), nn.ReLU()]
        last = nn.Conv2d(features[-1], 1, 3, padding=1)
        nn.init.uniform_(last.weight, 0, 2 / last.weight[0].numel())
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, last, nn.ReLU())

    def forward(self, inputs: Tensor) -> Tensor:
        """Make pictures."""
        pictures: Tensor = self.layers(F.relu(self.dense(inputs))[:, :, None, None])
        return pictures.squeeze(1)


def growth(shape: tuple[int, int], layers: int) -> list[tuple[int, int]]:
    """Kernels by which so many transposed convolutions without padding grow one pixel to a picture.

    Example:
        >>> growth((9, 9), 4)
        [(3, 3), (3, 3), (3, 3), (3, 3)]
        >>> growth((14, 3), 4)
        [(5, 2), (4, 2), (4, 1), (4, 1)]
    """
    sides = ([1 + (side - 1) // layers + (k < (side - 1) % layers) for k in range(layers)] for side in shape)
    return [*zip(*sides, strict=True)]


class DenseFootprintGenerator(nn.Module):
    """(n, inputs) → pictures (n, rows, columns), not negative, by dense layers.

    Args:
        inputs: width of the noise and the condition together.
        shape: rows and columns.
        widths: of the hidden layers.
    """

    def __init__(self, inputs: int, shape: tuple[int, int], widths: Sequence[int]) -> None:
        super().__init__()
        self.shape = shape
        self.layers = LeakyMLP(inputs, widths, shape[0] * shape[1])
        # a station that starts dark would have no gradient
        nn.init.constant_(self.layers.outward.bias, 0.3)

    def forward(self, inputs: Tensor) -> Tensor:
        """Make pictures."""
        pictures: Tensor = F.relu(self.layers(inputs)).unflatten(1, self.shape)
        return pictures


class DenseFootprintCritic(nn.Module):
    """Pictures (n, rows, columns) and their condition → how real they are, (n,), by dense layers.

    Args:
        pixels: rows times columns.
        condition_width: width of the condition, which enters beside the picture.
        widths: of the hidden layers.
        dropout: share of the numbers behind them that are dropped in training.
    """

    def __init__(self, pixels: int, condition_width: int, widths: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = LeakyMLP(pixels + condition_width, widths, 1, dropout=dropout)

    def forward(self, pictures: Tensor, condition: Tensor, rng: torch.Generator) -> Tensor:
        """Judge; ``rng`` says what is dropped."""
        verdict: Tensor = self.layers(torch.cat([pictures.flatten(1), condition], dim=1), rng)
        return verdict.squeeze(1)


class FootprintCritic(nn.Module):
    """Pictures (n, rows, columns) → how real they are, (n,); no normalisation, as the penalty is of single events.

    Args:
        features: of the convolutions.
        dropout: share of the numbers behind them that are dropped in training.
        condition_width: width of the condition, which enters beside the pooled features; 0 in the publication.
    """

    def __init__(self, features: Sequence[int] = FEATURES, dropout: float = 0.0, condition_width: int = 0) -> None:
        super().__init__()
        self.dropout = dropout
        layers: list[nn.Module] = []
        for inputs, outputs in zip((1, *features), features, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.hidden, self.outward = nn.Linear(features[-1] + condition_width, 100), nn.Linear(100, 1)

    def forward(self, pictures: Tensor, condition: Tensor, rng: torch.Generator) -> Tensor:
        """Judge; ``rng`` says what is dropped."""
        features = self._drop(self.layers(pictures[:, None]).amax(dim=(2, 3)), rng)
        hidden = F.leaky_relu(self.hidden(torch.cat([features, condition], dim=1)), _SLOPE)
        verdict: Tensor = self.outward(self._drop(hidden, rng))
        return verdict.squeeze(1)

    def _drop(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return x * kept(x.shape, self.dropout, rng).to(x.device) if self.training and self.dropout else x


class FootprintRegressor(nn.Module):
    """Pictures (n, rows, columns) of any size → (n, outputs).

    Args:
        outputs: how many numbers.
        first: channels of the first separable convolution.
        growth: channels that each dense block adds.
        blocks: how many.
    """

    def __init__(self, outputs: int, first: int = 16, growth: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.trunk = DenseSeparable(1, first, growth, blocks)
        self.hidden, self.outward = nn.Linear(2 * self.trunk.out_channels, 64), nn.Linear(64, outputs)
        for layer in (self.hidden, self.outward):
            initialise(layer)

    def forward(self, pictures: Tensor) -> Tensor:
        """Read them."""
        features = self.trunk(pictures[:, None])
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        numbers: Tensor = self.outward(F.relu(self.hidden(pooled)))
        return numbers
