"""What keeps every level of a hierarchy useful: a reward for what the levels from t on tell without those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from moliere.models.boltzmann_vae.bits import bernoulli_divergence, draw_bits, log_probability

Bits = Sequence[Tensor]
Shower = TypeVar("Shower", contravariant=True)


class Hierarchy(Protocol[Shower]):
    """What the reward asks of a model."""

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and bits of each level."""

    def log_likelihood(self, bits: Bits, shower: Shower) -> Tensor:
        """The logarithm of p(shower | bits) up to a constant, (n,)."""

    def prior_bits(self, shower: Shower, rng: torch.Generator) -> Bits:
        """Bits of each level that the prior might draw for these incident particles."""


def forget(bits: Bits, prior: Bits, level: int) -> list[Tensor]:
    """Bits whose levels before ``level`` are the prior's, so that they tell nothing of the shower."""
    return [*prior[:level], *bits[level:]]


def reward(model: Hierarchy[Shower], shower: Shower, level: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
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
    told = model.log_likelihood(forget(bits, prior, level), shower)
    marginal = prior[level].mean(dim=0).clamp(0.01, 0.99)
    price = bernoulli_divergence(logits[level], marginal).sum(dim=1)
    return told - price, log_probability(logits[level], bits[level]), told


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


def reward_loss(model: Hierarchy[Shower], shower: Shower, level: int, rng: torch.Generator) -> Tensor:
    """What a level is to do better: the encoder by its reward, the decoder by what it is told without earlier levels.

    Rewards are taken in units of their own spread, which falls by orders of magnitude while a model learns.
    """
    (one, log_one, told), (two, log_two, told_too) = (reward(model, shower, level, rng) for _ in range(2))
    scale = (one - two).detach().square().mean().sqrt().clamp(min=1e-6)
    return policy_gradient((one / scale, two / scale), (log_one, log_two)) - (told + told_too).mean() / 2
