"""Bits of a hierarchical VAE: relaxed ones, their entropies, and the reward that keeps every level useful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

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
        marginal: probabilities of 1, inside (0, 1), (d,).

    Returns:
        (n, d).
    """
    probability = torch.sigmoid(logits)
    own = probability * F.logsigmoid(logits) + (1 - probability) * F.logsigmoid(-logits)
    return own - probability * marginal.log() - (1 - probability) * torch.log1p(-marginal)


Bits = Sequence[Tensor]


@dataclass(frozen=True)
class Shower:
    """Some events as the networks see them.

    Args:
        x: voxels in network space, 0 where they are empty, (n, n_channels).
        condition: encoded for networks, (n, width).
        clamped: the energy's bits, (n, n_clamped).
        layers: the response, layer energies and counts in network space, (n, 2 n_layers + 1).
    """

    x: Tensor
    condition: Tensor
    clamped: Tensor
    layers: Tensor


class Hierarchy(Protocol):
    """What the reward asks of a model."""

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and bits of each level."""

    def log_likelihood(self, bits: Bits, shower: Shower) -> Tensor:
        """The logarithm of p(shower | bits) up to a constant, (n,)."""

    def prior_bits(self, shower: Shower, rng: torch.Generator) -> Bits:
        """Bits of each level that the prior might draw for these incident particles."""


def forget(bits: Bits, prior: Bits, level: int) -> list[Tensor]:
    """Bits whose levels before ``level`` are the prior's, so that they hold no information about the shower."""
    return [*prior[:level], *bits[level:]]


def reward(model: Hierarchy, shower: Shower, level: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    r"""Draw bits for some showers and reward one level.

    .. math:: R(t) = \ln p(x \mid z_{\ge t}) - \mathrm{KL}(q(z_t \mid z_{<t}, x) \,\|\, p(z_t))

    with p(z_t) the means that the prior has over the batch.

    Args:
        model: a hierarchy of bits.
        shower: some events.
        level: t, from 0.
        rng: the only source of randomness.

    Returns:
        R, ln q(z_t) and ln p(x | z≥t), each (n,).

    References:
        Improving Unsupervised Hierarchical Representation with Reinforcement Learning, R. Ge, 2024 (CVPR)
    """
    logits, bits = model.encode(shower, lambda level_logits: draw_bits(level_logits, rng).detach())
    prior = model.prior_bits(shower, rng)
    likelihood = model.log_likelihood(forget(bits, prior, level), shower)
    marginal = prior[level].mean(dim=0).clamp(0.01, 0.99)
    price = bernoulli_divergence(logits[level], marginal).sum(dim=1)
    return likelihood - price, log_probability(logits[level], bits[level]), likelihood


def policy_gradient(rewards: tuple[Tensor, Tensor], log_q: tuple[Tensor, Tensor]) -> Tensor:
    """A loss whose gradient is that of minus the mean reward, without bias: each of two draws is the other's baseline.

    Args:
        rewards: of two independent draws for the same events, (n,); no gradient passes through them.
        log_q: logarithms of the probabilities of what was drawn, (n,).

    References:
        Buy 4 REINFORCE Samples, Get a Baseline for Free!, W. Kool, 2019, https://openreview.net/forum?id=r1lgTGL5DE
    """
    advantage = (rewards[0] - rewards[1]).detach()
    return -(advantage * (log_q[0] - log_q[1])).mean() / 2


def reward_loss(model: Hierarchy, shower: Shower, level: int, rng: torch.Generator) -> Tensor:
    """What a level is to do better: the encoder by its reward, the decoder by the likelihood without earlier levels.

    Rewards are taken in units of their own spread, which falls by orders of magnitude while a model learns.
    """
    (one, log_one, first), (two, log_two, second) = (reward(model, shower, level, rng) for _ in range(2))
    scale = (one - two).detach().square().mean().sqrt().clamp(min=1e-6)
    return policy_gradient((one / scale, two / scale), (log_one, log_two)) - (first + second).mean() / 2
