"""Events × a reconstruction → what came in, as far as the network can tell."""

from __future__ import annotations

import numpy as np
import torch

from moliere.detectors.base import Floats
from moliere.errors import BundleError
from moliere.events import EventSource
from moliere.generation.guard import check_detector
from moliere.models import Bundle
from moliere.models.base import Reconstructor


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
