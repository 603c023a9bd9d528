"""How to generate rare events more often: a user's request → the distribution that a model draws from."""

from __future__ import annotations

import numpy as np
import torch

from moliere.errors import BundleError, ConfigError, InvalidEvents
from moliere.events import EventSource
from moliere.models import Bundle, SteeredModel
from moliere.models.steering import NearSeeds, Proposal, WiderHalfNormal


def boost(bundle: Bundle, scale: float | None = None, seeds: EventSource | None = None) -> Proposal:
    """The distribution of auxiliaries that makes rare events more frequent.

    Args:
        bundle: of a model whose latent says how rare an event shall be.
        scale: width of the half-Gaussians; above 1 makes more rare events.
        seeds: events whose rareness the generated ones shall have, of the bundle's detector.

    Raises:
        BundleError: the model cannot be steered.
        ConfigError: neither or both are given, or the scale is too small.
        InvalidEvents: seeds of another detector.
    """
    model = steered(bundle)
    if (scale is None) == (seeds is None):
        raise ConfigError("give either a rareness scale or events to take rareness from, not both and not none")
    if scale is not None:
        return WiderHalfNormal(model.n_auxiliaries, scale)
    assert seeds is not None
    if reason := bundle.detector.incomparable_with(seeds.detector):
        raise InvalidEvents(f"{reason}; give seeds with the columns of bundle {bundle.name!r}")
    signals = torch.from_numpy(np.array(seeds.take(slice(None)).signals))
    return NearSeeds(model.rareness_of(signals))


def steered(bundle: Bundle) -> SteeredModel:
    """The model of a bundle, if it can be steered.

    Raises:
        BundleError: it cannot.
    """
    if not isinstance(bundle.model, SteeredModel):
        raise BundleError(
            f"bundle {bundle.name!r} holds a {type(bundle.model).__name__}, which has no input for how rare an event "
            "shall be; train one that has, such as muons-aux-gan"
        )
    return bundle.model
