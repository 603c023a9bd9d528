"""The contract of every registered simulator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from moliere.detectors import Calorimeter, PhaseSpace, SurfaceArray, catalog
from moliere.events import Events
from moliere.simulators import Simulator, sample_incident, simulators

REFERENCES = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Case:
    """What a simulator is tried on: detector, energies in MeV, particle, events compared with the stored means."""

    detector: str
    energies: tuple[float, float]
    pdg_id: int
    n: int


CASES = {
    "airshower": Case("airshower-9x9", (1e12, 1e14), 2212, 1000),
    "airshower-data": Case("airshower-9x9", (1e12, 1e14), 2212, 1000),
    "airshower-simulation": Case("airshower-9x9", (1e12, 1e14), 1000260560, 1000),
    "geant4": Case("calochallenge-1-photons", (500, 1500), 22, 250),
    "gflash": Case("calochallenge-1-photons", (1e3, 3e4), 22, 1000),
    "muons": Case("ship-muons-polar", (400e3, 400e3), 2212, 1000),
}


@pytest.fixture(params=list(simulators), scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def build(name: str) -> Simulator:
    make: Any = simulators[name]
    simulator: Simulator = make(catalog.get(CASES[name].detector))
    return simulator


def run(name: str, n: int, seed: int) -> Events:
    case, rng = CASES[name], np.random.default_rng(seed)
    return build(name).simulate(sample_incident(n, case.energies, "log", case.pdg_id, rng), rng)


def observables(events: Events) -> np.ndarray:
    """A few numbers an event, (n, 6); logarithms and shares, so that their means are nearly normal."""
    if isinstance(events.detector, SurfaceArray):
        return array_observables(events.detector, events)
    if isinstance(events.detector, PhaseSpace):
        return flux_observables(events)
    layers = events.detector.layer_energies(events.signals)
    radius = events.signals @ events.detector.r / events.signals.sum(axis=1)
    shares = layers[:, 1:3] / events.energy[:, None]
    hit = (events.signals > 0).sum(axis=1)
    bright = events.signals.max(axis=1) / events.energy
    return np.column_stack([events.response, shares, np.log(radius), np.log(hit), bright])


def array_observables(array: SurfaceArray, events: Events) -> np.ndarray:
    """The same of an array of stations."""
    footprint = np.sort(array.footprint(events.signals).astype(np.float64), axis=1)
    traces = array.traces(events.signals).sum(axis=1, dtype=np.float64)
    centre = traces @ np.arange(array.n_bins) / traces.sum(axis=1)
    times = np.nanstd(events.extras["arrival_times"], axis=1)
    stations = (footprint > 0).sum(axis=1)
    xmax = events.incident["xmax"]
    return np.column_stack([np.log(footprint[:, -1]), np.log1p(footprint[:, -2]), centre, times, stations, xmax])


def flux_observables(events: Events) -> np.ndarray:
    """The same of muons in polar form; the squared cosine sees an azimuth that is not uniform."""
    charge, r, _, z, pt, theta_pt, pz = events.signals.T.astype(np.float64)
    return np.column_stack([charge, r, np.log(z + 70949), np.log(pt), np.cos(theta_pt) ** 2, np.log(pz)])


def summarise(values: np.ndarray) -> dict[str, Any]:
    return {"n": len(values), "mean": values.mean(axis=0).tolist(), "covariance": np.cov(values.T).tolist()}


def test_signals_are_positive_and_totals_sensible(name: str) -> None:
    events = run(name, 50, 1)
    if isinstance(events.detector, PhaseSpace):  # columns have signs of their own
        return
    assert (events.signals >= 0).all()
    if isinstance(events.detector, Calorimeter):
        assert 0.3 < events.response.mean() < 1.5
    else:
        assert (events.signals.sum(axis=1) > 0).all()


def test_same_seed_same_events_other_seed_others(name: str) -> None:
    first, again, other = run(name, 20, 5), run(name, 20, 5), run(name, 20, 6)
    assert (first.signals == again.signals).all()
    assert (first.signals != other.signals).any()


def test_no_incident_no_events(name: str) -> None:
    assert run(name, 0, 1).signals.shape == (0, build(name).detector.n_channels)


def test_incident_columns_come_back(name: str) -> None:
    events = run(name, 3, 1)
    assert set(events.incident) >= {"energy", "pdg_id"}
    assert ((events.energy >= CASES[name].energies[0]) & (events.energy <= CASES[name].energies[1])).all()
    assert (events.incident["pdg_id"] == CASES[name].pdg_id).all()


def test_means_agree_with_the_stored_ones(name: str) -> None:
    """A chi² of the means against stored ones; the reference is written where there is none."""
    path = REFERENCES / f"{name}.json"
    if not path.exists():
        path.write_text(json.dumps(summarise(observables(run(name, 5 * CASES[name].n, 17))), indent=1) + "\n")
        pytest.fail(f"{path} did not exist and was written: check it, then run again")
    reference = json.loads(path.read_text())
    values = observables(run(name, CASES[name].n, 18))
    difference = values.mean(axis=0) - reference["mean"]
    covariance = np.array(reference["covariance"]) * (1 / len(values) + 1 / reference["n"])
    assert chi2.sf(difference @ np.linalg.solve(covariance, difference), len(difference)) > 1e-6
