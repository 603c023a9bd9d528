from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.training import load_recipe

Run = Callable[..., Any]
RATES = ("--param", "training.learning_rate=log:1e-4:1e-2")


def test_a_search_says_each_trial_and_leaves_a_recipe_and_a_page(run: Run, files: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    words = [
        "tune",
        files / "tiny.toml",
        "-o",
        tmp_path,
        *RATES,
        "--metric",
        "separation-mean",
        "--set",
        "data.split=[0.5,0.4,0.1]",
    ]
    outcome = run(*words, "--trials", 2)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["trial", "0"], ["trial", "1"]]
    assert "training.learning_rate=" in lines[0]
    assert f"moliere train {tmp_path / 'best.toml'}" in outcome.out
    assert load_recipe(tmp_path / "best.toml").name == "tiny"
    assert (tmp_path / "tuning.html").exists()
    more = run(*words, "--trials", 3)
    assert sum(line.startswith("trial 2 ") for line in more.out.splitlines()) >= 1
    assert "all 3 trials have been made" in run(*words, "--trials", 3).out
    other = run(*words, "--trials", 3, "--set", "model.width=16")
    assert other.code == 1
    assert "recipe.model.width" in other.err
    assert "--overwrite" in other.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*RATES], "nothing to judge by; name a figure, such as fpd (--metric fpd)"),
        ([*RATES, "--metric", "fpdd"], "did you mean 'fpd'"),
        (["--metric", "fpd"], "nothing to search"),
        (["--metric", "fpd", "--param", "model.widht=64,128"], "model.widht: unknown key; did you mean 'width'"),
        (["--metric", "fpd", "--param", "training.learning_rate=log:1e-2:1e-4"], "upside down"),
        ([*RATES, "--metric", "fpd", "--metric", "ms", "--pruner", "median"], "leave the pruner out (--pruner)"),
    ],
)
def test_what_cannot_be_searched_is_named(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("optuna")
    outcome = run("tune", "photons", "-o", tmp_path / "none", *arguments)
    assert outcome.code == 1
    assert message in outcome.err
    assert not (tmp_path / "none").exists()


def test_no_trials_are_a_wrong_command_line(run: Run, tmp_path: Path) -> None:
    outcome = run("tune", "photons", "-o", tmp_path / "none", *RATES, "--metric", "fpd", "--trials", 0)
    assert outcome.code == 2
    assert "--trials" in outcome.err
