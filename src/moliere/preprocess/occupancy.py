"""How many cells of each layer answer: numbers that a flow can learn, and the rule that enforces them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from moliere.preprocess.base import Transform, transforms


@transforms.register("counts")
class Counts(Transform):
    """Whole numbers 0 … size as fractions in (0, 1), spread uniformly over a bin each.

    Args:
        sizes: largest count of each column.
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("sizes", torch.tensor(list(sizes), dtype=torch.float64), persistent=False)

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """Counts → fractions."""
        u = torch.rand(values.shape, generator=rng, dtype=torch.float64, device=values.device)
        return (values.double() + u) / (self.sizes + 1)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Fractions → counts."""
        return torch.minimum((values * (self.sizes + 1)).floor().clamp(min=0), self.sizes)


def keep_largest(values: Tensor, counts: Tensor, slices: Sequence[slice]) -> Tensor:
    """Zero all but the ``counts`` largest values of each layer.

    Args:
        values: not negative, (n, n_channels).
        counts: (n, n_layers).
        slices: channels of each layer.
    """
    parts = []
    for layer, part in enumerate(slices):
        inside = values[:, part]
        ordered = inside.sort(dim=1, descending=True).values
        last = (counts[:, layer, None].long() - 1).clamp(min=0)
        kept = (inside >= ordered.gather(1, last)) & (counts[:, layer, None] > 0)
        parts.append(torch.where(kept, inside, torch.zeros_like(inside)))
    return torch.cat(parts, dim=1)
