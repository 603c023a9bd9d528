from __future__ import annotations

import pytest

from moliere.events import Events


@pytest.fixture(scope="session")
def bright_events(cartesian_events: Events) -> Events:
    """The Cartesian toy's showers at the energies that CaloGAN is scaled to."""
    incident = {"energy": 50 * cartesian_events.energy}
    return Events(cartesian_events.detector, incident, 50 * cartesian_events.signals)
