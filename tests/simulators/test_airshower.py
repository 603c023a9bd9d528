"""The air-shower simulators as a whole: showers, laws found again in their signals, files, settings, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from moliere.detectors import SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.errors import ConfigError, DetectorError, UnsupportedIncident
from moliere.events import Events
from moliere.events.formats import read_events, write_events
from moliere.production import produce
from moliere.simulators import AirShower, AirShowerData, AirShowerSimulation, Production, build_simulator
from moliere.simulators.airshower.atmosphere import height_at, vertical_depth
from moliere.simulators.airshower.primaries import IRON, PROTON
from moliere.units import EeV, m

ARRAY = catalog.get("airshower-9x9")
assert isinstance(ARRAY, SurfaceArray)
#: four stations of one bin, for tests that do not look at signals
SMALL = SurfaceArray("small", station_positions(2, 1500 * m, 1400 * m, "cartesian"), 1, 25.0)
#: one bin takes up whatever arrives, so that signals are not cut off in time
CALORIMETRIC = SurfaceArray("calorimetric", ARRAY.positions, 1, 1e9, (9, 9))
QUIET: dict[str, Any] = {"noise_scale": 0.0, "fluctuation_scale": 0.0}


def showers(simulator: AirShower, energy: float, n: int, seed: int = 1, **columns: float) -> Events:
    """Showers of one energy in EeV; further columns are the same for all."""
    incident = {name: np.full(n, value) for name, value in {"energy": energy * EeV, **columns}.items()}
    return simulator.simulate(incident, np.random.default_rng(seed))


def footprints(events: Events) -> np.ndarray:
    assert isinstance(events.detector, SurfaceArray)
    return events.detector.footprint(events.signals).astype(np.float64)


def core_distances(events: Events) -> np.ndarray:
    """On the ground in mm, which for vertical showers is the distance from the axis."""
    assert isinstance(events.detector, SurfaceArray)
    x, y = events.detector.stations[:, :2].T
    return np.hypot(x - events.incident["core_x"][:, None], y - events.incident["core_y"][:, None])


@pytest.mark.parametrize(("em_fraction", "lateral", "attenuation"), [(0.0, 4.7, 0.1), (1.0, 6.1, 0.4)])
def test_the_exponents_are_found_again_by_a_fit(em_fraction: float, lateral: float, attenuation: float) -> None:
    """Vertical iron at 100 EeV, fluctuations but no noise; r and dX by their definitions, least squares in logs."""
    simulator = AirShower(CALORIMETRIC, em_fraction=em_fraction, noise_scale=0.0)
    events = showers(simulator, 100, 300, pdg_id=IRON)
    distance = core_distances(events)
    height = height_at(events.incident["xmax"])[:, None] - 1400 * m
    slant = np.hypot(distance, height) / height
    depth = (vertical_depth(np.array(1400 * m)) - events.incident["xmax"][:, None]) * slant
    signal = footprints(events)
    # nearer in, stations saturate; a cut on the signal itself would prefer fluctuations upwards
    used = (distance > 500 * m) & (distance < 1500 * m)
    design = np.column_stack([np.ones(used.sum()), -np.log(distance[used] / m), -np.log(depth[used])])
    weight = np.sqrt(signal[used])
    # rounding down takes half a particle, and weights that fluctuate with the signal give it back
    (_, *found), *_ = np.linalg.lstsq(design * weight[:, None], np.log(signal[used]) * weight, rcond=None)
    assert found == pytest.approx([lateral, attenuation], abs=0.005)


def test_more_energy_triggers_more_stations() -> None:
    """Vertical showers in three rings around the core; far enough out none triggers at low energy."""
    rings = [(0, 1000), (1000, 2000), (2000, 3500)]
    efficiency = []
    for energy in (0.1, 1, 10, 100):
        events = showers(AirShowerData(ARRAY), energy, 150)
        heard, distance = np.isfinite(events.extras["arrival_times"]), core_distances(events) / m
        efficiency.append([heard[(distance >= low) & (distance < high)].mean() for low, high in rings])
    rises = np.diff(efficiency, axis=0)
    assert (rises >= 0).all()
    assert (rises.sum(axis=0) > [0.2, 0.8, 0.5]).all()
    assert efficiency[0][2] < 0.002
    assert efficiency[-1][0] == 1


def test_silent_stations_have_no_signal_and_no_time() -> None:
    events = showers(AirShower(ARRAY), 10, 20)
    silent = np.isnan(events.extras["arrival_times"])
    assert 0.5 < silent.mean() < 0.99
    assert (footprints(events)[silent] == 0).all()
    assert footprints(events)[~silent].min() >= 115.2


def test_a_plane_front_meets_stations_in_the_order_of_its_direction() -> None:
    """Against t = -(v - core) · axis / c."""
    events = showers(AirShower(ARRAY, **QUIET), 100, 3, theta=0.6, phi=0.5)
    axis = np.array([np.sin(0.6) * np.cos(0.5), np.sin(0.6) * np.sin(0.5), np.cos(0.6)])
    core = np.stack([events.incident[f"core_{name}"] for name in "xyz"], axis=1)
    expected = -((ARRAY.stations - core[:, None]) @ axis) / 300.0
    np.testing.assert_allclose(events.extras["arrival_times"], expected, atol=1e-6)


def test_a_spherical_front_is_late_away_from_the_core() -> None:
    """Vertical: (sqrt(h² + r²) - h) / c from the height h of half of Xmax."""
    events = showers(AirShower(ARRAY, front="spherical", **QUIET), 100, 3)
    height = height_at(events.incident["xmax"][:, None] / 2) - 1400 * m
    expected = (np.hypot(height, core_distances(events)) - height) / 300.0
    np.testing.assert_allclose(events.extras["arrival_times"], expected, atol=1e-6)
    assert expected.max() > 1000


def test_the_maximum_lies_on_the_axis_at_its_depth() -> None:
    events = showers(AirShower(ARRAY, max_zenith=1.0), 10, 50)
    theta, phi = events.incident["theta"], events.incident["phi"]
    core = np.stack([events.incident[f"core_{name}"] for name in "xyz"], axis=1)
    offset = events.extras["shower_maximum"] - core
    assert vertical_depth(events.extras["shower_maximum"][:, 2]) == pytest.approx(
        events.incident["xmax"] * np.cos(theta)
    )
    assert np.arctan2(np.hypot(*offset[:, :2].T), offset[:, 2]) == pytest.approx(theta)
    assert np.arctan2(offset[:, 1], offset[:, 0]) == pytest.approx(phi)


def test_maxima_keep_clear_of_the_ground() -> None:
    events = showers(AirShower(ARRAY), 100, 300)
    assert events.extras["shower_maximum"][:, 2].min() >= 1600 * m * (1 - 1e-9)


def test_directions_and_cores_are_spread_as_on_a_flat_ground() -> None:
    events = showers(AirShower(SMALL, max_zenith=np.pi / 3), 10, 2000)
    for values in (
        np.sin(events.incident["theta"]) ** 2 / 0.75,
        events.incident["phi"] / (2 * np.pi) + 0.5,
        core_distances(events)[:, 0] ** 2 / (750 * m) ** 2,
    ):
        assert kstest(values, "uniform").pvalue > 1e-3


def test_showers_are_vertical_unless_told_otherwise() -> None:
    for make in (AirShower, AirShowerData, AirShowerSimulation):
        assert (showers(make(ARRAY), 10, 5).incident["theta"] == 0).all()


def test_the_study_compares_two_mixtures() -> None:
    """Same showers; far from the core a larger muonic part gives more signal, near it less."""
    data = showers(AirShowerData(CALORIMETRIC, **QUIET), 30, 40)
    incident = {name: data.incident[name] for name in ("energy", "xmax", "core_x", "core_y")}
    simulation = AirShowerSimulation(CALORIMETRIC, **QUIET).simulate(incident, np.random.default_rng(2))
    assert (AirShowerData(ARRAY).em_fraction, AirShowerSimulation(ARRAY).em_fraction) == (0.3, 0.7)
    for name in incident:
        assert np.array_equal(simulation.incident[name], data.incident[name])
    ratio, distance = footprints(data) / footprints(simulation), core_distances(data) / m
    unsaturated = (distance > 200) & (distance < 500) & (footprints(data) < 5e6)
    assert ratio[unsaturated].max() < 1
    assert ratio[distance > 3000].min() > 1
    assert ratio[distance > 5000].min() == pytest.approx(7 / 3, rel=0.3)


def test_the_simulation_has_half_the_noise() -> None:
    """A shower far away leaves the noise alone; the trigger goes with it."""
    far = {"core_x": 1e8, "core_y": 1e8}
    data, simulation = (showers(make(ARRAY), 1, 500, **far) for make in (AirShowerData, AirShowerSimulation))
    heard = [events.signals[events.signals > 0] for events in (data, simulation)]
    assert 0 < len(heard[0]) < 0.01 * data.signals.size
    assert heard[0].mean() / heard[1].mean() == pytest.approx(2, rel=0.03)


def test_same_seed_same_showers_other_seed_others() -> None:
    first, again, other = (showers(AirShowerData(ARRAY), 10, 40, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.signals, again.signals)
    assert np.array_equal(first.extras["arrival_times"], again.extras["arrival_times"], equal_nan=True)
    assert not np.array_equal(first.signals, other.signals)
    assert not np.array_equal(first.incident["xmax"], other.incident["xmax"])


def test_no_primaries_no_showers() -> None:
    events = showers(AirShower(ARRAY), 10, 0)
    assert events.signals.shape == (0, 6480)
    assert events.extras["arrival_times"].shape == (0, 81)


@pytest.mark.parametrize("format", ["calochallenge", "airshower-npz"])
def test_files_bring_showers_back(format: str, tmp_path: Path) -> None:
    events = showers(AirShower(ARRAY, max_zenith=0.9), 20, 6, pdg_id=IRON)
    write_events(tmp_path / "showers", events, format)
    again = read_events(tmp_path / "showers")
    assert again.detector == ARRAY
    assert np.array_equal(again.signals, events.signals)
    np.testing.assert_allclose(again.extras["arrival_times"], events.extras["arrival_times"], rtol=1e-12)
    for name in set(again.incident):
        np.testing.assert_allclose(again.incident[name], events.incident[name], rtol=1e-12, atol=1e-12)
    assert set(events.incident) - set(again.incident) == ({"pdg_id"} if format == "airshower-npz" else set())


def test_long_runs_are_written_in_blocks(tmp_path: Path) -> None:
    energy = np.random.default_rng(0).uniform(1, 100, 520) * EeV
    produce(Production(AirShowerData(ARRAY), {"energy": energy}, 3, tmp_path / "data.h5"))
    events = read_events(tmp_path / "data.h5")
    assert np.array_equal(events.energy, energy)
    assert (events.incident["pdg_id"] == PROTON).all()
    assert events.metadata["simulator"] == "airshower"
    assert events.metadata["em_fraction"] == 0.3
    assert np.isnan(events.extras["arrival_times"]).any()


@pytest.mark.parametrize("layout", ["cartesian", "axial", "offset"])
def test_other_layouts_sizes_and_bins_work(layout: Any) -> None:
    array = SurfaceArray("own", station_positions(6, 750 * m, 1000 * m, layout), 40, 50.0, (6, 6))
    events = showers(AirShower(array), 10, 30)
    assert footprints(events).shape == (30, 36)
    assert core_distances(events).min(axis=1).max() <= 433.1 * m
    assert (events.incident["core_z"] == 1000 * m).all()


def test_the_hadronic_model_decides_the_depth() -> None:
    """Inclined showers, which have room for all of the law."""
    for name, mean in (("epos-lhc", 808), ("qgsjet-ii-04", 793), ("sibyll-2.1", 796)):
        simulator = build_simulator("airshower", SMALL, {"hadronic_model": name})
        assert isinstance(simulator, AirShower)
        assert showers(simulator, 10, 3000, theta=0.9).incident["xmax"].mean() == pytest.approx(mean, abs=5)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"energy": 0.05}, "cover 0.1 – 1000 EeV, got 0.05 EeV"),
        ({"energy": 2000}, r"got 2000 EeV \(2 of 2 events"),
        ({"energy": np.nan}, "got nan"),
        ({"pdg_id": 22}, "got PDG identifier 22"),
        ({"theta": 1.2}, "zenith angles of 0 to 60 degrees, got theta = 68.8"),
        ({"theta": -0.1}, "0 to 60 degrees"),
        ({"xmax": 900.0}, "xmax below ground or less than 200 m above it"),
        ({"xmax": 0.0}, "xmax"),
        ({"mass_number": 56}, "mass_number says something else than pdg_id"),
        ({"x": 0.0}, "core_x and core_y"),
    ],
)
def test_primaries_that_are_not_covered_are_refused(columns: dict[str, float], message: str) -> None:
    with pytest.raises(UnsupportedIncident, match=message):
        showers(AirShower(ARRAY), **{"energy": 10.0, "n": 2, **columns})  # type: ignore[arg-type]


def test_an_array_too_high_for_vertical_showers_says_so() -> None:
    array = SurfaceArray("high", station_positions(3, 1500 * m, 5000 * m, "cartesian"), 80, 25.0)
    with pytest.raises(UnsupportedIncident, match="an array less high"):
        showers(AirShower(array), 100, 5)


def test_a_higher_cap_leaves_no_tenth_of_the_hottest_stations_at_it() -> None:
    """Nothing else changes: stations below both caps keep their signals."""
    columns = {"energy": np.linspace(1, 100, 400) * EeV}
    hottest = {}
    for cap in (1e7, 1e9):
        simulator = AirShower(ARRAY, **QUIET, saturation=cap)
        totals = ARRAY.footprint(simulator.simulate(columns, np.random.default_rng(0)).signals)
        hottest[cap] = totals.max(axis=1)
    assert 0.05 < np.mean(hottest[1e7] > 0.9e7) < 0.2
    assert hottest[1e7].max() <= 1e7 * (1 + 1e-5)
    assert np.mean(hottest[1e9] > 0.9e9) < 0.01
    below = hottest[1e9] < 1e7
    np.testing.assert_allclose(hottest[1e9][below], hottest[1e7][below], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"em_fraction": 1.1}, "em_fraction is 1.1; expected a number from 0 to 1"),
        ({"noise_scale": -1}, "noise_scale is -1"),
        ({"noise_scale": "half"}, "noise_scale is 'half'"),
        ({"fluctuation_scale": float("nan")}, "fluctuation_scale is nan"),
        ({"fluctuation_scale": 1e-6}, "expected 0, or 0.001 and more"),
        ({"max_zenith": 60}, "max_zenith is 60; expected a number from 0 to 1.047"),
        ({"hadronic_model": "epos"}, "did you mean 'epos-lhc'"),
        ({"front": "flat"}, "front is 'flat'"),
        ({"saturation": 0.0}, "saturation is 0.0; expected a number from 1 to 1e"),
        ({"saturation": "none"}, "saturation is 'none'"),
        ({"noise": 1}, "no setting 'noise'; did you mean 'noise_scale'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_simulator("airshower-simulation", ARRAY, settings)


def test_other_detectors_are_refused() -> None:
    with pytest.raises(DetectorError, match="'calogan' is a calorimeter"):
        build_simulator("airshower", catalog.get("calogan"))
    with pytest.raises(DetectorError, match="two stations or more"):
        AirShower(SurfaceArray("one", ((0.0, 0.0, 0.0),), 80, 25.0))
