"""The moving average of the weights, which is what a run ships."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def average_weights(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model whose ``update_parameters`` follows the weights.

    Early on the decay is smaller, (1 + n) / (10 + n), so that the random start is forgotten; with decay 0 the copy is
    the model itself.
    """

    def update(averaged: Iterable[Tensor], current: Iterable[Tensor], n: Tensor | int) -> None:
        keep = min(decay, (1 + int(n)) / (10 + int(n)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - keep)

    return AveragedModel(model, multi_avg_fn=torch.no_grad()(update))
