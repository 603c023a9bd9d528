"""Bundles → events, in pieces: event i is the same whatever the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import BundleError
from moliere.events import Events
from moliere.generation.guard import check_incident
from moliere.models import Bundle, GenerativeModel
from moliere.preprocess import condition_matrix
from moliere.seeding import derive_seed

#: latents are drawn in blocks of so many events, each with a seed of its own
BLOCK = 256


def generate(
    bundle: Bundle,
    incident: Mapping[str, NDArray[Any]],
    *,
    seed: int = 0,
    outside: Literal["refuse", "extrapolate"] = "refuse",
) -> Events:
    """Generate one event for each incident particle, all in memory.

    Args:
        bundle: a trained generative model.
        incident: columns (n,) in MeV, rad, …
        seed: the same seed and position give the same event.
        outside: what to do outside the bundle's range of validity.

    Raises:
        UnsupportedIncident: outside that range.
        BundleError: not a generative model.
    """
    pieces = list(generate_batches(bundle, incident, seed=seed, outside=outside))
    if not pieces:
        none = np.zeros((0, bundle.detector.n_channels), np.float32)
        return Events(bundle.detector, dict(incident), none, metadata=_metadata(bundle, seed))
    return Events.concatenate(pieces)


def generate_batches(
    bundle: Bundle,
    incident: Mapping[str, NDArray[Any]],
    *,
    batch_size: int = 1024,
    seed: int = 0,
    device: str = "cpu",
    outside: Literal["refuse", "extrapolate"] = "refuse",
) -> Iterator[Events]:
    """Generate in batches, for files of any size; see :func:`generate`.

    Latents do not depend on the batch size at all; what the network makes of them may differ in the last bits of
    float32, as matrix products of other shapes add up in another order.

    Args:
        bundle: a trained generative model.
        incident: columns (n,).
        batch_size: events decoded at once, rounded up to whole blocks.
        seed: of all events.
        device: where the network runs; latents are always drawn on the CPU.
        outside: what to do outside the bundle's range of validity.
    """
    model = bundle.model
    if not isinstance(model, GenerativeModel):
        raise BundleError(f"bundle {bundle.name!r} holds a {type(model).__name__}, which does not generate events")
    condition = torch.from_numpy(condition_matrix(incident, bundle.columns))
    if outside == "refuse":
        check_incident(bundle, incident)
    model = model.to(device).eval()
    step = BLOCK * max(1, -(-batch_size // BLOCK))
    for start in range(0, len(condition), step):
        rows = slice(start, start + step)
        signals = _decode(model, condition, start, step, seed, device)
        part = {name: np.asarray(column)[rows] for name, column in incident.items()}
        yield Events(bundle.detector, part, signals, metadata=_metadata(bundle, seed))


@torch.inference_mode()
def _decode(
    model: GenerativeModel, condition: Tensor, start: int, step: int, seed: int, device: str
) -> NDArray[np.float32]:
    blocks = range(start // BLOCK, -(-min(start + step, len(condition)) // BLOCK))
    latent = torch.cat([_latent_block(model, condition, block, seed) for block in blocks])
    rows = condition[start : start + step].to(device)
    return np.asarray(model.decode(latent.to(device), rows).cpu().numpy())


def _latent_block(model: GenerativeModel, condition: Tensor, block: int, seed: int) -> Tensor:
    """The latents of one block; a last, incomplete block is drawn whole, as random streams depend on the length."""
    rows = condition[block * BLOCK : (block + 1) * BLOCK]
    padded = torch.cat([rows, rows[-1:].expand(BLOCK - len(rows), -1)])
    rng = torch.Generator().manual_seed(derive_seed(seed, block))
    return model.draw_latent(padded, rng)[: len(rows)]


def _metadata(bundle: Bundle, seed: int) -> dict[str, Any]:
    """What a file must say of where it comes from; the rest is in the bundle."""
    facts = {key: bundle.provenance[key] for key in ("events", "iterations", "seed") if key in bundle.provenance}
    trained = {f"training_{key}": value for key, value in facts.items()}
    return {"generator": f"moliere bundle {bundle.name}", "generation_seed": seed, **trained}
