from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def rows(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines())


@pytest.mark.parametrize("name", ["photons-mini", "one.h5"])
def test_events(run: Run, files: Path, name: str) -> None:
    outcome = run("info", files / name if name.endswith(".h5") else name)
    assert outcome.code == 0
    found = rows(outcome.out)
    assert "calochallenge-1-photons; energy 256 MeV – 32.8 GeV" in found["events"]
    assert found["columns"] == "energy"
    assert 0.9 < float(found["response"].split()[0]) < 1.1
    assert found["geant4"] == "11.4.1"


def test_a_bundle_and_its_recipe(run: Run, trained: Path) -> None:
    found = rows(run("info", trained / "tiny.bundle").out)
    assert found["validity"] == "energy 256 MeV – 32.8 GeV"
    assert found["iterations"] == "5"
    assert "arXiv" in found["cite"]
    recipe = tomllib.loads(run("info", trained / "tiny.bundle", "--recipe").out)
    assert recipe["training"]["batch_size"] == 16


def test_a_detector(run: Run) -> None:
    assert "504 channels in 3 layers" in run("info", "calogan").out


def test_the_recipe_of_a_shipped_bundle_starts_as_it_is_printed(run: Run, tmp_path: Path) -> None:
    printed = run("info", "photons", "--recipe")
    assert printed.code == 0
    (tmp_path / "mine.toml").write_text(printed.out)
    outcome = run("train", tmp_path / "mine.toml", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert 'events = "photons-mini"' in printed.out
    assert 'kind = "calorimeter-flow"' in printed.out
    assert "# of the flow that photons learned from; afterwards: moliere distill photons.bundle EVENTS" in printed.out


def test_events_that_are_not_here_are_named_in_the_recipe(run: Run) -> None:
    assert "# the events that it was trained on, eplus.h5, are not here" in run("info", "positrons", "--recipe").out


def test_the_networks_of_a_bundle_are_drawn(run: Run, trained: Path, tmp_path: Path) -> None:
    outcome = run("info", trained / "tiny.bundle", "--network", tmp_path / "net.svg")
    assert outcome.code == 0, outcome.err
    assert "layer by layer" in outcome.out
    assert "weights" in (tmp_path / "net.svg").read_text()
    assert run("info", trained / "tiny.bundle", "--network", tmp_path / "net.svg").code == 1
    assert "no bundle" in run("info", "calogan", "--network", tmp_path / "other.svg").err
