from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.events import Events


@pytest.fixture(scope="session")
def bright_events(cartesian_events: Events) -> Events:
    """The Cartesian toy's showers at the energies that CaloGAN is scaled to."""
    incident = {"energy": 50 * cartesian_events.energy}
    return Events(cartesian_events.detector, incident, 50 * cartesian_events.signals)


@pytest.fixture(scope="session")
def ecal_events() -> Events:
    """A dozen showers in 3DGAN's calorimeter: a column of hot cells in the middle, and a little around it."""
    detector, rng = catalog.get("3dgan"), np.random.default_rng(0)
    assert isinstance(detector, Calorimeter)
    energy = rng.uniform(50e3, 200e3, 12)
    shape = np.zeros((25, 51, 51))
    shape[:, 20:31, 20:31] = rng.gamma(0.5, size=(25, 11, 11)) * np.exp(-np.arange(25) / 8)[:, None, None]
    signals = shape.ravel() / shape.sum() * 0.02 * energy[:, None]
    return Events(detector, {"energy": energy, "theta": rng.uniform(1.1, 2.0, 12)}, signals)
