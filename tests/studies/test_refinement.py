"""The study runs from nothing to a page, keeps what is done, and refuses what it cannot judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere.errors import CheckpointError, ConfigError, DetectorError
from moliere.evaluation.refinement import RefinementResult
from moliere.events.formats import read_events, write_events
from moliere.report.study_page import bias_words, verdict_of, write_study
from moliere.studies import RefinementStudy, run_refinement

TINY = RefinementStudy(
    n_events=150, refiner_iterations=2, reconstruction_iterations=2, classifiers=("boosting",), threads=1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def result(folder: Path, told: list[tuple[str, float]]) -> RefinementResult:
    return run_refinement(TINY, folder, lambda step, share: told.append((step, share)))


def test_the_study_tells_how_far_it_is(result: RefinementResult, told: list[tuple[str, float]]) -> None:
    steps = ["simulating simulation", "simulating data", "training refiner", "refining", "training aixnet-simulation"]
    assert list(dict.fromkeys(step for step, _ in told))[:5] == steps
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1][0] == "judging"


def test_all_that_the_study_promises_is_there(result: RefinementResult) -> None:
    assert set(result.reconstructions) == {"simulation", "refined", "data"}
    judged = {trained.whole.n_events for trained in result.reconstructions.values()}
    assert len(judged) == 1
    assert min(judged) == pytest.approx(30, abs=3)  # a fifth, which strata round
    assert set(result.traces) == {"simulation", "refined"}
    # with half the noise the original simulation is told from data by a glance
    assert result.traces["simulation"].worst.auc > 0.9
    assert result.own_resolution.n_events == result.label_shift.n_events
    assert {name for mean in result.means for name in mean.traces} == {"simulation", "refined", "data"}
    assert result.examples


def test_a_refiner_that_draws_noise_refines_every_event_twice_and_a_map_once(
    result: RefinementResult, folder: Path, tmp_path: Path
) -> None:
    refined = read_events(folder / "refined.h5")
    assert refined.incident["original"].tolist() == [*range(150)] * 2
    assert not np.array_equal(refined.signals[:150], refined.signals[150:])
    # arrival times scatter as data's do, twice as much as the simulation's
    times = {name: read_events(folder / f"{name}.h5").extras["arrival_times"] for name in ("simulation", "data")}
    scatter = np.nanstd(refined.extras["arrival_times"])
    assert scatter == pytest.approx(np.nanstd(times["data"]), rel=0.15)
    assert scatter > 1.5 * np.nanstd(times["simulation"])
    own = {name: str(folder / f"{name}.h5") for name in ("simulation", "data")}
    found = run_refinement(TINY.model_copy(update={**own, "refiner": "airshower-refiner"}), tmp_path)
    assert len(read_events(tmp_path / "refined.h5")) == 150
    # judged are the same events, each once
    assert found.label_shift.n_events == result.label_shift.n_events
    assert found.own_resolution == result.own_resolution


def test_the_page_says_what_was_found(result: RefinementResult, folder: Path) -> None:
    page = write_study(result, folder / "page")
    text = page.read_text()
    assert verdict_of(result)[1:] in text
    assert text.count("<figure") == 2 + len(result.means) + len(result.examples)
    numbers = json.loads((folder / "page" / "study.json").read_text())
    assert numbers["resolution_ratio"] == pytest.approx(result.resolution_ratio)
    assert numbers["label_shift"]["bias"] == pytest.approx(result.label_shift.bias)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(0.06, 0.02, "3 times smaller"), (0.01, 0.0568, "5.68 times larger"), (0.001, 0.0015, "cannot be told")],
)
def test_the_bias_shrinks_grows_or_cannot_be_told(
    result: RefinementResult, before: float, after: float, words: str
) -> None:
    trained = {}
    for name, bias in (("simulation", before), ("refined", after)):
        old = result.reconstructions[name]
        trained[name] = replace(old, whole=replace(old.whole, bias=bias, bias_error=0.001))
    changed = replace(result, reconstructions={**result.reconstructions, **trained})
    assert words in bias_words(changed)


def test_a_short_run_proves_nothing_and_nobody_measured_the_data_against_itself(
    result: RefinementResult, tmp_path: Path
) -> None:
    assert "150 instead of 12,000 events" in result.short
    text = write_study(result, tmp_path / "page").read_text()
    assert "proves nothing" in text
    assert "not measured" in text
    assert "proves nothing" not in verdict_of(replace(result, short=""))


def test_what_is_done_is_not_done_again(result: RefinementResult, folder: Path) -> None:
    steps: list[str] = []
    again = run_refinement(TINY, folder, lambda step, _: steps.append(step))
    assert steps == ["judging"]
    assert again == result
    (folder / "aixnet-refined.bundle").unlink()
    run_refinement(TINY, folder, lambda step, _: steps.append(step))
    assert steps[1:] == ["training aixnet-refined", "judging"]


def test_a_folder_belongs_to_one_study(result: RefinementResult, folder: Path) -> None:
    del result
    with pytest.raises(CheckpointError, match=r"other settings \(n_events, seed\)"):
        run_refinement(TINY.model_copy(update={"n_events": 200, "seed": 3}), folder)


def test_samples_of_a_users_own(result: RefinementResult, folder: Path, tmp_path: Path) -> None:
    """Data without energies cannot be judged; other detectors have no traces."""
    own = TINY.model_copy(update={"simulation": str(folder / "simulation.h5"), "data": str(folder / "data.h5")})
    found = run_refinement(own, tmp_path / "own")
    assert not (tmp_path / "own" / "data.h5").exists()
    assert found.reconstructions["data"] == result.reconstructions["data"]
    data = read_events(folder / "data.h5")
    nameless = replace(data, incident={name: x for name, x in data.incident.items() if name != "energy"})
    write_events(tmp_path / "nameless.h5", nameless)
    with pytest.raises(ConfigError, match=r"judges energies, which .*nameless"):
        run_refinement(own.model_copy(update={"data": str(tmp_path / "nameless.h5")}), tmp_path / "other")
    with pytest.raises(DetectorError, match="trace-refiner needs a detector of kind surface-array"):
        run_refinement(
            own.model_copy(update={"simulation": "photons-mini", "data": "photons-mini"}), tmp_path / "photons"
        )
