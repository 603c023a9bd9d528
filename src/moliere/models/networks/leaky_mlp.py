"""Dense layers with leaky units, which is all that networks on a few columns need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2
#: Keras's 0.8: what the last batch counts for in the running statistics
_MOMENTUM = 0.2


class LeakyMLP(nn.Module):
    """Dense layers, each followed by a leaky unit and, where asked for, batch normalisation and dropout.

    Batch normalisation adds 1e-5 to the variance, where Keras adds 1e-3; its momentum is that of the muon GANs.

    Args:
        inputs: width of the input.
        hidden: widths, at least one.
        outputs: width of the last, linear layer.
        norm: batch normalisation behind each unit, as generators have it.
        dropout: share of the numbers behind each unit that are dropped in training, as discriminators have it.
    """

    def __init__(
        self, inputs: int, hidden: Sequence[int], outputs: int, *, norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.layers = nn.ModuleList(nn.Linear(*sizes) for sizes in pairwise([inputs, *hidden]))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, momentum=_MOMENTUM) for width in hidden if norm)
        self.outward = nn.Linear(hidden[-1], outputs)

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """(n, inputs) → (n, outputs); in training, ``rng`` says what is dropped, and without it nothing is."""
        if self.norms and not self.training:
            return self._normed_before(x)
        for k, layer in enumerate(self.layers):
            x = F.leaky_relu_(layer(x), _SLOPE)
            if self.norms and len(x):
                x = self.norms[k](x)
            if self.dropout and self.training and rng is not None:
                x = x * kept(x.shape, self.dropout, rng).to(x.device)
        out: Tensor = self.outward(x)
        return out

    def _normed_before(self, x: Tensor) -> Tensor:
        """The same with running statistics, whose scale and shift are merged into the next layer."""
        x = F.leaky_relu_(self.layers[0](x), _SLOPE)
        for norm, layer in zip(self.norms, [*self.layers[1:], self.outward], strict=True):
            assert isinstance(norm, nn.BatchNorm1d)
            assert isinstance(layer, nn.Linear)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            shift = norm.bias - norm.running_mean * scale
            x = F.linear(x, layer.weight * scale, layer.bias + layer.weight @ shift)
            if layer is not self.outward:
                x = F.leaky_relu_(x, _SLOPE)
        return x


def kept(shape: Sequence[int], dropout: float, rng: torch.Generator) -> Tensor:
    """0 for numbers that are dropped, and for the others the factor that keeps the mean at 1.

    Eight numbers are made from each random number: to draw them singly took a third of an update. The share that is
    dropped is therefore a multiple of 1/256.
    """
    n, level = math.prod(shape), min(255, round(256 * dropout))
    words = torch.randint(-(2**63), 2**63 - 1, (-(-n // 8),), generator=rng, device=rng.device)
    mask = words.view(torch.uint8)[:n].view(*shape) >= level
    return mask * (256 / (256 - level))
