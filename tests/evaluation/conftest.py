from __future__ import annotations

import pytest

from moliere import samples
from moliere.detectors import Calorimeter, catalog
from moliere.events import Events


@pytest.fixture(scope="session")
def photons() -> Calorimeter:
    """Five layers of 368 polar cells."""
    detector = catalog.get("calochallenge-1-photons")
    assert isinstance(detector, Calorimeter)
    return detector


@pytest.fixture(scope="session")
def mini() -> Events:
    """Real Geant4 showers that ship with the package."""
    return samples.open("photons-mini")
