"""The reward of a hierarchy of bits: what each level and those after it tell, so that no level falls asleep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from moliere.models.boltzmann_vae.bits import Bits, Shower, bernoulli_divergence, draw_bits, log_probability


class Hierarchy(Protocol):
    """What the reward asks of a model."""

    def encode(self, shower: Shower, draw: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits and bits of each level, (n, bits of the level)."""

    def log_likelihood_from(self, level: int, bits: Bits, shower: Shower) -> Tensor:
        """The logarithm of p(x | z≥level) by a head that sees no level before, up to a constant, (n,)."""

    def prior_means(self, shower: Shower, rng: torch.Generator) -> Bits:
        """Probabilities of 1 under the prior at each event's energy, inside (0, 1), (n, bits of the level)."""


@dataclass(frozen=True)
class Draw:
    """One draw of all levels for some events.

    Args:
        log_q: ln q(z_t | z<t, x) of the bits that were drawn, (n, n_levels).
        likelihood: ln p(x | z≥t), each of its own head, (n, n_levels).
        divergence: KL(q(z_t | z<t, x) ‖ p(z_t)) in nats, summed over bits, (n, n_levels).
    """

    log_q: Tensor
    likelihood: Tensor
    divergence: Tensor

    def returns(self, price: float, discount: float) -> Tensor:
        """Q of each level, with divergences at this price; no gradient passes, (n, n_levels)."""
        return discounted((self.likelihood - price * self.divergence).detach(), discount)


def draw_levels(model: Hierarchy, shower: Shower, prior: Bits, rng: torch.Generator) -> Draw:
    """Draw zeros and ones for every level and ask each level's head what they tell."""
    logits, bits = model.encode(shower, lambda level: draw_bits(level, rng).detach())
    levels = range(len(logits))
    return Draw(
        torch.stack([log_probability(logits[k], bits[k]) for k in levels], dim=1),
        torch.stack([model.log_likelihood_from(k, bits, shower) for k in levels], dim=1),
        torch.stack([bernoulli_divergence(logits[k], prior[k]).sum(dim=1) for k in levels], dim=1),
    )


def discounted(rewards: Tensor, discount: float) -> Tensor:
    """Q_t = Σ_s≥t γ^(s-t) R_s of rewards (n, n_levels), of that shape.

    Example:
        >>> discounted(torch.tensor([[1.0, 2.0, 4.0]]), 0.5)
        tensor([[3., 4., 4.]])
    """
    levels = torch.arange(rewards.shape[1], device=rewards.device)
    ahead = (levels[:, None] - levels).to(rewards)
    return rewards @ torch.where(ahead >= 0, discount**ahead, torch.zeros_like(ahead))


def policy_gradient(rewards: tuple[Tensor, Tensor], log_q: tuple[Tensor, Tensor]) -> Tensor:
    """A loss with the gradient of minus the mean reward, as far as rewards depend on parameters through what is drawn.

    Each of two draws is the other's baseline, which costs no bias. A reward that depends on the parameters by itself,
    like a divergence, has a gradient of its own, which is not in here.

    Args:
        rewards: of two independent draws for the same events, of any shape; no gradient passes through them.
        log_q: logarithms of the probabilities of what was drawn, of that shape; summed over all but the events.

    References:
        Buy 4 REINFORCE Samples, Get a Baseline for Free!, W. Kool, 2019, https://openreview.net/forum?id=r1lgTGL5DE
    """
    advantage = (rewards[0] - rewards[1]).detach()
    return -(advantage * (log_q[0] - log_q[1])).mean(dim=0).sum() / 2


def reward_loss(
    model: Hierarchy, shower: Shower, rng: torch.Generator, price: float = 1.0, discount: float = 1.0
) -> Tensor:
    r"""What levels are to do better, and what their heads are.

    .. math:: R_t = \ln p_t(x \mid z_{\ge t}) - \lambda\, \mathrm{KL}(q(z_t \mid z_{<t}, x) \,\|\, p(z_t \mid E)),
        \qquad Q_t = \sum_{s \ge t} \gamma^{s - t} R_s

    The gradient by the logits of level t is that of :math:`-\langle Q_t \rangle` without bias: the score function
    :math:`-(Q_t - b) \nabla \ln q` for what is drawn, and the divergence of level t itself by calculus, as the score
    function's part has mean zero in it. Heads learn :math:`-\ln p_t`. The loss's value is that of the heads and of the
    divergences alone.

    The skip path from a level to the shower is a head for each level, which never sees the levels before. The prior of
    one level is taken as independent bits of its own means at the event's energy.

    Args:
        model: a hierarchy of bits.
        shower: some events.
        rng: the only source of randomness.
        price: λ, of a nat of divergence.
        discount: γ.

    References:
        Improving Unsupervised Hierarchical Representation with Reinforcement Learning, R. An, 2024 (CVPR),
        https://openreview.net/forum?id=qBHVOIJrsQ
    """
    prior = model.prior_means(shower, rng)
    one, two = (draw_levels(model, shower, prior, rng) for _ in range(2))
    found = policy_gradient((one.returns(price, discount), two.returns(price, discount)), (one.log_q, two.log_q))
    told = [(price * draw.divergence - draw.likelihood).sum(dim=1).mean() for draw in (one, two)]
    return found - found.detach() + (told[0] + told[1]) / 2
