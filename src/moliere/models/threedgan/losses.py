"""The four terms of 3DGAN's losses: real or generated, incident energy, angle, and sum of the signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

#: below a percentage error, as Keras has it
_SMALLEST = 1e-7


class Verdict(NamedTuple):
    """The discriminator's output for n images: (n,) log odds that they are real, (n,) incident energies / 100 GeV."""

    logit: Tensor
    energy: Tensor


def verdict_terms(
    verdict: Verdict, label: float, energy: Tensor, rng: torch.Generator, flips: float = 0.0
) -> dict[str, Tensor]:
    """What the discriminator's heads contribute.

    Args:
        verdict: of n images.
        label: 1 for real, 0 for generated.
        energy: the true incident energies / 100 GeV, (n,).
        rng: says which labels are flipped.
        flips: share of the labels that are wrong on purpose.
    """
    flipped = torch.rand(verdict.logit.shape, generator=rng, device=rng.device).to(verdict.logit.device) < flips
    labels = torch.where(flipped, 1 - label, label)
    cross_entropy = F.binary_cross_entropy_with_logits(verdict.logit, labels, reduction="none")
    return {"label": mean(cross_entropy), "energy": percentage_error(energy, verdict.energy)}


def percentage_error(truth: Tensor, predicted: Tensor) -> Tensor:
    """Mean absolute error in per cent of the truth; both (n,).

    Example:
        >>> percentage_error(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 4.0]))
        tensor(25.)
    """
    return 100 * mean((predicted - truth).abs() / truth.abs().clamp(min=_SMALLEST))


def mean(values: Tensor) -> Tensor:
    """The mean; 0 for a batch without any event that has enough signal."""
    return values.sum() / max(1, len(values))


def weighed(weights: Sequence[float], terms: dict[str, Tensor]) -> Tensor:
    """The sum of the terms, each times its weight."""
    return torch.stack([weight * term for weight, term in zip(weights, terms.values(), strict=True)]).sum()
