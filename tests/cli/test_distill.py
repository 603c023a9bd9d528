"""``moliere distill``."""

from __future__ import annotations

from pathlib import Path

import pytest

from moliere.models import load_bundle
from moliere.training.distill import student_recipe

from .conftest import Run


@pytest.fixture
def teacher(trained: Path) -> Path:
    return trained / "tiny.bundle"


def test_a_student_is_a_bundle_like_any_other(teacher: Path, files: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("distill", teacher, files / "one.h5", "-o", tmp_path / "fast", "--iterations", 5)
    assert outcome.code == 0, outcome.err
    student = load_bundle(tmp_path / "fast" / "tiny-fast.bundle")
    assert student.recipe["model"]["steps"] == 1
    assert student.recipe["training"]["initial"] == {"teacher": "tiny.bundle"}
    assert student.validity == load_bundle(teacher).validity
    made = run(
        "generate", tmp_path / "fast" / "tiny-fast.bundle", "--like", files / "one.h5", "-o", tmp_path / "fast.h5"
    )
    assert made.code == 0, made.err


def test_a_student_goes_on_where_it_was_stopped(teacher: Path, files: Path, run: Run, tmp_path: Path) -> None:
    arguments = ["distill", teacher, files / "one.h5", "-o", tmp_path / "fast", "--steps", 2, "--iterations"]
    assert run(*arguments, 3).code == 0
    refused = run(*arguments, 6)
    assert refused.code == 1
    assert "--resume" in refused.err
    assert "6 iterations" in run(*arguments, 6, "--resume").out


def test_a_student_has_no_student(files: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("distill", "photons", files / "one.h5", "-o", tmp_path / "fast")
    assert outcome.code == 1
    assert "a FlowStudent cannot be distilled" in " ".join(outcome.err.split())


def test_a_name_that_is_no_bundle(files: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("distill", "photon", files / "one.h5", "-o", tmp_path / "fast")
    assert outcome.code == 1
    assert "did you mean 'photons'" in " ".join(outcome.err.split())


def test_a_student_follows_its_teachers_stages_or_its_own(files: Path, run: Run, tmp_path: Path) -> None:
    stages = 'training.stage=[{iterations=30, batch_size=16, objectives=["layers"]}, {iterations=10}]'
    trained = run("train", files / "tiny.toml", "--set", stages, "--set", "training.iterations=4", "-o", tmp_path / "t")
    assert trained.code == 0, trained.err
    bundle, events = tmp_path / "t" / "tiny.bundle", files / "one.h5"
    staged = student_recipe(bundle, events, changes={"iterations": 8}).training
    assert [stage.objectives for stage in staged.stage] == [("layers",), None]
    assert staged.stage[0].batch_size == 16
    other = student_recipe(bundle, events, changes={"batch_size": 4}).training
    assert {stage.batch_size for stage in other.stage} == {4}
    single = student_recipe(bundle, events, overrides=["training.stage=[]"]).training
    assert single.stage == ()
