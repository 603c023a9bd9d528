"""How a network is told the flow time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


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
