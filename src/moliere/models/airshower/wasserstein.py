"""Wasserstein's distance as a critic measures it, and the penalty that keeps the critic's slope at one.

References:
    Improved Training of Wasserstein GANs, I. Gulrajani, 2017, https://arxiv.org/abs/1704.00028
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from moliere.models.base import Loss

Critic = Callable[[Tensor], Tensor]

#: below a squared slope, whose root has no derivative at zero
_TINY = 1e-12


def gradient_penalty(critic: Critic, reference: Tensor, generated: Tensor, rng: torch.Generator) -> Tensor:
    r"""How far the critic's slope is from one, at random points between pairs of events.

    .. math:: \left\langle (|\nabla f(\hat x)| - 1)^2 \right\rangle, \quad
        \hat x = \epsilon x + (1 - \epsilon) \tilde x, \quad \epsilon \sim U(0, 1)

    Gradients are computed even where they are switched off, as in validation.

    Args:
        critic: (n, …) → (n,), of layers that can be differentiated twice.
        reference: x, (n, …).
        generated: of the same shape.
        rng: draws ε.
    """
    shape = (len(reference), *[1] * (reference.dim() - 1))
    share = torch.rand(shape, generator=rng, device=rng.device).to(reference.device)
    with torch.enable_grad():
        between = torch.lerp(generated.detach(), reference.detach(), share).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        slope = (gradient.flatten(1).square().sum(dim=1) + _TINY).sqrt()
        penalty: Tensor = (slope - 1).square().mean()
    return penalty


def critic_loss(critic: Critic, reference: Tensor, generated: Tensor, weight: float, rng: torch.Generator) -> Loss:
    """What a critic minimises: minus its estimate of the distance, plus the weighted penalty.

    Args:
        critic: (n, …) → (n,), large for the reference.
        reference: (n, …).
        generated: of the same shape, without a gradient.
        weight: of the penalty.
        rng: of the penalty.
    """
    distance = critic(reference).mean() - critic(generated).mean()
    penalty = gradient_penalty(critic, reference, generated, rng)
    return Loss(weight * penalty - distance, {"distance": distance.item(), "penalty": penalty.item()})
