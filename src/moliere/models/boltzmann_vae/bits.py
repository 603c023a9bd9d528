"""Bits of a hierarchical VAE: relaxed ones, their probabilities, entropies and divergences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def logistic_noise(like: Tensor, rng: torch.Generator) -> Tensor:
    """Logits of uniform numbers, of the shape of ``like``; added to a logit, its sign is a coin's."""
    uniform = torch.rand(like.shape, generator=rng, device=rng.device, dtype=like.dtype).to(like.device)
    return torch.logit(uniform, eps=1e-7)


def draw_bits(logits: Tensor, rng: torch.Generator, sharpness: float | None = None) -> Tensor:
    r"""Bernoulli numbers of these logits :math:`\ell`.

    .. math:: z = \Theta(\ell + \mathrm{logit}\,\rho) \quad\text{or}\quad
        z = \sigma(\beta (\ell + \mathrm{logit}\,\rho)), \qquad \rho \sim U(0, 1)

    Args:
        logits: of any shape.
        rng: the only source of randomness.
        sharpness: β, inverse temperature of the relaxation, which gradients pass through; ``None`` draws zeros and
            ones.

    References:
        Categorical Reparameterization with Gumbel-Softmax, E. Jang, 2016, https://arxiv.org/abs/1611.01144

    Example:
        >>> draw_bits(torch.tensor([-50.0, 50.0]), torch.Generator())
        tensor([0., 1.])
    """
    moved = logits + logistic_noise(logits, rng)
    return (moved > 0).to(logits) if sharpness is None else torch.sigmoid(sharpness * moved)


def log_probability(logits: Tensor, bits: Tensor) -> Tensor:
    """Logarithm of the probability of zeros and ones (n, d) under logits of that shape, summed over them, (n,)."""
    return -F.binary_cross_entropy_with_logits(logits, bits, reduction="none").sum(dim=1)


def entropy(logits: Tensor) -> Tensor:
    """Entropy of independent Bernoulli numbers in nats, summed over them: (n, d) → (n,)."""
    # p ℓ-weighted form of -p ln p - (1-p) ln(1-p), exact for large logits
    return (F.softplus(logits) - logits * torch.sigmoid(logits)).sum(dim=1)


def bernoulli_divergence(logits: Tensor, marginal: Tensor) -> Tensor:
    """Kullback-Leibler divergence of Bernoulli numbers of these logits from ones with given means, in nats.

    Args:
        logits: (n, d).
        marginal: probabilities of 1, inside (0, 1), (d,) or (n, d).

    Returns:
        (n, d).
    """
    probability = torch.sigmoid(logits)
    own = probability * F.logsigmoid(logits) + (1 - probability) * F.logsigmoid(-logits)
    return own - probability * marginal.log() - (1 - probability) * torch.log1p(-marginal)


#: zeros and ones of each level, (n, bits of the level)
Bits = Sequence[Tensor]


@dataclass(frozen=True)
class Shower:
    """Some events as the networks see them.

    Args:
        x: voxels in network space, 0 where they are empty, (n, n_channels).
        condition: encoded for networks, (n, width).
        clamped: the energy's bits, (n, n_clamped).
        layers: the response, layer energies and counts in network space, (n, 2 n_layers + 1).
        cells: the numbers that the decoder is asked for, (n, n_channels).
    """

    x: Tensor
    condition: Tensor
    clamped: Tensor
    layers: Tensor
    cells: Tensor
