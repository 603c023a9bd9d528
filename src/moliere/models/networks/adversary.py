"""The two losses of a plain GAN, for discriminators that judge each row by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

#: rows (n, d) and the random source of dropout → log odds that they are real, (n, 1)
Discriminator = Callable[[Tensor, torch.Generator], Tensor]


def discrimination(discriminator: Discriminator, real: Tensor, made: Tensor, rng: torch.Generator) -> Tensor:
    """Mean cross-entropy of telling real from made rows, as many of each.

    Both pass at once: without batch normalisation each row is judged by itself.
    """
    label = real.new_zeros(2 * len(real), 1)
    label[: len(real)] = 1
    return F.binary_cross_entropy_with_logits(discriminator(torch.cat([real, made]), rng), label)


def deceit(discriminator: Discriminator, made: Tensor, rng: torch.Generator) -> Tensor:
    """What made rows cost while they are found out, -log D, mean."""
    return F.softplus(-discriminator(made, rng)).mean()
