"""From nothing to a proven fast simulation of one's own detector, in three commands."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.detectors import load
from moliere.events.formats import read_events

Run = Callable[..., Any]

#: the pipeline of minutes, in seconds
_TINY = {
    "simulate.events": 120,
    "simulate.workers": 1,
    "train.iterations": 3,
    "train.threads": 1,
    "train.set.model.width": 8,
    "train.set.model.global_width": 8,
    "train.set.model.blocks": 1,
    "train.set.training.batch_size": 16,
    "generate.threads": 1,
    "evaluate.threads": 1,
    "evaluate.classifier_seeds": 0,
}


def test_both_files_are_commented_and_work_as_they_are(run: Run, tmp_path: Path) -> None:
    outcome = run("new", tmp_path / "ecal_2.toml")
    assert outcome.code == 0, outcome.err
    assert "768 channels in 12 layers" in outcome.out
    assert load(str(tmp_path / "ecal_2.toml")).name == "ecal_2"
    for file in ("ecal_2.toml", "ecal_2.pipeline.toml"):
        text = (tmp_path / file).read_text()
        assert text.count("#") > 5
        assert "NAME" not in text
        tomllib.loads(text)
    plan = run("run", tmp_path / "ecal_2.pipeline.toml", "--dry-run")
    assert [line.split()[0] for line in plan.out.splitlines() if "runs: " in line] == [
        *("simulate", "check", "train", "generate", "evaluate")
    ]


def test_the_comments_of_the_detector_are_right(run: Run, tmp_path: Path) -> None:
    """The grid that a comment shows is one, and the response is 1 as the sampling fraction promises."""
    run("new", tmp_path / "my.toml")
    text = (tmp_path / "my.toml").read_text()
    shown = next(line for line in text.splitlines() if line.startswith("#   grid = ")).removeprefix("#   ")
    kept = next(line for line in text.splitlines() if line.startswith("grid = "))
    (tmp_path / "cartesian.toml").write_text(text.replace(kept, shown))
    assert load(str(tmp_path / "cartesian.toml")).n_channels == 12 * 144
    simulated = run(
        *("simulate", "gflash", "--detector", tmp_path / "my.toml", "--energy", "1GeV:50GeV", "-n", 100),
        *("-o", tmp_path / "my.h5"),
    )
    assert simulated.code == 0
    assert "warning" not in simulated.out
    events = read_events(tmp_path / "my.h5", load(str(tmp_path / "my.toml")))
    assert (events.signals.sum(axis=1) / events.energy).mean() == pytest.approx(1, abs=0.03)


def test_nothing_is_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.pipeline.toml").write_text("mine")
    outcome = run("new", tmp_path / "my.toml")
    assert outcome.code == 1
    assert "--overwrite" in outcome.err
    assert not (tmp_path / "my.toml").exists()
    assert (tmp_path / "my.pipeline.toml").read_text() == "mine"
    assert run("new", tmp_path / "my.toml", "--overwrite").code == 0


@pytest.mark.parametrize("name", ["my.yaml", "my", "my detector.toml", ".toml", 'a"b.toml', "my.pipeline.toml"])
def test_names_that_cannot_be(run: Run, tmp_path: Path, name: str) -> None:
    outcome = run("new", tmp_path / name)
    assert outcome.code == 1
    assert "such as my-detector.toml" in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_three_commands_from_nothing_to_a_proven_fast_simulation(run: Run, tmp_path: Path) -> None:
    assert run("new", tmp_path / "my.toml").code == 0
    mine = (tmp_path / "my.toml").read_text()
    assert mine.count("repeat = 12") == 2
    (tmp_path / "my.toml").write_text(mine.replace("repeat = 12", "repeat = 3"))  # as the comments say: change it
    settings = [word for key, value in _TINY.items() for word in ("--set", f"{key}={value}")]
    outcome = run("run", tmp_path / "my.pipeline.toml", *settings)
    assert outcome.code == 0, outcome.err
    page = (tmp_path / "my" / "index.html").read_text()
    assert "5 of 5 steps are done." in page
    for link in ("check.html", "evaluate/report.html", "steps/train.log", "train/my.bundle"):
        assert f'href="{link}"' in page
        assert (tmp_path / "my" / link).exists()
    report = json.loads((tmp_path / "my" / "evaluate" / "report.json").read_text())
    assert report["detector"]["name"] == "my"
    bundle = tmp_path / "my" / "train" / "my.bundle"
    fast = run("generate", bundle, "-n", 10, "--energy", "2GeV:20GeV", "--threads", 1, "-o", tmp_path / "fast.h5")
    assert fast.code == 0, fast.err
    assert len(read_events(tmp_path / "fast.h5", load(str(tmp_path / "my.toml")))) == 10


def test_the_export_needs_two_characters_less(run: Run, tmp_path: Path) -> None:
    run("new", tmp_path / "my.toml")
    file = tmp_path / "my.pipeline.toml"
    text = file.read_text()
    file.write_text(text.replace("# [export]\n# bundle", "[export]\nbundle"))
    plan = run("run", file, "--dry-run")
    assert plan.code == 0, plan.err
    assert "moliere export my/train/my.bundle --output=my/export.onnx" in plan.out
