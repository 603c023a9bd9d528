from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import Calorimeter, PhaseSpace, SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.events import Events
from moliere.preprocess import rareness_flux, to_polar
from moliere.preprocess.traces import centred_footprints
from moliere.simulators import AirShower, Muons
from moliere.units import EeV, GeV


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


@pytest.fixture(scope="session")
def array_events() -> Events:
    """Air showers over 5 × 5 stations of 20 bins."""
    array = SurfaceArray("toy-array", station_positions(5, 1500e3, 1400e3, "cartesian"), 20, 100.0, (5, 5))
    rng = np.random.default_rng(0)
    return AirShower(array, max_zenith=0.8).simulate({"energy": rng.uniform(5 * EeV, 100 * EeV, 300)}, rng)


@pytest.fixture(scope="session")
def footprint_events(array_events: Events) -> Events:
    """Their footprints, the hottest station in the middle."""
    return centred_footprints(array_events)


@pytest.fixture(scope="session")
def muon_events() -> Events:
    """Muons behind a beam dump, Cartesian, with weights."""
    detector = catalog.get("ship-muons")
    assert isinstance(detector, PhaseSpace)
    return Muons(detector).simulate({"energy": np.full(2_000, 400 * GeV)}, np.random.default_rng(0))


@pytest.fixture(scope="session")
def polar_muon_events(muon_events: Events) -> Events:
    """The same in polar form."""
    return to_polar(muon_events)


@pytest.fixture(scope="session")
def rareness_events(muon_events: Events) -> Events:
    """How rare they are in each quantity."""
    return rareness_flux(muon_events)
