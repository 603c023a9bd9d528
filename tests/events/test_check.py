"""On a file with planted faults the check finds all of them and nothing else; sound files pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere import samples
from moliere.detectors import Calorimeter, catalog
from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.events.check import CheckReport, check_source, write_clean
from moliere.events.check.overview import energy_grid, group_energies
from moliere.events.formats import open_events, read_events, write_events
from moliere.simulators import Gflash

GEANT4 = Path(__file__).parents[1] / "data" / "geant4"
N = 2000


@pytest.fixture(scope="module")
def photons() -> Events:
    return samples.open("photons-mini")[:N]


@pytest.fixture(scope="module")
def planted(photons: Events) -> dict[int, str]:
    """Event → the reason that it must be dropped for."""
    lowest, middle = (np.flatnonzero(photons.energy == energy)[5:] for energy in (256.0, 4096.0))
    return {
        int(lowest[0]): "voxel-above-incident",  # 2.7e10 times, as ATLAS has it
        int(lowest[1]): "voxel-above-incident",  # 1.2 times
        3: "not-finite",
        4: "not-finite",
        5: "negative",
        6: "energy-not-positive",
        int(middle[0]): "label",  # labelled as 1 GeV
        int(middle[1]): "energy-off-grid",
        int(middle[2]): "empty",
        int(middle[3]): "response",  # three times its signals
        int(middle[4]): "units",  # GeV
        N - 1: "duplicate",
    }


@pytest.fixture(scope="module")
def file(photons: Events, planted: dict[int, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    signals, energy = photons.signals.copy(), photons.energy.copy()
    faults = {reason: [event for event, why in planted.items() if why == reason] for reason in planted.values()}
    huge, slight = faults["voxel-above-incident"]
    signals[huge, 100], signals[slight, 2] = 2.7e10 * 256, 1.2 * 256
    signals[faults["not-finite"][0], 7], energy[faults["not-finite"][1]] = np.inf, np.nan
    signals[faults["negative"][0], 3], energy[faults["energy-not-positive"][0]] = -3, -256
    energy[faults["label"][0]] = 1024
    energy[faults["energy-off-grid"][0]] *= 1.07
    signals[faults["empty"][0]] = 0
    signals[faults["response"][0]] *= 3
    signals[faults["units"][0]] /= 1000
    signals[N - 1], energy[N - 1] = signals[10], energy[10]
    path = tmp_path_factory.mktemp("planted") / "planted.h5"
    with h5py.File(path, "w") as out:
        out["showers"], out["incident_energies"] = signals, energy[:, None]
    return path


@pytest.fixture(scope="module")
def report(file: Path) -> CheckReport:
    return check_source(open_events(file))


def test_every_planted_fault_is_found_and_no_good_event(report: CheckReport, planted: dict[int, str]) -> None:
    assert report.reasons == dict(sorted(planted.items()))
    assert report.verdict == f"12 of {N:,} events are faulty"


def test_the_worst_cell_is_named_with_its_layer_and_ratio(report: CheckReport, planted: dict[int, str]) -> None:
    (finding,) = (f for f in report.findings if f.check == "voxel-above-incident")
    assert "(PreSamplerB: 1 at 256 MeV; EMB1: 1 at 256 MeV)" in finding.text
    assert f"worst: event {next(iter(planted))}, cell 100, 2.7e+10 times 256 MeV" in finding.text


def test_the_clean_file_lists_what_is_missing(
    file: Path, report: CheckReport, planted: dict[int, str], photons: Events, tmp_path: Path
) -> None:
    clean = tmp_path / "clean.h5"
    assert write_clean(open_events(file), report, clean) == N - len(planted)
    good = np.setdiff1d(np.arange(N), list(planted))
    assert np.array_equal(read_events(clean).signals, photons.signals[good])
    with h5py.File(clean) as out:
        listed = dict(zip(out["dropped/event"][:].tolist(), out["dropped/reason"].asstr()[:], strict=True))
    assert listed == dict(sorted(planted.items()))
    assert read_events(clean).metadata["dropped_events"] == len(planted)
    assert not check_source(open_events(clean)).faults


def test_the_table_holds_the_means_of_each_layer_and_energy(photons: Events) -> None:
    report = check_source(photons)
    assert isinstance(photons.detector, Calorimeter)
    at = photons.energy == 1024
    shares = photons.detector.layer_energies(photons.signals[at]).mean(axis=0) / 1024
    rows = [row for row in report.table if row.energy == (1024, 1024)]
    np.testing.assert_allclose([row.share for row in rows], shares, rtol=1e-5)
    assert {row.n_events for row in rows} == {int(at.sum())}
    brightest = [photons.signals[at][:, part].max() / 1024 for part in photons.detector.slices]
    np.testing.assert_allclose([row.brightest for row in rows], brightest, rtol=1e-5)
    assert all(row.brightest > 0 for row in rows)  # the presampler never holds an event's brightest cell


def test_a_whole_file_in_gev_is_one_fault_and_cannot_be_mended_by_dropping(photons: Events, tmp_path: Path) -> None:
    path = tmp_path / "gev.h5"
    with h5py.File(path, "w") as out:
        out["showers"], out["incident_energies"] = photons.signals, photons.energy[:, None] / 1000
    report = check_source(open_events(path))
    assert [finding.check for finding in report.faults] == ["units"]
    with pytest.raises(InvalidEvents, match="GeV stand beside MeV"):
        write_clean(open_events(path), report, tmp_path / "clean.h5")


@pytest.mark.parametrize(("fraction", "faults"), [(0.03, [1]), (1.0, [0, 1])])
def test_sampling_may_lift_a_cell_above_the_incident_energy(
    polar: Calorimeter, fraction: float, faults: list[int]
) -> None:
    """Hadrons in silicon: 1.04 times the energy of a genuine pion of calochallenge-2, 1/0.033 of it is the most."""
    rng = np.random.default_rng(0)
    layers = tuple(replace(layer, sampling_fraction=fraction) for layer in polar.layers)
    shape = rng.dirichlet(np.ones(polar.n_channels), 400)
    signals = (1000 * rng.lognormal(-0.5, 0.5, (400, 1)) * shape).astype(np.float32)
    signals[:2] = 10.0
    signals[0, 5], signals[1, 5] = 1040.0, 40_000.0
    report = check_source(Events(replace(polar, layers=layers), {"energy": np.full(400, 1000.0)}, signals))
    bright = [f for f in report.findings if f.check == "voxel-above-incident"]
    assert [event for f in bright if f.severity == "fault" for event in f.events] == faults
    assert sorted(event for f in bright for event in f.events) == [0, 1]


def write_raw(path: Path, signals: np.ndarray, energy: np.ndarray, **others: np.ndarray) -> Path:
    """A file as others write it: whatever the values, they are not checked."""
    with h5py.File(path, "w") as out:
        for name, values in {"showers": signals, "incident_energies": energy[:, None], **others}.items():
            out[name] = values
    return path


def test_a_part_that_is_in_gev_throughout_is_told_by_its_cells(photons: Events, tmp_path: Path) -> None:
    signals, energy = photons.signals.copy(), photons.energy.copy()
    signals[:300] /= 1000
    energy[:300] /= 1000
    report = check_source(open_events(write_raw(tmp_path / "part.h5", signals, energy)))
    assert report.reasons == dict.fromkeys(range(300), "units")


def test_energies_over_four_decades_are_no_unit_mistake() -> None:
    incident = {"energy": np.geomspace(100, 1e6, 600), "pdg_id": np.full(600, 11)}
    simulator = Gflash(catalog.get("calochallenge-1-photons"))
    assert not check_source(simulator.simulate(incident, np.random.default_rng(0))).faults


def test_particles_that_pass_through_are_no_unit_mistake(polar: Calorimeter) -> None:
    rng = np.random.default_rng(0)
    energy = np.full(400, 1e5)
    signals = (energy[:, None] / polar.n_channels * rng.uniform(0.2, 1.8, (400, polar.n_channels))).astype(np.float32)
    signals[:8, 2:] = 0
    signals[:8, :2] = 50.0  # a thousandth of the energy, in two cells
    assert "units" not in check_source(Events(polar, {"energy": energy}, signals)).reasons.values()


def test_shuffled_energies_are_a_fault_of_the_file(photons: Events, tmp_path: Path) -> None:
    shuffled = np.random.default_rng(0).permutation(photons.energy)
    report = check_source(open_events(write_raw(tmp_path / "shuffled.h5", photons.signals, shuffled)))
    (finding,) = (f for f in report.faults if f.check == "label")
    assert "nothing to do with each other" in finding.text
    with pytest.raises(InvalidEvents, match="nothing to do with each other"):
        write_clean(open_events(tmp_path / "shuffled.h5"), report, tmp_path / "clean.h5")


def test_a_run_of_events_that_was_joined_wrongly_is_pointed_at(photons: Events, tmp_path: Path) -> None:
    energy = photons.energy.copy()
    energy[1000:1500] = np.roll(energy[1000:1500], 1)
    report = check_source(open_events(write_raw(tmp_path / "joined.h5", photons.signals, energy)))
    (finding,) = (f for f in report.findings if f.check == "label" and f.severity == "warning")
    assert finding.events.tolist() == list(range(1000, 1500))


def test_files_sorted_by_energy_are_in_order(photons: Events) -> None:
    findings = check_source(photons[np.argsort(photons.energy, kind="stable")]).findings
    assert {finding.check for finding in findings} == {"threshold"}


def test_weights_that_are_no_numbers_are_faults(photons: Events, tmp_path: Path) -> None:
    weights = np.ones(N)
    weights[3], weights[5] = np.nan, -1  # some generators weight events negatively
    report = check_source(open_events(write_raw(tmp_path / "w.h5", photons.signals, photons.energy, weights=weights)))
    assert report.reasons == {3: "not-finite"}


def test_a_file_without_a_signal_is_a_fault(photons: Events, tmp_path: Path) -> None:
    source = open_events(write_raw(tmp_path / "dark.h5", np.zeros_like(photons.signals), photons.energy))
    assert [finding.text for finding in check_source(source).faults] == ["no event has a signal"]


def test_nothing_is_written_where_nothing_is_sound(photons: Events, tmp_path: Path) -> None:
    source = open_events(write_raw(tmp_path / "nan.h5", np.full_like(photons.signals, np.nan), photons.energy))
    with pytest.raises(InvalidEvents, match="all 2,000 events are faulty"):
        write_clean(source, check_source(source), tmp_path / "clean.h5")
    assert not (tmp_path / "clean.h5").exists()


def test_empty_layers_thresholds_and_degrees_are_told(polar_events: Events, tmp_path: Path) -> None:
    signals = polar_events.signals.copy()
    signals[:, polar_events.detector.slices[2]] = 0  # type: ignore[attr-defined]
    theta = np.full(len(signals), 90.0)
    events = Events(polar_events.detector, {**polar_events.incident, "theta": theta}, signals)
    findings = {finding.check: finding for finding in check_source(events).findings}
    assert findings["dead-layer"].severity == "warning"
    assert "1 of 3 layers are always empty: layer 2" in findings["dead-layer"].text
    assert len(findings["angle"].events) == len(events)
    assert "divide degrees" in findings["angle"].advice
    assert findings["threshold"].severity == "note"


def test_muons_are_no_unit_mistake(polar: Calorimeter) -> None:
    n = 30
    signals = np.full((n, polar.n_channels), 10.0 / polar.n_channels, np.float32)
    signals *= np.random.default_rng(0).uniform(0.9, 1.1, (n, 1)).astype(np.float32)
    muons = Events(polar, {"energy": np.full(n, 1e4), "pdg_id": np.full(n, 13)}, signals)
    assert not check_source(muons).faults


def test_particles_of_a_flux_may_repeat_and_be_negative() -> None:
    flux = np.tile(np.array([[1.0, -5.0, 3.0, -7e4, -10.0, 2.0, 2e4]]), (40, 1)).astype(np.float32)
    report = check_source(Events(catalog.get("ship-muons"), {}, flux))
    assert not report.faults
    assert [finding.check for finding in report.findings] == ["duplicate"]


@pytest.mark.parametrize("name", ["photons", "photons-option1", "electrons", "eplus", "gamma", "piplus"])
def test_no_good_event_of_real_showers_is_flagged(name: str) -> None:
    report = check_source(open_events(GEANT4 / f"{name}.h5"))
    assert not report.faults, [finding.text for finding in report.faults]


def test_grids_are_told_from_spectra() -> None:
    rng = np.random.default_rng(0)
    grid = 256 * 2.0 ** rng.integers(0, 5, 500)
    assert energy_grid(grid).tolist() == [256, 512, 1024, 2048, 4096]
    assert len(energy_grid(rng.uniform(1, 2, 500))) == 0
    group = group_energies(np.append(grid, 500.0), np.append(np.ones(500, bool), False))
    assert group[-1] == -1
    assert (group[:-1] == np.log2(grid / 256)).all()
    spectrum = rng.uniform(1, 2, 1000)
    assert np.bincount(group_energies(spectrum, np.ones(1000, bool))).tolist() == [100] * 10


def test_a_file_of_no_events_has_no_faults(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "none.h5", polar_events[:0])
    assert check_source(open_events(tmp_path / "none.h5")).verdict == "no fault in 0 events"
