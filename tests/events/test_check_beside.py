"""What readers know is looked at: energy in no cell, directions, limits, units of a whole file, numerical noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere import samples
from moliere.detectors import Calorimeter, CartesianGrid, Layer, PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.events import Events
from moliere.events.check import CheckReport, check_source, write_clean
from moliere.events.formats import open_events, read_events, write_events

N = 400


@pytest.fixture(scope="module")
def photons() -> Events:
    return samples.open("photons-mini")[:N]


def found(report: CheckReport, check: str) -> list[str]:
    return [finding.severity for finding in report.findings if finding.check == check]


@pytest.mark.parametrize(
    ("times", "severities"), [(0.0, []), (0.02, []), (0.3, ["warning"]), (1.5, ["fault"]), (np.nan, ["fault"])]
)
def test_energy_in_no_cell_is_said(photons: Events, times: float, severities: list[str]) -> None:
    outside = times * photons.signals.sum(axis=1, dtype=np.float64)
    assert found(check_source(replace(photons, extras={"outside": outside})), "outside") == severities


def test_overflow_of_layers_is_energy_in_no_cell(photons: Events) -> None:
    total = photons.signals.sum(axis=1, dtype=np.float64)[:, None]
    assert found(check_source(replace(photons, extras={"overflow": total * [1.0, 0.5, 0.5]})), "outside") == ["fault"]


def test_single_events_beside_the_cells_are_listed(photons: Events) -> None:
    outside = np.zeros(N)
    outside[[7, 9]] = 10 * photons.signals[[7, 9]].sum(axis=1)
    report = check_source(replace(photons, extras={"outside": outside}))
    (finding,) = [finding for finding in report.findings if finding.check == "outside"]
    assert finding.events.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("theta", "phi", "severities"),
    [
        (np.pi / 2, 0.0, []),
        (np.radians(60), 0.3, []),
        (np.pi / 2, np.pi, ["warning"]),
        (0.0, 0.0, ["warning"]),
        (np.pi / 2, np.pi / 2, ["warning"]),
    ],
)
def test_directions_that_leave_the_detector_are_said(
    photons: Events, theta: float, phi: float, severities: list[str]
) -> None:
    incident = {**photons.incident, "theta": np.full(N, theta), "phi": np.full(N, phi)}
    assert found(check_source(replace(photons, incident=incident)), "direction") == severities


def test_single_wrong_directions_are_faults_that_are_dropped(photons: Events, tmp_path: Path) -> None:
    theta, phi = np.full(N, np.pi / 2), np.zeros(N)
    phi[11] = 3.0
    events = replace(photons, incident={**photons.incident, "theta": theta, "phi": phi})
    report = check_source(events)
    assert report.reasons == {11: "direction"}
    assert write_clean(events, report, tmp_path / "clean.h5") == N - 1


@pytest.mark.parametrize("threshold", [1.0, 0.0])
def test_a_file_in_gev_throughout_is_warned_of(photons: Events, threshold: float) -> None:
    assert isinstance(photons.detector, Calorimeter)
    detector = replace(photons.detector, threshold=threshold)
    events = Events(detector, photons.incident, photons.signals)
    in_gev = Events(detector, {"energy": photons.energy / 1000}, photons.signals / 1000)
    assert found(check_source(events), "units") == []
    assert found(check_source(in_gev), "units") == ["warning"]


def test_quantities_beyond_the_detectors_limits_are_warned_of() -> None:
    space = PhaseSpace("beam", (Column("x", "mm", -10.0, 10.0), Column("pz", "MeV", 0.0)))
    signals = np.tile(np.float32([5.0, 1e3]), (20, 1))
    assert found(check_source(Events(space, {}, signals)), "beyond") == []
    signals[4, 0], signals[6, 1] = 10.1, -3.0
    (finding,) = [f for f in check_source(Events(space, {}, signals)).findings if f.check == "beyond"]
    assert finding.severity == "warning"
    assert finding.events.tolist() == [4, 6]
    assert catalog.get("calogan").limits is None


@pytest.mark.parametrize("noise", [1e-7, 1e-5, 9e-4])
def test_negative_noise_far_below_the_threshold_counts_as_nothing(
    photons: Events, noise: float, tmp_path: Path
) -> None:
    events = Events(photons.detector, photons.incident, photons.signals - np.float32(noise))
    assert events.signals.min() == 0
    path = tmp_path / "noise.h5"
    write_events(path, photons)
    with h5py.File(path, "a") as file:
        file["showers"][...] = photons.signals - np.float32(noise)
    report = check_source(open_events(path))
    assert found(report, "noise") == ["note"]
    assert not report.faults
    assert write_clean(open_events(path), report, tmp_path / "clean.h5") == N
    assert read_events(tmp_path / "clean.h5").signals.min() == 0


def test_negative_signals_that_are_no_noise_stay_faults(photons: Events, tmp_path: Path) -> None:
    path = tmp_path / "negative.h5"
    write_events(path, photons)
    with h5py.File(path, "a") as file:
        file["showers"][3, 5] = -0.01
    assert check_source(open_events(path)).reasons == {3: "negative"}


def test_positions_of_phase_spaces_stay_negative() -> None:
    space = PhaseSpace("beam", (Column("x", "mm"),))
    assert Events(space, {}, np.float32([[-1e-7]])).signals[0, 0] < 0


def test_a_homogeneous_box_leaks_without_a_fault() -> None:
    box = Calorimeter("box", (Layer(0, CartesianGrid((-50.0, 0.0, 50.0), (-50.0, 0.0, 50.0))),))
    rng = np.random.default_rng(0)
    energy = rng.uniform(1e3, 1e4, N)
    signals = rng.dirichlet(np.ones(4), N) * energy[:, None] * 0.7
    report = check_source(Events(box, {"energy": energy}, signals, extras={"outside": 0.3 * energy}))
    assert found(report, "outside") == ["warning"]
    assert not report.faults


@pytest.mark.parametrize(("column", "value"), [(0, np.nan), (1, np.inf), (2, np.nan), (3, np.nan)])
def test_hits_that_are_no_numbers_are_faults(tmp_path: Path, column: int, value: float) -> None:
    grid = CartesianGrid((-50.0, 0.0, 50.0), (-50.0, 0.0, 50.0))
    detector = Calorimeter("toy", tuple(Layer(k, grid) for k in range(3)))
    rng = np.random.default_rng(0)
    energy = rng.uniform(10, 100, 40)
    with h5py.File(tmp_path / "clouds.h5", "w") as file:
        rows = file.create_dataset("showers", (40,), h5py.vlen_dtype(np.float32))
        for k in range(40):
            layers, shares = rng.integers(0, 3, 20), rng.dirichlet(np.ones(20)) * energy[k]
            points = np.c_[rng.normal(0, 10, (20, 2)), layers, shares].astype(np.float32)
            if k in (3, 8):
                points[5, column] = value
            rows[k] = points.ravel()
        file["energies"], file["pdg"] = energy[:, None], np.full(40, 22)
        file["directions"], file["shape"] = np.tile([0.0, 0.0, 1.0], (40, 1)), np.array([40, 20, 4])
    assert list(check_source(open_events(tmp_path / "clouds.h5", detector)).reasons) == [3, 8]
