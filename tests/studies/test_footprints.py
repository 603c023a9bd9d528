"""The study of footprints runs from nothing to a page, and goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from moliere.errors import CheckpointError
from moliere.evaluation.footprints import FootprintResult
from moliere.events.formats import read_events
from moliere.report.footprint_page import verdict_of, write_footprint_study
from moliere.studies import FootprintStudy, run_footprints
from moliere.studies.footprints import read_curves

TINY = FootprintStudy(n_events=200, epochs=3, constrainer_iterations=2, threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("footprints")


@pytest.fixture(scope="module")
def result(folder: Path) -> FootprintResult:
    return run_footprints(TINY, folder)


def test_all_that_the_study_promises_is_there(result: FootprintResult, folder: Path) -> None:
    assert set(result.epochs) == {1, 3}
    assert result.real.total_ks == 0
    judged = {epoch.whole.n_events for epoch in (result.real, *result.epochs.values())}
    assert judged == {40}  # a fifth
    energies = [[example.energy for example in epoch.examples] for epoch in (result.real, *result.epochs.values())]
    assert energies[0] == energies[1] == energies[2]
    assert len(energies[0]) == 3
    assert set(result.curves) == {"train", "validation"}
    assert result.curves["train"].epochs[-1] == pytest.approx(3)


def test_constrainer_and_network_learn_from_other_showers(result: FootprintResult, folder: Path) -> None:
    del result
    own, other = (read_events(folder / f"{name}.h5") for name in ("footprints", "witness"))
    assert not set(own.energy) & set(other.energy)
    assert own.detector.n_channels == 81
    assert not list(folder.glob("*-showers.h5"))


def test_a_curve_has_a_point_for_every_validation(tmp_path: Path) -> None:
    rows = [
        "iteration,seconds,name,value",
        "5,1.0,train/critic,-2",
        "5,1.0,train/generator,7",
        "10,2.0,train/critic,-1",
    ]
    path = tmp_path / "metrics.csv"
    path.write_text("\n".join([*rows, "10,2.0,validation/critic,-1.5"]))
    curves = read_curves(path, 5)
    assert (curves["train"].epochs, curves["train"].values) == ((1.0, 2.0), (-2.0, -1.0))
    assert curves["validation"].values == (-1.5,)


def test_the_page_shows_the_critic_and_both_epochs(result: FootprintResult, folder: Path) -> None:
    text = write_footprint_study(result, folder / "page").read_text()
    # bias and resolution, the critic's loss, three showers three times
    assert text.count("<figure") == 2 + 1 + 9
    assert "epoch 1: " in text
    assert "epoch 3: " in text
    assert "proves nothing" in text
    assert "proves nothing" not in verdict_of(replace(result, short=""))
    numbers = json.loads((folder / "page" / "study.json").read_text())
    assert numbers["epochs"]["3"]["total_ks"] == pytest.approx(result.last.total_ks)


def test_what_is_done_is_not_done_again(result: FootprintResult, folder: Path) -> None:
    steps: list[str] = []
    assert run_footprints(TINY, folder, lambda step, _: steps.append(step)) == result
    assert steps == ["judging"]
    with pytest.raises(CheckpointError, match=r"other settings \(epochs\)"):
        run_footprints(TINY.model_copy(update={"epochs": 4}), folder)
