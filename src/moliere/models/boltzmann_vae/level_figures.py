"""Whether every level of a hierarchical VAE is used: posterior collapse shows in these numbers, level by level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from moliere.models.base import Batch
from moliere.models.boltzmann_vae.bits import Bits, Shower, bernoulli_divergence, draw_bits
from moliere.models.boltzmann_vae.boltzmann import gibbs_sample
from moliere.models.boltzmann_vae.hierarchical_vae import HierarchicalVAE

#: a unit whose probability has a smaller variance over events does not depend on them
_ACTIVE = 0.01
_SWEEPS = 200


@dataclass(frozen=True)
class LevelFigures:
    """One level of bits, over some events.

    Args:
        level: from 0.
        units: its bits.
        active: those whose posterior probability has a variance above 0.01 over the events.
        divergence: of its posterior from the prior's means at the event's energy, in nats, mean over the events.
        hit_accuracy: share of cells whose hit is said right from this level and those after it; ``None`` where
            cells are normal numbers, which do not say it.
        log_likelihood: ln p(x | this level and those after it), mean, with the settings' weights.
    """

    level: int
    units: int
    active: int
    divergence: float
    hit_accuracy: float | None
    log_likelihood: float


@torch.no_grad()
def level_figures(model: HierarchicalVAE, batch: Batch, rng: torch.Generator) -> list[LevelFigures]:
    """Figures of each level.

    A model with the reward has a head for each level, which tells what the level and those after it say. One without
    has only its decoder, which is given levels of the prior in place of those before, at the same energy: it was never
    trained to do without them, so that this says less than the levels hold.

    Args:
        model: in evaluation mode.
        batch: events that it has not learned from.
        rng: the only source of randomness.

    References:
        Importance Weighted Autoencoders (active units), Y. Burda, 2015, https://arxiv.org/abs/1509.00519
    """
    shower = model.see(batch, rng)
    logits, bits = model.encode(shower, lambda level: draw_bits(level, rng))
    means = model.prior_means(shower, rng)
    prior = gibbs_sample(model.machine, shower.clamped, rng, _SWEEPS).split(model.settings.levels, dim=1)
    if not len(model.skips):
        return [_figures(model, shower, k, 0, forget(bits, prior, k), logits[k], means[k]) for k in range(len(logits))]
    return [_figures(model, shower, k, k, bits, logits[k], means[k]) for k in range(len(logits))]


def _figures(
    model: HierarchicalVAE, shower: Shower, k: int, head: int, bits: Bits, logits: Tensor, means: Tensor
) -> LevelFigures:
    (hits, _), log_likelihood = model.explain(shower, bits, head)
    right = ((hits > 0) == (shower.x > 0)).float().mean() if model.settings.cells == "hits" else None
    return LevelFigures(
        level=k,
        units=logits.shape[1],
        active=int((logits.sigmoid().var(dim=0) > _ACTIVE).sum()),
        divergence=float(bernoulli_divergence(logits, means).sum(dim=1).mean()),
        hit_accuracy=None if right is None else float(right),
        log_likelihood=float(log_likelihood.mean()),
    )


def forget(bits: Bits, prior: Bits, level: int) -> list[Tensor]:
    """Bits whose levels before ``level`` are the prior's, so that they hold no information about the shower."""
    return [*prior[:level], *bits[level:]]
