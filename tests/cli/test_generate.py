from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere import samples
from moliere.detectors import Calorimeter, catalog
from moliere.events import Events
from moliere.events.formats import read_events, write_events
from moliere.events.split import split_events
from moliere.models import Bundle, save_bundle
from moliere.models.base import BuildContext
from moliere.models.flow.calorimeter_flow import CalorimeterFlow, CalorimeterFlowConfig

Run = Callable[..., Any]


@pytest.fixture
def generate(run: Run, trained: Path) -> Run:
    def call(output: Path, *more: object) -> Any:
        return run("generate", trained / "tiny.bundle", "-o", output, "--threads", 1, *more)

    return call


def test_events_of_a_spectrum(generate: Run, tmp_path: Path) -> None:
    outcome = generate(tmp_path / "x.h5", "-n", 30, "--energy", "512MeV:16GeV", "--spectrum", "powers-of-2")
    assert outcome.code == 0
    events = read_events(tmp_path / "x.h5")
    assert len(events) == 30
    assert set(np.log2(events.energy)) <= set(range(9, 14))
    assert (events.signals >= 0).all()


def test_the_seed_decides_and_the_batch_size_does_not(generate: Run, tmp_path: Path) -> None:
    arguments = ["-n", 300, "--energy", "1GeV"]
    for name, seed, batch in (("a", 1, 1024), ("b", 1, 1), ("c", 2, 1024)):
        assert generate(tmp_path / f"{name}.h5", *arguments, "--seed", seed, "--batch-size", batch).code == 0
    one, same, other = (read_events(tmp_path / f"{name}.h5").signals for name in "abc")
    assert same == pytest.approx(one, rel=1e-3, abs=1e-3)
    assert np.abs(one - other).max() > 1


def test_incident_particles_of_a_part_of_a_sample(generate: Run, tmp_path: Path) -> None:
    mini = samples.open("photons-mini")
    assert generate(tmp_path / "x.h5", "--like", "photons-mini", "--part", "test").code == 0
    expected = mini.energy[split_events(mini, (0.7, 0.1, 0.2), 0).test]
    assert np.array_equal(read_events(tmp_path / "x.h5").energy, expected)


def test_other_formats_and_particles(generate: Run, tmp_path: Path) -> None:
    arguments = ["-n", 5, "--energy", "1GeV", "--particle", "gamma"]
    outcome = generate(tmp_path / "x.h5", *arguments, "--to", "showerdata")
    assert outcome.code == 0, outcome.err
    events = read_events(tmp_path / "x.h5", catalog.get("calochallenge-1-photons"))
    assert (events.incident["pdg_id"] == 22).all()


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (["--particle", "pi+"], "all its training events have pdg_id 22; got pdg_id 211"),
        (["--particle", "e-"], "got pdg_id 11"),
        (["--theta", "60deg"], "theta is not among them; got theta 60 deg"),
        (["--phi", "10deg:20deg"], "phi is not among them"),
        (["--particle", "gamma", "--theta", "0deg"], "theta is not among them"),
    ],
)
def test_a_label_that_the_model_is_not_conditioned_on_is_refused(
    generate: Run, tmp_path: Path, label: list[str], message: str
) -> None:
    outcome = generate(tmp_path / "x.h5", "-n", 5, "--energy", "1GeV", *label)
    assert outcome.code != 0
    assert message in " ".join(outcome.err.split())
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize("missing", ["x", "pdg_id", "theta"])
def test_a_column_that_the_model_needs_is_asked_for(run: Run, polar: Calorimeter, tmp_path: Path, missing: str) -> None:
    config = CalorimeterFlowConfig(
        slabs=2, width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4, steps=1, layer_steps=1
    )
    columns, given = ("energy", "x", "pdg_id", "theta"), {"x": "3mm", "pdg_id": "e-", "theta": "90deg"}
    validity = {"energy": (256.0, 2048.0), "x": (-5.0, 5.0), "pdg_id": (11.0, 22.0), "theta": (1.0, 2.0)}
    model = CalorimeterFlow(config, BuildContext(polar, columns, (11, 22)))
    save_bundle(Bundle("aimed", model, validity=validity), tmp_path / "aimed.bundle")
    options = {"x": "--x", "pdg_id": "--particle", "theta": "--theta"}
    words = [word for name in given if name != missing for word in (options[name], given[name])]
    start = ["generate", tmp_path / "aimed.bundle", "-o", tmp_path / "a.h5", "--threads", 1, "-n", 3]
    asked = run(*start, "--energy", "1GeV", *words)
    known = {"x": "x from -5 mm to 5 mm", "pdg_id": "the particles e-, gamma", "theta": "theta from 57.3"}
    assert f"conditioned on {missing}, too; it knows {known[missing]}" in " ".join(asked.err.split())
    assert f"{options[missing]}, --like FILE" in " ".join(asked.err.split())
    made = run(*start, "--energy", "1GeV", *words, options[missing], given[missing])
    assert made.code == 0, made.err
    assert read_events(tmp_path / "a.h5").incident["theta"] == pytest.approx([np.pi / 2] * 3)


def test_columns_of_a_file_that_the_model_knows_nothing_of_are_left_out(generate: Run, tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:40]
    labels = {"energy": events.energy, "theta": np.full(40, 0.3), "pdg_id": np.full(40, 22)}
    write_events(tmp_path / "like.h5", Events(events.detector, labels, events.signals), "showerdata")
    outcome = generate(tmp_path / "x.h5", "--like", tmp_path / "like.h5")
    assert outcome.code == 0, outcome.err
    assert "left out: phi, theta, which" in outcome.out
    assert {*read_events(tmp_path / "x.h5").incident} == {"energy", "pdg_id"}
    wrong = Events(events.detector, {**labels, "pdg_id": np.full(40, 211)}, events.signals)
    write_events(tmp_path / "pions.h5", wrong, "showerdata")
    assert "got pdg_id 211" in generate(tmp_path / "y.h5", "--like", tmp_path / "pions.h5").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", 3, "--energy", "1TeV"], "covers energy 256 MeV – 32.8 GeV, got 1 TeV (3 of 3 events outside)"),
        (["-n", 3], "say which incident particles"),
        (["--energy", "1GeV"], "say which incident particles"),
        (["-n", 3, "--energy", "1"], "not a number with a unit"),
        (["-n", 3, "--like", "photons-mini"], "--like, or -n and --energy"),
        (["--theta", "90deg", "--like", "photons-mini"], "--like, or -n and --energy"),
        (["-n", 3, "--energy", "1GeV", "--to", "calogann"], "did you mean 'calogan'"),
        (["-n", 3, "--energy", "1GeV", "--part", "test"], "--like FILE"),
        (["-n", 3, "--energy", "1GeV", "--set", "stepps=3"], "did you mean 'steps'"),
    ],
)
def test_what_is_refused_leaves_nothing(generate: Run, tmp_path: Path, arguments: list[object], message: str) -> None:
    outcome = generate(tmp_path / "x.h5", *arguments)
    assert outcome.code == 1
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_extrapolation_is_for_who_asks(generate: Run, tmp_path: Path) -> None:
    assert generate(tmp_path / "x.h5", "-n", 3, "--energy", "40GeV", "--outside", "extrapolate").code == 0
    assert (read_events(tmp_path / "x.h5").energy == 4e4).all()


def test_a_simulation_makes_what_the_model_has_not_learned(generate: Run, tmp_path: Path) -> None:
    outcome = generate(tmp_path / "x.h5", "-n", 4, "--energy", "40GeV", "--outside", "gflash")
    assert outcome.code == 0, outcome.err
    assert "4 of 4 events lie outside the range of bundle tiny: gflash simulates these" in outcome.out
    made = read_events(tmp_path / "x.h5")
    assert (made.metadata["outside"], made.metadata["outside_events"]) == ("gflash", 4)
    assert made.response.mean() == pytest.approx(1, abs=0.1)


def test_an_output_that_exists_is_kept(generate: Run, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_text("precious")
    outcome = generate(tmp_path / "x.h5", "-n", 3, "--energy", "1GeV")
    assert outcome.code == 1
    assert (tmp_path / "x.h5").read_text() == "precious"


def test_a_file_of_events_is_no_bundle(run: Run, files: Path, tmp_path: Path) -> None:
    outcome = run("generate", files / "one.h5", "-n", 1, "--energy", "1GeV", "-o", tmp_path / "x.h5")
    assert outcome.code == 1
    assert "not a bundle" in outcome.err


def test_a_file_of_no_events_is_a_file(run: Run, trained: Path, tmp_path: Path) -> None:
    none = tmp_path / "none.h5"
    write_events(none, samples.open("photons-mini")[:0])
    outcome = run("generate", trained / "tiny.bundle", "--like", none, "-o", tmp_path / "out.h5", "--threads", 1)
    assert outcome.code == 0, outcome.err
    assert len(read_events(tmp_path / "out.h5")) == 0
