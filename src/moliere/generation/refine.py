"""Bundles that take existing events: refiners change their signals, reconstructors predict incident quantities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.detectors import SurfaceArray
from moliere.detectors.base import Floats
from moliere.errors import BundleError
from moliere.events import Events, EventSource
from moliere.events.events import ARRIVAL_TIMES
from moliere.events.split import ORIGINAL
from moliere.generation.guard import check_detector, check_incident
from moliere.models import Bundle
from moliere.models.base import Reconstructor, Refiner
from moliere.preprocess import condition_matrix
from moliere.seeding import Purpose, derive_seed


def refine_batches(
    bundle: Bundle, source: EventSource, *, batch_size: int = 256, seed: int = 0, copies: int = 1
) -> Iterator[Events]:
    """Refine events in batches; incident columns, weights and extras stay, arrival times but for the refiner's noise.

    A station that the refiner silences loses its arrival time. A refiner that draws noise makes other events of the
    same ones each time: a network that learns from several copies learns less of one draw. Copies follow each other,
    all events once in each; the column ``original`` tells which were made of the same event, and a split keeps those in
    one part.

    Args:
        bundle: a trained refiner.
        source: events of the detector that it was trained for.
        batch_size: events at once; the result does not depend on it.
        seed: of the noise that a refiner draws.
        copies: how often each event is refined.

    Raises:
        BundleError: not a refiner, or several copies of one that draws no noise.
        InvalidEvents: events of another detector, or with other time bins.
        UnsupportedIncident: incident particles outside the training's range.
    """
    if not isinstance(bundle.model, Refiner):
        raise BundleError(f"bundle {bundle.name!r} holds a {type(bundle.model).__name__}, which refines no events")
    if copies > 1 and not bundle.model.latent_size:
        raise BundleError(f"bundle {bundle.name!r} draws no noise, so that {copies} copies are the same; make one copy")
    check_detector(bundle, source.detector)
    check_incident(bundle, source.incident)
    model = bundle.model.eval()
    for copy in range(copies):
        first = 0
        for events in source.chunks(batch_size):
            rows = np.arange(first, first + len(events))
            latent = _noise(model, derive_seed(seed, Purpose.NOISE, copy), rows)
            condition = torch.from_numpy(condition_matrix(events.incident, bundle.columns, len(events)))
            with torch.inference_mode():
                signals = model.refine(torch.tensor(events.signals), condition, latent).numpy()
            metadata = {**events.metadata, "refined_by": f"moliere bundle {bundle.name}"}
            incident = events.incident if copies == 1 else {**events.incident, ORIGINAL: rows}
            extras = _extras(model, events, signals, derive_seed(seed, Purpose.TIMES, copy), rows)
            yield Events(source.detector, incident, signals, events.weights, metadata, extras)
            first += len(events)


def _noise(model: Refiner, seed: int, rows: NDArray[np.int64]) -> Tensor:
    """A latent (n, latent_size) that each event has of its own."""
    if not model.latent_size:
        return torch.zeros(len(rows), 0)
    rng = torch.Generator()
    return torch.cat([model.draw_latent(1, rng.manual_seed(derive_seed(seed, row))) for row in rows.tolist()])


def _extras(
    model: Refiner, events: Events, signals: NDArray[np.float32], seed: int, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Extras of refined events, with refined arrival times, none of stations that are silent now."""
    extras = dict(events.extras)
    if ARRIVAL_TIMES in extras and isinstance(events.detector, SurfaceArray):
        size = 1 + events.detector.n_stations
        noise = np.stack([np.random.default_rng(derive_seed(seed, row)).standard_normal(size) for row in rows.tolist()])
        given = (torch.tensor(x) for x in (extras[ARRIVAL_TIMES], events.signals, signals, noise))
        heard = events.detector.footprint(signals) > 0
        extras[ARRIVAL_TIMES] = np.where(heard, model.refine_times(*given).numpy(), np.nan)
    return extras


def reconstruct(bundle: Bundle, source: EventSource, *, batch_size: int = 500) -> dict[str, Floats]:
    """Predict the incident quantities that a bundle was trained to predict.

    Args:
        bundle: a trained reconstruction.
        source: events of the detector that it was trained for.
        batch_size: events at once; bounds memory.

    Returns:
        Name of an incident column → predictions (n,) in its unit.

    Raises:
        BundleError: not a reconstruction.
        InvalidEvents: events of another detector, with other time bins, or without arrival times.
    """
    if not isinstance(bundle.model, Reconstructor):
        raise BundleError(f"bundle {bundle.name!r} holds a {type(bundle.model).__name__}, which reconstructs nothing")
    check_detector(bundle, source.detector)
    model = bundle.model.eval()
    predictions = [np.empty((0, len(model.targets)))]
    for events in source.chunks(batch_size):
        extras = {name: torch.tensor(np.asarray(values)) for name, values in events.extras.items()}
        with torch.inference_mode():
            predictions.append(model.reconstruct(torch.tensor(events.signals), extras).numpy())
    return dict(zip(model.targets, np.concatenate(predictions).T, strict=True))
