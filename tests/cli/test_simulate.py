from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.events.formats import read_events

Run = Callable[..., Any]


def simulate(run: Run, output: Path, *more: object) -> Any:
    return run("simulate", "gflash", "--detector", "calochallenge-2", "-o", output, *more)


def test_showers_are_written_and_follow_the_seed(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        outcome = simulate(run, tmp_path / f"{name}.h5", "-n", 4, "--energy", "2GeV:20GeV", "--seed", seed)
        assert outcome.code == 0
        assert "4 events" in outcome.out
    one, same, other = (read_events(tmp_path / f"{name}.h5") for name in "abc")
    assert one.detector.name == "calochallenge-2"
    assert ((one.energy >= 2e3) & (one.energy <= 2e4)).all()
    assert np.array_equal(one.signals, same.signals)
    assert not np.array_equal(one.signals, other.signals)
    assert 0.5 < one.signals.sum() / one.energy.sum() < 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--energy", "10"], "not a number with a unit"),
        (["--energy", "10GeV:1GeV"], "lowest <= highest"),
        (["--particle", "pi+"], "got pi"),
        (["--particle", "muoon"], "muoon"),
    ],
)
def test_what_cannot_be_simulated_is_refused_and_nothing_is_left(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    outcome = simulate(run, tmp_path / "x.h5", "-n", 2, *arguments)
    assert outcome.code == 1
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_is_kept(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    path.write_text("precious")
    outcome = simulate(run, path, "-n", 2)
    assert outcome.code == 1
    assert "--overwrite" in outcome.err
    assert path.read_text() == "precious"
    assert simulate(run, path, "-n", 2, "--overwrite").code == 0
    assert len(read_events(path)) == 2


def test_a_detector_without_material_is_refused(run: Run, tmp_path: Path) -> None:
    outcome = run("simulate", "gflash", "--detector", "calochallenge-1-pions", "-n", 2, "-o", tmp_path / "x.h5")
    assert outcome.code == 1
    assert "choose a detector with materials" in outcome.err


def test_geant4_runs_from_a_users_own_toml_with_spreads(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        """
        name = "own"
        particles = [22]
        [[layers]]
        id = 0
        grid = {kind = "cartesian", x_edges = {start = -50, stop = 50, bins = 4}, y_edges = [-50, 0, 50]}
        [[stack]]
        repeat = 10
        layer = 0
        plates = [["G4_Pb", 4.0], ["G4_POLYSTYRENE", 6.0, "active"]]
        """
    )
    spreads = ["--x", "-5mm:5mm", "--theta", "80deg:100deg", "--physics", "G4EmStandard_option1", "--cut", "1mm"]
    outcome = run(
        "simulate", "geant4", "--detector", own, "-n", 3, "--energy", "200MeV", *spreads, "-o", tmp_path / "e.h5"
    )
    assert outcome.code == 0
    events = read_events(tmp_path / "e.h5")
    assert events.detector.name == "own"
    assert (np.abs(events.incident["x"]) <= 5).all()
    assert (np.abs(events.incident["theta"] - np.pi / 2) <= np.radians(10)).all()
    assert events.incident["pdg_id"].tolist() == [22, 22, 22]
    assert (events.metadata["physics"], events.metadata["cut_mm"]) == ("G4EmStandard_option1", 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gflash", "--cut", "1mm"], "gflash has no setting 'cut'"),
        (["geant4", "--set", "thresold=1"], "did you mean 'threshold'?"),
        (["geant4", "--cut", "1"], "not a number with a unit"),
        (["geant4", "--theta", "60:120deg"], "angle '60' is not a number with a unit"),
        (["geant4", "--x", "5mm:-5mm"], "the lower end first"),
        (["geant4", "--physics", "QGSP_BERT"], "reads data sets of Geant4 that are not here"),
        (["geant4", "--resume"], "no interrupted run"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no data sets of Geant4 there
    for name in ("GEANT4_DATA_DIR", "G4LEDATA"):
        monkeypatch.delenv(name, raising=False)
    outcome = run("simulate", *arguments, "--detector", "calogan", "-n", 2, "-o", tmp_path / "x.h5")
    assert outcome.code == 1
    assert message in outcome.err
    assert not (tmp_path / "x.h5").exists()


def test_air_showers_need_no_more_than_their_number(run: Run, tmp_path: Path) -> None:
    assert run("simulate", "airshower-data", "-n", 20, "-o", tmp_path / "data.h5").code == 0
    events = read_events(tmp_path / "data.h5")
    assert events.detector.name == "airshower-9x9"
    assert ((events.energy >= 1e12) & (events.energy <= 1e14)).all()
    assert events.energy.mean() > 3e13  # flat; 2e13 were it log
    assert (events.incident["theta"] == 0).all()
    assert np.isnan(events.extras["arrival_times"]).any()


def test_air_showers_take_particles_directions_and_settings(run: Run, tmp_path: Path) -> None:
    more = ["--particle", "iron", "--energy", "20EeV", "--theta", "30deg:40deg", "--set", "front=spherical"]
    assert run("simulate", "airshower", "-n", 3, "-o", tmp_path / "iron.h5", *more).code == 0
    events = read_events(tmp_path / "iron.h5")
    assert events.incident["mass_number"].tolist() == [56, 56, 56]
    assert events.energy.tolist() == [2e13] * 3
    assert ((events.incident["theta"] >= np.radians(30)) & (events.incident["theta"] <= np.radians(40))).all()
    assert events.metadata["front"] == "spherical"


def test_calorimeters_have_to_be_named(run: Run, tmp_path: Path) -> None:
    outcome = run("simulate", "gflash", "-n", 2, "-o", tmp_path / "x.h5")
    assert outcome.code == 1
    assert "--detector NAME" in outcome.err


def test_events_may_begin_with_several_particles(run: Run, tmp_path: Path) -> None:
    shared = ("--detector", "calogan", "-n", 2, "--energy", "100MeV", "--multiplicity", 3, "-o", tmp_path / "e.h5")
    assert run("simulate", "geant4", "--particle", "e+", *shared).code == 0
    events = read_events(tmp_path / "e.h5")
    np.testing.assert_allclose(events.energy, 300)
    assert events.extras["primary_energy"].shape == (2, 3)
    refused = run("simulate", "gflash", *shared, "--overwrite")
    assert refused.code == 1
    assert "Gflash simulates one particle an event, not 3; simulators that can do several: geant4" in refused.err


def test_a_fast_model_replaces_what_it_knows_and_the_command_says_how_much(run: Run, tmp_path: Path) -> None:
    shared = ("simulate", "geant4", "--detector", "calochallenge-1-photons", "-n", 2, "-o", tmp_path / "e.h5")
    fast = ("--fast", "photons", "--overwrite")
    replaced = run(*shared, *fast, "--energy", "500MeV").out
    assert "2 of 2 tracks (100 %) were replaced by showers of photons" in replaced
    assert re.search(r"[\d.]+ ms an event, in full [\d.]+ ms: [\d.]+ times as fast \(in full: from 1 GeV", replaced)
    assert read_events(tmp_path / "e.h5").metadata["tracks"] == {"replaced": 2}
    kept = run(*shared, *fast, "--energy", "100MeV", "--particle", "e-").out
    assert "0 of 2 tracks were replaced, because 2 are of another particle; photons makes" in kept
    assert "times as fast" not in kept


def test_a_fast_model_that_is_none_or_of_another_detector_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.bundle").write_text("no bundle")
    for detector, bundle, message in (
        ("calochallenge-1-photons", tmp_path / "no.bundle", "not a bundle"),
        ("calochallenge-1-photons", "photon", "did you mean 'photons'"),
        ("calogan", "photons", "has 368 channels, calogan 504"),
    ):
        arguments = ("--detector", detector, "--fast", bundle, "-n", 2, "-o", tmp_path / "e.h5")
        outcome = run("simulate", "geant4", *arguments)
        assert outcome.code == 1
        assert message in outcome.err
    assert not (tmp_path / "e.h5").exists()
