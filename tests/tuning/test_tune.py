from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from moliere.errors import CheckpointError, ConfigError, IncompleteRun, OutputExists
from moliere.models import load_bundle
from moliere.training import Recipe, fit, load_recipe
from moliere.tuning import Trial, Tuned
from moliere.tuning.trial import Job, run_apart

Tune = Callable[..., Tuned]


def tried(found: Tuned) -> list[tuple[Any, ...]]:
    return [(trial.state, dict(trial.settings), dict(trial.values)) for trial in found.trials]


@pytest.fixture(scope="module")
def whole(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Four trials in one go."""
    pytest.importorskip("optuna")
    from moliere.tuning import tune

    folder = tmp_path_factory.mktemp("whole")
    parameters = ("model.width=8,16", "training.learning_rate=log:1e-4:1e-2")
    return tune(toy, folder, trials=4, parameters=parameters, metrics=["separation-mean"], seed=1)


def test_trials_differ_and_the_best_is_the_one_with_the_smallest_figure(whole: Tuned) -> None:
    assert [trial.state for trial in whole.trials] == ["complete"] * 4
    rates = {trial.settings["training.learning_rate"] for trial in whole.trials}
    assert len(rates) == 4
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    smallest = min(trial.values["separation-mean"] for trial in whole.trials)
    assert [trial.values["separation-mean"] for trial in whole.best] == [smallest]


def test_the_winner_is_a_recipe_whose_training_gives_the_model_of_the_trial(whole: Tuned, tmp_path: Path) -> None:
    (path,) = whole.recipes
    recipe = load_recipe(path)
    number = whole.best[0].number
    assert f"trial {number} of a search" in recipe.description
    again, _ = fit(recipe, tmp_path)
    judged = load_bundle(path.parent / "trials" / f"{number:04d}" / "toy.bundle")
    one, two = again.model.state_dict(), judged.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_interrupted_search_goes_on_and_tries_the_same(search: Tune, whole: Tuned, tmp_path: Path) -> None:
    def stop_in_a_training(step: str, share: float) -> None:
        if step == "trial 1" and 0.3 < share < 0.5:  # a quarter of four trials is one
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, 4, seed=1, progress=stop_in_a_training)
    assert (tmp_path / "trials" / "0001" / "checkpoint.pt").exists()
    assert not (tmp_path / "trials" / "0000" / "checkpoint.pt").exists()
    assert "1 has not ended" in (tmp_path / "tuning.html").read_text()
    resumed = search(tmp_path, 4, seed=1)
    assert resumed.n_new == 3
    assert tried(resumed) == tried(whole)
    assert search(tmp_path, 4, seed=1).n_new == 0


def test_another_search_in_the_folder_is_refused_and_replaced_only_when_asked(
    search: Tune, toy: Recipe, whole: Tuned, tmp_path: Path
) -> None:
    folder = tmp_path / "copy" / whole.page.parent.name  # a study has the name of its folder
    shutil.copytree(whole.page.parent, folder)
    other = replace(toy, model=toy.model.model_copy(update={"blocks": 2}))
    with pytest.raises(OutputExists, match=r"recipe\.model\.blocks"):
        search(folder, 4, seed=1, recipe=other)
    with pytest.raises(OutputExists, match="metrics"):
        search(folder, 4, seed=1, metrics=["ks-worst"])
    with pytest.raises(OutputExists, match=r"parameters\.model\.width"):
        search(folder, 4, seed=1, parameters=["model.width=8,32", "training.learning_rate=log:1e-4:1e-2"])
    with pytest.raises(OutputExists, match="seed"):
        search(folder, 4, seed=2)
    slower = replace(toy, training=toy.training.model_copy(update={"checkpoint_minutes": 1.0}))
    assert search(folder, 4, seed=1, recipe=slower).n_new == 0
    assert len(search(folder, 1, seed=2, overwrite=True).trials) == 1
    assert not (folder / "trials" / "0001").exists()


def test_trials_that_diverge_are_failed_and_counted(search: Tune, tmp_path: Path) -> None:
    words: list[str] = []

    def ended(trial: Trial, best: tuple[Trial, ...]) -> None:
        words.append(trial.state)

    found = search(
        tmp_path, 5, parameters=["training.learning_rate=1e-3,1e30", "model.width=8,16"], seed=3, ended=ended
    )
    states = [trial.state for trial in found.trials]
    assert states == words
    assert {"complete", "failed"} == set(states)
    for trial in found.trials:
        assert (trial.settings["training.learning_rate"] == "1e30") == (trial.state == "failed")
        assert trial.state == "complete" or "smaller training.learning_rate" in trial.said
    assert f"{states.count('failed')} failed" in found.page.read_text()


def test_a_search_in_which_every_trial_fails_says_why(search: Tune, tmp_path: Path) -> None:
    with pytest.raises(
        IncompleteRun, match=r"none of 2 trials reached its end; most often because: .*smaller training.learning_rate"
    ):
        search(tmp_path, 2, parameters=["training.learning_rate=1e29,1e30"])
    assert "No trial has reached its end" in (tmp_path / "tuning.html").read_text()


def test_trials_that_are_worse_on_the_way_are_given_up(search: Tune, tmp_path: Path) -> None:
    found = search(tmp_path, 6, parameters=["training.learning_rate=log:1e-6:1e-2"], pruner="halving", looks=4, seed=2)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        last = max(trial.on_the_way)
        assert f"after {last} of 4 parts" in trial.said
        better = [other for other in found.trials if other.on_the_way.get(last, 1.0) < trial.on_the_way[last]]
        assert better
        assert not (found.page.parent / "trials" / f"{trial.number:04d}" / "toy.bundle").exists()
    page = found.page.read_text()
    assert "given up" in page
    assert "share of the training" in page


def test_several_figures_give_a_front_of_recipes(search: Tune, tmp_path: Path) -> None:
    found = search(tmp_path, 2, metrics=["separation-mean", "ms"], parameters=["model.steps=1:2"], seed=1)
    assert all(set(trial.values) == {"separation-mean", "ms"} for trial in found.trials)
    front = [(trial.values["separation-mean"], trial.values["ms"]) for trial in found.best]
    for one in (trial for trial in found.trials if trial not in found.best):
        pair = (one.values["separation-mean"], one.values["ms"])
        assert any(a <= pair[0] and b <= pair[1] for a, b in front)
    assert [path.stem for path in found.recipes] == [f"{trial.number:04d}" for trial in found.best]
    assert load_recipe(found.recipes[0]).model.to_table()["steps"] == found.best[0].settings["model.steps"]
    assert "separation-mean against ms" in found.page.read_text()
    with pytest.raises(ConfigError, match="given up early by one figure"):
        search(tmp_path, 2, metrics=["separation-mean", "ms"], pruner="median")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"trials": 0}, "0 trials"),
        ({"workers": -1}, "-1 workers"),
        ({"looks": 0}, "0 parts"),
        ({"parameters": []}, "nothing to search"),
        ({"metrics": ["fpd"]}, "fpd cannot be measured on the 1.. events"),
        ({"storage": "nowhere://host/db"}, "the storage nowhere://host/db cannot be used"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_a_trial(
    search: Tune, tmp_path: Path, words: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        search(tmp_path / "none", **words)
    assert not (tmp_path / "none" / "trials").exists()


def test_the_page_links_every_trial(whole: Tuned) -> None:
    page = whole.page.read_text()
    for trial in whole.trials:
        for name in ("report/report.html", "recipe.toml", "metrics.csv"):
            link = f"trials/{trial.number:04d}/{name}"
            assert f'href="{link}"' in page
            assert (whole.page.parent / link).is_file()
    assert "moliere train" in page
    assert "model.width" in page
    assert "best so far" in page


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are made in this process, which has no start of its own."""
    monkeypatch.setattr("moliere.production.worker._workers", {os.getpid()})


@pytest.mark.usefixtures("as_worker")
def test_any_executor_makes_the_trials_of_one_worker_again_where_it_loses_them(
    search: Tune, whole: Tuned, tmp_path: Path, losing: Callable[..., Any]
) -> None:
    engine = partial(losing, {0, 2}.__contains__, BrokenExecutor("gone"))
    assert tried(search(tmp_path, 2, seed=1, workers=2, cluster=engine)) == tried(whole)[:2]
    assert not list(tmp_path.glob("driver-*"))


@pytest.mark.usefixtures("as_worker")
def test_an_executor_that_is_gone_ends_the_search_which_goes_on(
    search: Tune, whole: Tuned, tmp_path: Path, losing: Callable[..., Any]
) -> None:
    engine = partial(losing, lambda call: call > 0, BrokenExecutor("gone"))
    with pytest.raises(IncompleteRun, match="the executor lost it: BrokenExecutor gone"):
        search(tmp_path, 2, seed=1, cluster=engine)
    resumed = search(tmp_path, 2, seed=1)
    assert resumed.n_new == 1
    assert tried(resumed) == tried(whole)[:2]


@pytest.mark.usefixtures("as_worker")
def test_a_trial_that_kills_its_process_is_failed_and_others_are_made(
    search: Tune, tmp_path: Path, losing: Callable[..., Any]
) -> None:
    engine = partial(losing, {0, 1}.__contains__, IncompleteRun("a worker process died (SIGKILL)"))
    one, other = search(tmp_path, 2, cluster=engine).trials
    assert (one.state, other.state) == ("failed", "complete")
    assert one.said == "a worker process died (SIGKILL); was its memory enough?"


def test_a_trial_stops_without_its_driver_and_says_which_folder_it_does_not_see(
    tmp_path: Path, as_worker: None, toy: Recipe
) -> None:
    how = {"storage": "", "study": "", "pruner": "none", "looks": 1, "pulse": tmp_path / "gone", "home": Path.cwd()}
    job = Job(0, 0, toy.to_table(), tmp_path / "trials" / "0000", ("ms",), **how)  # type: ignore[arg-type]
    assert run_apart(job).state == "stopped"
    with pytest.raises(CheckpointError, match="elsewhere is not there, seen from"):
        run_apart(replace(job, home=tmp_path / "elsewhere"))


@pytest.mark.slow
def test_two_workers_make_all_trials_and_a_killed_one_makes_its_trial_again(toy: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    (tmp_path / "toy.toml").write_text(_as_toml(toy))
    command = [sys.executable, "-m", "moliere.cli", "tune", str(tmp_path / "toy.toml"), "-o", str(tmp_path / "search")]
    command += ["--set", "training.iterations=400", "--param", "training.learning_rate=log:1e-4:1e-2", "--trials", "4"]
    command += ["--metric", "separation-mean", "--workers", "2", "--pruner", "none"]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "search").glob("trials/*/metrics.csv")) and driver.poll() is None:
        time.sleep(0.1)
    driver.send_signal(signal.SIGKILL)  # the workers end with it
    driver.communicate()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "search" / "trials").iterdir())) == 4
    assert sum(line.startswith("trial ") for line in again.stdout.splitlines()) >= 4


def _as_toml(recipe: Recipe) -> str:
    import tomli_w

    return tomli_w.dumps(recipe.to_table())
