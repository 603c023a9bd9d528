"""Bundles → events, in pieces: event i is the same whatever the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import BundleError, ConfigError
from moliere.events import Events
from moliere.generation.fallback import Outside, fallback_for
from moliere.generation.guard import check_incident, check_labels, outside_range
from moliere.models import Bundle, GenerativeModel, SteeredModel
from moliere.models.steering import Proposal, effective_share, steered
from moliere.preprocess import condition_matrix
from moliere.seeding import derive_seed

#: latents are drawn in blocks of so many events, each with a seed of its own
BLOCK = 256
#: blocks that say how much weighted events are worth
_PILOT = 64


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
        return Events(bundle.detector, dict(incident), none, metadata=_metadata(bundle, seed))
    return Events.concatenate(pieces)


def generate_batches(
    bundle: Bundle,
    incident: Mapping[str, NDArray[Any]],
    *,
    n_events: int | None = None,
    batch_size: int = 1024,
    seed: int = 0,
    proposal: Proposal | None = None,
    device: str = "cpu",
    outside: Outside = "refuse",
) -> Iterator[Events]:
    """Generate in batches, for files of any size; see :func:`generate`.

    Latents do not depend on the batch size at all; what the network makes of them may differ in the last bits of
    float32, as matrix products of other shapes add up in another order.

    Args:
        bundle: a trained generative model.
        incident: columns (n,).
        n_events: number of events, needed where there are no columns.
        batch_size: events decoded at once, rounded up to whole blocks.
        seed: of all events.
        proposal: makes rare events more often, with the weights that undo it.
        device: where the network runs; latents are always drawn on the CPU.
        outside: what to do outside the bundle's range of validity.
    """
    asked, fallback = incident, None
    if outside not in ("refuse", "extrapolate"):
        if proposal is not None:
            raise ConfigError(
                "rare events have weights that undo the model's choice, and simulated events have none: extrapolate "
                "instead, or leave out the rareness",
                options=("--outside extrapolate",),
            )
        asked, fallback = fallback_for(bundle, incident, outside, seed)
    source = _Source(bundle, condition_matrix(asked, bundle.columns, n_events), seed, proposal, device)
    check_labels(bundle, incident)
    if outside == "refuse":
        check_incident(bundle, incident)
    step = BLOCK * max(1, -(-batch_size // BLOCK))
    metadata = _metadata(bundle, seed) | source.boost_metadata()
    if n_outside := int(outside_range(bundle, incident).sum()):
        metadata |= {"outside": outside, "outside_events": n_outside}
    for start in range(0, len(source.condition), step):
        signals, weights = source.make(start, step)
        if fallback is not None:
            signals = fallback.fill(signals, start)
        part = {name: np.asarray(column)[start : start + step] for name, column in incident.items()}
        yield Events(bundle.detector, part, signals, weights, metadata=metadata)


class _Source:
    """Makes the signals of any part of all events.

    Args:
        bundle: holds a generative model.
        condition: of all events, (n, n_columns).
        seed: of all events.
        proposal: what auxiliaries are drawn from instead, if anything.
        device: where the network runs.

    Raises:
        BundleError: the model does not generate, or cannot be steered.
    """

    def __init__(
        self, bundle: Bundle, condition: NDArray[np.float64], seed: int, proposal: Proposal | None, device: str
    ) -> None:
        if not isinstance(bundle.model, GenerativeModel):
            kind = type(bundle.model).__name__
            raise BundleError(f"bundle {bundle.name!r} holds a {kind}, which does not generate events")
        if proposal is not None:
            steered(bundle)
        self.model = bundle.model.to(device).eval()
        self.condition, self.seed = torch.from_numpy(condition), seed
        self.proposal, self.device = proposal, device

    @torch.inference_mode()
    def make(self, start: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Signals of events ``start`` to ``start + step``, and their weights where there is a proposal."""
        blocks = range(start // BLOCK, -(-min(start + step, len(self.condition)) // BLOCK))
        drawn = [self._draw(block) for block in blocks]
        latent = torch.cat([latent for latent, _ in drawn]).to(self.device)
        signals = self.model.decode(latent, self.condition[start : start + step].to(self.device))
        weights = None if self.proposal is None else torch.cat([log for _, log in drawn]).exp().numpy()
        return np.asarray(signals.cpu().numpy()), weights

    def _draw(self, block: int) -> tuple[Tensor, Tensor]:
        """Latents and log weights of a block; an incomplete one is drawn whole: random streams depend on the length."""
        rows = self.condition[block * BLOCK : (block + 1) * BLOCK]
        padded = rows if len(rows) == BLOCK else torch.cat([rows, rows[-1:].expand(BLOCK - len(rows), -1)])
        rng = torch.Generator().manual_seed(derive_seed(self.seed, block))
        if self.proposal is None:
            return self.model.draw_latent(padded, rng)[: len(rows)], padded.new_zeros(0)
        assert isinstance(self.model, SteeredModel)
        latent, log_weights = self.model.draw_steered(padded, rng, self.proposal)
        return latent[: len(rows)], log_weights[: len(rows)]

    def boost_metadata(self) -> dict[str, Any]:
        """Effective share of weighted events, estimated from the first blocks before any event is made."""
        if self.proposal is None or len(self.condition) == 0:
            return {}
        blocks = range(min(_PILOT, -(-len(self.condition) // BLOCK)))
        log_weights = torch.cat([self._draw(block)[1] for block in blocks])
        return {"boost": self.proposal.describe(), "effective_share": round(effective_share(log_weights), 4)}


def _metadata(bundle: Bundle, seed: int) -> dict[str, Any]:
    """The origin of generated events, for their file; the rest is in the bundle."""
    facts = {key: bundle.provenance[key] for key in ("events", "iterations", "seed") if key in bundle.provenance}
    trained = {f"training_{key}": value for key, value in facts.items()}
    if bundle.undertrained:
        trained["undertrained"] = bundle.undertrained
    return {"generator": f"moliere bundle {bundle.name}", "generation_seed": seed, **trained}
