"""Whether every level of a hierarchical VAE is used: posterior collapse shows in these numbers, level by level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from moliere.models.base import Batch
from moliere.models.boltzmann_vae.bits import Shower, bernoulli_divergence, draw_bits, forget
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
        divergence: of its posterior from its means under the prior, in nats, mean over the events.
        hit_accuracy: share of cells whose hit the decoder says right from this level and those after it.
        log_likelihood: ln p(x | this level and those after it), mean, with the settings' weights.
    """

    level: int
    units: int
    active: int
    divergence: float
    hit_accuracy: float
    log_likelihood: float


@torch.no_grad()
def level_figures(model: HierarchicalVAE, batch: Batch, rng: torch.Generator) -> list[LevelFigures]:
    """Figures of each level; levels before the one that is looked at are drawn from the prior.

    Args:
        model: in evaluation mode.
        batch: events that it has not learned from.
        rng: the only source of randomness.

    References:
        Importance Weighted Autoencoders (active units), Y. Burda, 2015, https://arxiv.org/abs/1509.00519
    """
    shower = model.see(batch, rng)
    logits, bits = model.encode(shower, lambda level: draw_bits(level, rng))
    prior = gibbs_sample(model.machine, shower.clamped, rng, _SWEEPS).split(model.settings.levels, dim=1)
    return [
        _figures(model, shower, k, level, forget(bits, prior, k), prior[k].mean(dim=0).clamp(0.01, 0.99))
        for k, level in enumerate(logits)
    ]


def _figures(
    model: HierarchicalVAE, shower: Shower, k: int, logits: Tensor, bits: list[Tensor], marginal: Tensor
) -> LevelFigures:
    hits, _ = model.decoder(bits, shower.condition)
    return LevelFigures(
        level=k,
        units=logits.shape[1],
        active=int((logits.sigmoid().var(dim=0) > _ACTIVE).sum()),
        divergence=float(bernoulli_divergence(logits, marginal).sum(dim=1).mean()),
        hit_accuracy=float(((hits > 0) == (shower.x > 0)).float().mean()),
        log_likelihood=float(model.log_likelihood(bits, shower).mean()),
    )
