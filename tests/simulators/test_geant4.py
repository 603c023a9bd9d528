"""Geant4 puts energy where it belongs, loses none, agrees with published numbers, and says what it cannot do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, PolarGrid, catalog
from moliere.errors import (
    ConfigError,
    DetectorError,
    IncompleteRun,
    InvalidEvents,
    MissingExtra,
    UnknownName,
    UnsupportedIncident,
)
from moliere.events import Events
from moliere.simulators import Geant4
from moliere.simulators.geant4.physics import PHYSICS_LISTS
from moliere.simulators.geant4.verify import check_cross_sections


def stack(grid: PolarGrid | CartesianGrid, fraction: float = 1.0) -> Calorimeter:
    """Lead and silicon, read out in silicon."""
    plates = (Plate("G4_Pb", 3.0), Plate("G4_Si", 3.0, 0, active=True))
    return Calorimeter("toy", (Layer(0, grid, sampling_fraction=fraction),), plates * 15, particles=(11,))


def shoot(detector: Calorimeter, seed: int = 1, **columns: Any) -> Events:
    return Geant4(detector).simulate(
        {name: np.asarray(column) for name, column in columns.items()}, np.random.default_rng(seed)
    )


@pytest.mark.parametrize("n_alpha", [1, 4, 5])
def test_energy_lands_in_the_sector_and_ring_where_the_particle_is(n_alpha: int) -> None:
    """Sectors begin at -pi; an odd number is the trap, as Geant4's replicas begin at 0."""
    grid = PolarGrid((0.0, 5.0, 15.0, 50.0, 80.0), n_alpha)
    at = np.array([-3.0, -1.3, 0.4, 2.2])
    events = shoot(stack(grid), energy=np.full(4, 2e3), x=30 * np.cos(at), y=30 * np.sin(at))
    expected = np.floor((at + np.pi) / (2 * np.pi / n_alpha)).astype(int) * 4 + 2
    assert events.signals.argmax(axis=1).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "grid",
    [
        CartesianGrid((-30.0, -10.0, 10.0, 30.0), (-40.0, 0.0, 40.0)),  # equal: replicas
        CartesianGrid((-30.0, -20.0, 10.0, 60.0), (-40.0, -30.0, 5.0, 70.0)),  # unequal and off centre: placements
    ],
)
def test_energy_lands_in_the_row_and_column_where_the_particle_is(grid: CartesianGrid) -> None:
    x, y = np.array([-15.0, 5.0, 25.0]), np.array([-35.0, 25.0, 2.0])
    events = shoot(stack(grid), energy=np.full(3, 2e3), x=x, y=y)
    rows, columns = np.digitize(x, grid.x_edges) - 1, np.digitize(y, grid.y_edges) - 1
    assert events.signals.argmax(axis=1).tolist() == (rows * grid.shape[1] + columns).tolist()


def test_a_slanted_shower_leans_the_way_of_its_angle() -> None:
    """Signals of 3DGAN: the mean y of each layer moves by cot(theta) with depth."""
    detector = catalog.get("3dgan")
    assert isinstance(detector, Calorimeter)
    theta = np.radians([70.0, 110.0])
    events = shoot(detector, energy=np.full(2, 2e4), theta=theta)
    inside = slice(2, 14)
    energies = detector.layer_energies(events.signals)[:, inside]
    first = detector.layer_energies(events.signals * detector.centres[:, 1].astype(np.float32))[:, inside] / energies
    slopes = [np.polyfit(detector.depths.mean(axis=1)[inside], row, 1)[0] for row in first]
    np.testing.assert_allclose(slopes, 1 / np.tan(theta), atol=0.12)


def test_no_energy_is_lost_and_none_appears() -> None:
    """Signals, what lies beside the cells and what absorbers hold add up to what came in, up to what leaks back."""
    grid, energy = PolarGrid((0.0, 10.0), 1), np.full(5, 1e3)
    plates = (Plate("G4_Pb", 10.0), Plate("G4_Fe", 20.0, 0, active=True)) * 15
    detector = Calorimeter("deep", (Layer(0, grid, sampling_fraction=0.5),), plates)
    events = shoot(detector, energy=energy, pdg_id=np.full(5, 22))
    visible = 0.5 * (events.signals.sum(axis=1) + events.extras["overflow"].sum(axis=1))
    total = (visible + events.extras["passive"]) / energy
    assert (total <= 1 + 1e-5).all()
    assert total.mean() > 0.99
    assert (events.extras["overflow"] > 0).all()


def test_every_event_has_its_own_seed_and_the_same_seed_gives_the_same_event() -> None:
    """Blocks of a long run may come in any order, after any other events."""
    simulator = Geant4(stack(PolarGrid((0.0, 20.0, 60.0), 4)))
    incident = {"energy": np.array([500.0, 800.0, 1200.0])}
    first, again = (simulator.simulate(incident, np.random.default_rng(3)) for _ in range(2))
    other = simulator.simulate(incident, np.random.default_rng(4))
    assert np.array_equal(first.signals, again.signals)
    assert (first.signals != other.signals).any(axis=1).all()
    assert first.incident["pdg_id"].tolist() == [11, 11, 11]
    assert first.metadata["geant4"] == "11.4.1"


def test_an_event_of_several_particles_is_the_sum_of_what_they_leave() -> None:
    """Each lands where it is aimed; the event's energy is their sum, and particles of energy 0 are none."""
    grid = PolarGrid((0.0, 5.0, 80.0), 4)
    energy = np.array([[2e3, 1e3, 0.0], [0.0, 1e3, 0.0]])
    at = np.array([[-2.3, 0.8, 0.0]] * 2)
    events = shoot(stack(grid), energy=energy, x=40 * np.cos(at), y=40 * np.sin(at), pdg_id=np.array([11, 11]))
    assert events.energy.tolist() == [3e3, 1e3]
    assert events.incident["pdg_id"].tolist() == [11, 11]
    np.testing.assert_array_equal(events.extras["primary_energy"], energy)
    sectors = events.signals.reshape(2, 4, 2)[..., 1]
    assert sectors[0].argsort().tolist()[-2:] == [2, 0]
    assert sectors[1].argmax() == 2
    assert sectors[1, 0] < 0.05 * sectors[1, 2]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"energy": np.array([[5.0, 5.0], [0.0, 0.0]])}, "event 1 begins with no particle"),
        ({"energy": np.ones((1, 2)), "x": np.ones((1, 3))}, r"column 'x' has shape \(1, 3\), expected \(1, 2\)"),
        ({"energy": np.ones((1, 2)), "theta": np.array([[1.6, -1.0]])}, "does not fly into the detector"),
    ],
)
def test_events_of_several_particles_that_make_no_sense_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidEvents, UnsupportedIncident), match=message):
        shoot(stack(PolarGrid((0.0, 10.0), 1)), **columns)


def test_thresholds_and_sampling_fractions_apply_to_signals() -> None:
    detector = stack(PolarGrid((0.0, 10.0, 80.0), 4))
    events = shoot(detector, energy=np.full(4, 1e3))
    double = shoot(stack(PolarGrid((0.0, 10.0, 80.0), 4), fraction=0.5), energy=np.full(4, 1e3))
    cut = shoot(replace(detector, threshold=5.0), energy=np.full(4, 1e3))
    np.testing.assert_allclose(double.signals, 2 * events.signals, rtol=1e-5)
    assert np.array_equal(cut.signals, np.where(events.signals < 5, 0, events.signals))
    assert (cut.signals == 0).sum() > 0


def test_published_attenuation_and_critical_energies_are_met() -> None:
    checks = list(check_cross_sections())
    assert len(checks) == 22
    assert not [check.line for check in checks if not check.passed]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"pdg_id": np.array([9999])}, "no particle with PDG identifier 9999"),
        ({"theta": np.array([-1.0])}, "does not fly into the detector"),
    ],
)
def test_particles_that_cannot_be_shot_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedIncident, match=message):
        shoot(stack(PolarGrid((0.0, 10.0), 1)), energy=np.ones(1) * 1e3, **columns)


def test_detectors_that_cannot_be_built_are_refused() -> None:
    grid = PolarGrid((0.0, 10.0), 1)
    with pytest.raises(DetectorError, match="has none; add"):
        Geant4(Calorimeter("bare", (Layer(0, grid),)))
    odd = Calorimeter("odd", (Layer(0, grid),), (Plate("G4_Unobtainium", 1.0, 0, active=True),))
    with pytest.raises(DetectorError, match="no material 'G4_Unobtainium'"):
        shoot(odd, energy=np.ones(1), pdg_id=[22])
    with pytest.raises(ConfigError, match="expected box or cylinder"):
        Geant4(stack(grid), shape="sphere")  # type: ignore[arg-type]


def test_physics_is_chosen_by_name_and_by_the_tables_at_hand() -> None:
    detector = stack(PolarGrid((0.0, 10.0), 1))
    with pytest.raises(UnknownName, match="did you mean 'G4EmStandard_option1'"):
        Geant4(detector, physics="G4EmStandard_opt1")
    with pytest.raises(ConfigError, match="accept rough tables with FTFP_BERT:approximate-tables"):
        Geant4(detector, physics="FTFP_BERT", tables="built")
    rough = Geant4(detector, physics="FTFP_BERT:approximate-tables", tables="built")
    events = rough.simulate({"energy": np.full(2, 3e3), "pdg_id": np.full(2, 211)}, np.random.default_rng(1))
    assert "not for the response to hadrons" in events.metadata["warning"]
    assert (events.signals.sum(axis=1) > 0).all()


def test_a_crash_is_the_workers_and_is_told() -> None:
    """Option 3 crashes in lead tungstate on the tables made here; the process that asked lives on."""
    crystal = Calorimeter("PbWO4", (Layer(0, PolarGrid((0.0, 50.0), 1)),), (Plate("G4_PbWO4", 200.0, 0, active=True),))
    simulator = Geant4(crystal, physics="G4EmStandard_option3", tables="built")
    with pytest.raises(IncompleteRun, match=r"a worker process died \(SIG"):
        simulator.simulate({"energy": np.full(20, 5e3), "pdg_id": np.full(20, 11)}, np.random.default_rng(1))


def test_without_the_wheel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moliere.simulators.geant4.simulator.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "moliere\[geant4\]"'):
        Geant4(stack(PolarGrid((0.0, 10.0), 1)))


def test_the_parent_process_keeps_its_environment(tmp_path: Path) -> None:
    before = dict(os.environ)
    shoot(stack(PolarGrid((0.0, 10.0), 1)), energy=np.full(1, 100.0))
    assert dict(os.environ) == before


@pytest.mark.parametrize("number", [211, -211, 2212, 2112, 1000260560])
def test_hadrons_need_a_hadronic_list(number: int) -> None:
    """An electromagnetic list would let them pass, with a response of a few per mille."""
    with pytest.raises(UnsupportedIncident, match="electrons, photons and muons only"):
        shoot(stack(PolarGrid((0.0, 80.0), 1)), energy=[1e3, 1e3], pdg_id=[11, number])


@pytest.mark.parametrize("number", [13, -13, 22, -11])
def test_muons_and_photons_do_with_an_electromagnetic_list(number: int) -> None:
    events = shoot(stack(PolarGrid((0.0, 80.0), 1)), energy=[2e3, 2e3], pdg_id=[number] * 2)
    assert (events.signals.sum(axis=1) > 1).all()


def test_the_list_that_is_advised_for_hadrons_runs() -> None:
    detector = stack(PolarGrid((0.0, 400.0), 1))
    incident = {"energy": np.full(4, 5e3), "pdg_id": np.full(4, 211)}
    with pytest.raises(UnsupportedIncident) as refused:
        Geant4(detector).simulate(incident, np.random.default_rng(1))
    advised = str(refused.value).rsplit(" ", 1)[1]
    events = Geant4(detector, physics=advised).simulate(incident, np.random.default_rng(1))
    assert events.metadata["physics_is"].startswith("for hadrons")
    assert (events.signals.sum(axis=1) > 10).all()


def test_every_list_says_which_particles_it_is_good_for() -> None:
    assert all(entry.summary.startswith("for ") for entry in PHYSICS_LISTS.values())


def test_a_stack_that_shows_nothing_is_refused() -> None:
    """Either no plate is active, or the active ones belong to a layer without cells."""
    grid = PolarGrid((0.0, 80.0), 1)
    passive = (Plate("G4_Pb", 3.0), Plate("G4_Si", 3.0, 0))
    blind = (Plate("G4_Pb", 3.0), Plate("G4_Si", 3.0, 1, active=True))
    for layers, plates in (((Layer(0, grid),), passive), ((Layer(0, grid), Layer(1, None)), blind)):
        with pytest.raises(DetectorError, match="stack"):
            Geant4(Calorimeter("toy", layers, plates))
