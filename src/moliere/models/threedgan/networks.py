"""3DGAN's two networks: random numbers → an image of 51 × 51 × 25 cells, and an image → a verdict and an energy.

By default they are the Keras prototype's, weight for weight: cells are repeated, LeakyReLU 0.3, batch normalisation
that moves by 0.01, and Keras's padding where a kernel is even. The variant ``pytorch`` computes what the PyTorch ports
compute from their weights: trilinear upsampling, LeakyReLU 0.01, three cells of padding on both sides; its batch
normalisation still moves by 0.01, where the ports have 0.1 and 0.99. The epsilon of the batch normalisation is the
original's 1e-6, neither Keras's 1e-3 nor PyTorch's 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.threedgan.convolutions import PairedConvolution, TapConvolution, UpsampledConvolution
from moliere.models.threedgan.losses import Verdict

#: cells in x, y and along the depth
SHAPE = (51, 51, 25)
#: E / 100 GeV, theta and the latent
GENERATOR_INPUTS = 256
GENERATOR_FILTERS = (8, 8, 6, 6, 6, 6, 6)
DISCRIMINATOR_FILTERS = (16, 8, 8, 8)

SEED_SHAPE = (9, 9, 8)
_KERNEL = (5, 6, 6)
#: Keras's padding "same" for that kernel, in x, depth and y; what is odd goes to the far side
_SAME = (2, 2, 2, 3, 2, 3)
#: of the PyTorch ports
_WIDE = (2, 2, 3, 3, 3, 3)
POOLED_SHAPE = (19, 18, 7)
_LEAKS = {"keras": 0.3, "pytorch": 0.01}
_DROPOUT = 0.2

#: whose networks: they differ in what they compute from the same weights
Variant = Literal["keras", "pytorch"]


class ShowerGenerator(nn.Module):
    """(n, 256) → images (n, 1, 51, 51, 25), not negative.

    A linear layer makes 9 × 9 × 8 cells, each is repeated 6 × 6 × 6 times, and seven convolutions shape the image.

    Args:
        filters: channels of the 9 × 9 × 8 cells and of all convolutions but the last, which has one.
        variant: ``pytorch`` interpolates between the 9 × 9 × 8 cells instead of repeating them.
    """

    def __init__(self, filters: Sequence[int] = GENERATOR_FILTERS, variant: Variant = "keras") -> None:
        super().__init__()
        a, b, c, d, e, f, g = filters
        self.seed_shape = (*SEED_SHAPE, a)
        self.dense = nn.Linear(GENERATOR_INPUTS, math.prod(self.seed_shape))
        last = nn.Conv3d(g, 1, (2, 2, 2))
        self.layers = nn.Sequential(
            *(UpsampledConvolution(a, b, (6, 6, 8), repeat=6, smooth=variant == "pytorch"), nn.ReLU(), _batch_norm(b)),
            *(PairedConvolution(b, c, (4, 4, 6), padding=(2, 2, 1)), nn.ReLU(), _batch_norm(c)),
            *(PairedConvolution(c, d, (4, 4, 6), padding=(2, 2, 1)), nn.ReLU(), _batch_norm(d)),
            *(PairedConvolution(d, e, (4, 4, 6), padding=(2, 2, 1)), nn.ReLU(), _batch_norm(e)),
            *(PairedConvolution(e, f, (3, 3, 5), padding=(1, 1, 0)), nn.ReLU(), _batch_norm(f)),
            *(PairedConvolution(f, g, (3, 3, 3), padding=(1, 1, 0)), nn.ReLU()),
            *(last, nn.ReLU()),
        )
        self.apply(_initialise)
        for layer in self.layers:
            if isinstance(layer, UpsampledConvolution | PairedConvolution):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.xavier_normal_(last.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Make images."""
        seed = self.dense(inputs).view(-1, *self.seed_shape).permute(0, 4, 1, 2, 3)
        images: Tensor = self.layers(seed)
        return images


class ShowerDiscriminator(nn.Module):
    """Images (n, 1, 51, 51, 25) → :class:`Verdict`.

    Inside, x is the last axis, as pairs along the odd side of the kernels are the cheapest.

    Args:
        filters: channels of the four convolutions.
        variant: decides about leaks and padding.
    """

    def __init__(self, filters: Sequence[int] = DISCRIMINATOR_FILTERS, variant: Variant = "keras") -> None:
        super().__init__()
        a, b, c, d = filters
        self.padding, leak = _SAME if variant == "keras" else _WIDE, _LEAKS[variant]
        self.stages = nn.ModuleList(
            [
                nn.Sequential(TapConvolution(1, a, _KERNEL, last=0), nn.LeakyReLU(leak)),
                _stage(PairedConvolution(a, b, _KERNEL, padding=(0, 0, 1), last=0), leak),
                _stage(PairedConvolution(b, c, _KERNEL, padding=(0, 0, 1), last=0), leak),
                _stage(PairedConvolution(c, d, _KERNEL, last=0), leak),
            ]
        )
        n_features = math.prod(POOLED_SHAPE) * d
        self.generation = nn.Linear(n_features, 1)
        self.auxiliary = nn.Linear(n_features, 1)
        self.apply(_initialise)

    def forward(self, images: Tensor, rng: torch.Generator) -> Verdict:
        """Judge; ``rng`` says what is dropped in training."""
        x = F.pad(images.movedim(2, 4), self.padding)
        for stage in self.stages:
            x = self._drop(stage(x), rng)
        features = F.avg_pool3d(x, 2).permute(0, 4, 2, 3, 1).flatten(1)
        return Verdict(self.generation(features).squeeze(1), self.auxiliary(features).squeeze(1))

    def _drop(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Dropout whose random source is given, so that a run that is resumed stays the same."""
        if not self.training:
            return x
        shape = x.permute(0, 2, 3, 4, 1).shape
        # twice as fast as bernoulli_, and in the memory order of x
        kept = torch.rand(shape, generator=rng, device=x.device).ge_(_DROPOUT).permute(0, 4, 1, 2, 3)
        return x * kept.div_(1 - _DROPOUT)


def _stage(convolution: nn.Conv3d, leak: float) -> nn.Module:
    return nn.Sequential(convolution, nn.LeakyReLU(leak), _batch_norm(convolution.out_channels))


def _batch_norm(width: int) -> nn.BatchNorm3d:
    """Keras's momentum of 0.99 is the weight of the old average; PyTorch's is the weight of the new batch."""
    return nn.BatchNorm3d(width, eps=1e-6, momentum=0.01)


def _initialise(layer: nn.Module) -> None:
    """Keras's default: Glorot's uniform weights, and biases of 0."""
    if isinstance(layer, nn.Linear | nn.Conv3d | UpsampledConvolution) and layer.bias is not None:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
