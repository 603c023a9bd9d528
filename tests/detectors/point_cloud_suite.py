"""A user's own suite for point clouds: what is compared on the page of an evaluation."""

from __future__ import annotations

import numpy as np
from point_cloud import PointCloud

from moliere.evaluation.observables.base import Shown
from moliere.evaluation.observables.binning import quantile_bins, whole_numbers
from moliere.evaluation.suites.base import Measured, Suite, suites
from moliere.events import Events

SHOWN = {
    "response": Shown("total energy / incident energy", "", "energy", quantile_bins),
    "hits": Shown("number of hits", "", "hits", whole_numbers),
    "width": Shown("width in x", "mm", "shape", quantile_bins),
}


def measure(events: Events, threshold: float | None) -> Measured:
    del threshold
    assert isinstance(events.detector, PointCloud)
    points = events.detector.points(events.signals).astype(np.float64)
    energy = points[..., 3]
    total = np.maximum(energy.sum(axis=1), 1e-9)
    mean = (points[..., 0] * energy).sum(axis=1) / total
    width = np.sqrt(((points[..., 0] - mean[:, None]) ** 2 * energy).sum(axis=1) / total)
    observed = {"response": total / events.energy, "hits": (energy > 0).sum(axis=1).astype(float), "width": width}
    features = np.stack(list(observed.values()), axis=1).astype(np.float32)
    return Measured(events.energy, events.signals, observed, features, tuple(observed))


suites.register("point-cloud")(Suite(detector=PointCloud, measure=measure, describe=lambda _: SHOWN))
