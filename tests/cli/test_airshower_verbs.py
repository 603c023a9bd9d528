"""Air showers on the command line: reconstruct, match energies while training, study."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.cli import main
from moliere.events.formats import read_events
from moliere.models import load_bundle

Run = Callable[..., Any]

_FAST = ("--set", "training.iterations=3", "--set", "training.threads=1", "--set", "training.batch_size=16")


@pytest.fixture(scope="module")
def showers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulation of 1 to 100 EeV, data of the upper half, and an AixNet of the simulation."""
    folder = tmp_path_factory.mktemp("showers")
    for name, energy in (("simulation", "1EeV:100EeV"), ("data", "50EeV:100EeV")):
        command = ["simulate", f"airshower-{name}", "--energy", energy, "-n", "150", "-o", str(folder / f"{name}.h5")]
        assert main(command) == 0
    events = ("--set", f"data.events={folder / 'simulation.h5'}")
    assert main(["train", "airshower-aixnet", *events, *_FAST, "-o", str(folder / "aixnet")]) == 0
    return folder


def test_reconstruct_writes_predictions_beside_the_truth(run: Run, showers: Path, tmp_path: Path) -> None:
    bundle, output = showers / "aixnet" / "airshower-aixnet.bundle", tmp_path / "energies.csv"
    found = run("reconstruct", bundle, showers / "simulation.h5", "-o", output, "--part", "test")
    assert found.code == 0
    assert "energy" in found.out
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"event", "energy_true", "energy"}
    assert len(rows) == pytest.approx(30, abs=3)
    energies = np.array([float(row["energy"]) for row in rows])
    assert (energies > 0).all()
    assert run("reconstruct", bundle, showers / "data.h5", "-o", output).err.count("exists") == 1


def test_reconstruct_refuses_what_it_cannot_read(run: Run, showers: Path, tmp_path: Path) -> None:
    aixnet = showers / "aixnet" / "airshower-aixnet.bundle"
    found = run("reconstruct", aixnet, "photons-mini", "-o", tmp_path / "x.csv")
    assert found.code == 1
    assert "takes events of airshower-9x9" in found.err
    found = run("reconstruct", "photons", "photons-mini", "-o", tmp_path / "x.csv")
    assert "FlowStudent, which reconstructs nothing" in found.err


def test_energies_are_matched_when_asked_for(run: Run, showers: Path, tmp_path: Path) -> None:
    command = ["train", "airshower-refiner", *_FAST, "--set", "training.validations=0", "-o", tmp_path / "run"]
    command += ["--set", f"data.events={showers / 'simulation.h5'}", "--set", f"data.second={showers / 'data.h5'}"]
    refused = run(*command)
    assert refused.code == 1
    assert "data.match_incident = true" in refused.err
    assert run(*command, "--match-incident", "--overwrite").code == 0
    bundle = load_bundle(tmp_path / "run" / "airshower-refiner.bundle")
    assert bundle.recipe["data"]["match_incident"] is True
    # half of 105 simulated energies are of 50 EeV and more
    assert bundle.provenance["n_training_events"] < 65


def test_match_incident_wants_a_second_sample(run: Run, showers: Path, tmp_path: Path) -> None:
    events = ("--set", f"data.events={showers / 'simulation.h5'}")
    found = run("train", "airshower-aixnet", *events, *_FAST, "--match-incident", "-o", tmp_path / "run")
    assert found.code == 1
    assert "data.second, which is not named" in found.err


def test_a_quick_study_ends_with_its_page(run: Run, tmp_path: Path) -> None:
    short = ("n_events=150", "refiner_iterations=2", "reconstruction_iterations=2")
    settings = [word for setting in short for word in ("--set", setting)]
    command = ("study", "refinement", "--quick", "--threads", 1, *settings, "-o", tmp_path / "study")
    found = run(*command)
    assert found.code == 0
    assert "bias on data" in found.out
    assert (tmp_path / "study" / "study.html").is_file()
    assert "exists" in run(*command).err


def test_footprints_are_prepared_from_traces(run: Run, showers: Path, tmp_path: Path) -> None:
    output = tmp_path / "footprints.h5"
    assert run("prepare", "footprints", showers / "data.h5", "-o", output).code == 0
    events, showers_ = read_events(output), read_events(showers / "data.h5")
    assert events.signals.shape == (150, 81)
    assert (events.signals.argmax(axis=1) == 40).all()
    # what leaves the picture is lost
    assert events.signals.sum() == pytest.approx(showers_.signals.sum(), rel=1e-2)
    assert "response" not in run("info", output).out
    assert "exists" in run("prepare", "footprints", showers / "data.h5", "-o", output).err


def test_a_constrainer_of_its_own_reads_energies_from_footprints(run: Run, showers: Path, tmp_path: Path) -> None:
    footprints, output = tmp_path / "witness.h5", tmp_path / "energies.csv"
    assert run("prepare", "footprints", showers / "data.h5", "-o", footprints).code == 0
    trained = run("train", "airshower-constrainer", footprints, *_FAST, "-o", tmp_path / "run")
    assert trained.code == 0
    bundle = tmp_path / "run" / "airshower-constrainer.bundle"
    assert run("reconstruct", bundle, footprints, "-o", output).code == 0
    with output.open() as file:
        energies = np.array([float(row["energy"]) for row in csv.DictReader(file)])
    assert len(energies) == 150
    assert (energies > 0).all()


def test_the_study_of_footprints(run: Run, tmp_path: Path) -> None:
    settings = ("n_events=200", "epochs=2", "constrainer_iterations=2")
    words = [word for setting in settings for word in ("--set", setting)]
    found = run("study", "footprints", "--quick", "--threads", 1, *words, "-o", tmp_path / "study")
    assert found.code == 0, found.err
    assert "independent constrainer" in found.out.replace("\n", " ")
    assert (tmp_path / "study" / "study.html").is_file()
    refused = run("study", "footprints", "--data", "x.h5", "-o", tmp_path / "other")
    assert refused.code == 1
    assert "data" in refused.err
