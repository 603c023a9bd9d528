"""Bundles → events in memory, in pieces: event i is the same whatever the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.events import Events
from moliere.generation.fallback import Outside
from moliere.generation.job import Generation, origin
from moliere.models import Bundle
from moliere.models.steering import Proposal


def generate(
    bundle: Bundle,
    incident: Mapping[str, NDArray[Any]],
    *,
    n_events: int | None = None,
    seed: int = 0,
    proposal: Proposal | None = None,
    outside: Outside = "refuse",
) -> Events:
    """Generate one event for each incident particle, all in memory.

    Args:
        bundle: a trained generative model.
        incident: columns (n,) in MeV, rad, …; none for a model that is conditioned on nothing.
        n_events: number of events, needed where there are no columns.
        seed: the same seed and position give the same event.
        proposal: makes rare events more often, with the weights that undo it; see :func:`boost`.
        outside: what becomes of incident particles outside the bundle's range of validity: ``refuse``, ``extrapolate``,
            or the simulation that makes these events, ``gflash``. The events' metadata say how many there are.

    Raises:
        UnsupportedIncident: outside that range, or a column that the model is not conditioned on.
        ConfigError: a simulation beside a proposal.
        BundleError: not a generative model, or with a proposal not one that can be steered.
    """
    pieces = list(generate_batches(bundle, incident, n_events=n_events, seed=seed, proposal=proposal, outside=outside))
    if not pieces:
        none = np.zeros((0, bundle.detector.n_channels), np.float32)
        return Events(bundle.detector, dict(incident), none, metadata=origin(bundle, seed))
    return Events.concatenate(pieces)


def generate_batches(bundle: Bundle, incident: Mapping[str, NDArray[Any]], **how: Any) -> Iterator[Events]:
    """Generate in batches, for files of any size.

    Args:
        bundle: a trained generative model.
        incident: columns (n,).
        how: all else that :class:`~moliere.generation.job.Generation` takes.
    """
    return batches_of(Generation(bundle, incident, **how))


def batches_of(job: Generation) -> Iterator[Events]:
    """The events of a generation, block by block, here and now."""
    for block in range(job.n_blocks):
        yield replace(job.make(block), metadata=dict(job.provenance))
