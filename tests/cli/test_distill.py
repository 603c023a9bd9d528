"""``moliere distill``."""

from __future__ import annotations

from pathlib import Path

import pytest

from moliere.cli import main
from moliere.models import load_bundle
from moliere.training.distill import student_recipe

from .conftest import Run

FLOW = """
name = "wide"
[data]
events = "{events}"
[model]
kind = "calorimeter-flow"
slabs = 2
width = 16
global_width = 16
blocks = 1
layer_width = 16
layer_blocks = 1
[training]
iterations = 20
batch_size = 32
"""


@pytest.fixture(scope="module")
def teacher(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    (folder / "wide.toml").write_text(FLOW.format(events=files / "one.h5"))
    assert main(["train", str(folder / "wide.toml"), "-o", str(folder / "run")]) == 0
    return folder / "run" / "wide.bundle"


def test_a_student_is_a_bundle_like_any_other(teacher: Path, files: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("distill", teacher, files / "one.h5", "-o", tmp_path / "fast", "--iterations", 5)
    assert outcome.code == 0, outcome.err
    student = load_bundle(tmp_path / "fast" / "wide-fast.bundle")
    assert student.recipe["model"]["steps"] == 1
    assert student.recipe["training"]["initial"] == {"teacher": "wide.bundle"}
    assert student.validity == load_bundle(teacher).validity
    made = run(
        "generate", tmp_path / "fast" / "wide-fast.bundle", "--like", files / "one.h5", "-o", tmp_path / "fast.h5"
    )
    assert made.code == 0, made.err


def test_a_student_goes_on_where_it_was_stopped(teacher: Path, files: Path, run: Run, tmp_path: Path) -> None:
    arguments = ["distill", teacher, files / "one.h5", "-o", tmp_path / "fast", "--steps", 2, "--iterations"]
    assert run(*arguments, 3).code == 0
    refused = run(*arguments, 6)
    assert refused.code == 1
    assert "--resume" in refused.err
    assert "6 iterations" in run(*arguments, 6, "--resume").out


def test_what_is_no_flow_has_no_student(trained: Path, files: Path, run: Run, tmp_path: Path) -> None:
    bundle = next(trained.glob("*.bundle"))
    kind = load_bundle(bundle).model
    outcome = run("distill", bundle, files / "one.h5", "-o", tmp_path / "fast")
    assert outcome.code == 1
    assert f"{type(kind).__name__} cannot be distilled" in " ".join(outcome.err.split())


def test_a_name_that_is_no_bundle(files: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("distill", "flow-photon-hour", files / "one.h5", "-o", tmp_path / "fast")
    assert outcome.code == 1
    assert "did you mean 'flow-photons-hour'" in " ".join(outcome.err.split())


def test_a_student_follows_its_teachers_stages_or_its_own(teacher: Path, files: Path, tmp_path: Path) -> None:
    stages = 'training.stage=[{iterations=30, batch_size=16, objectives=["layers"]}, {iterations=10}]'
    recipe = teacher.parents[1] / "wide.toml"
    assert (
        main(["train", str(recipe), "--set", stages, "--set", "training.iterations=4", "-o", str(tmp_path / "t")]) == 0
    )
    staged = student_recipe(tmp_path / "t" / "wide.bundle", files / "one.h5", changes={"iterations": 8}).training
    assert [stage.objectives for stage in staged.stage] == [("layers",), None]
    assert staged.stage[0].batch_size == 16
    other = student_recipe(tmp_path / "t" / "wide.bundle", files / "one.h5", changes={"batch_size": 4}).training
    assert {stage.batch_size for stage in other.stage} == {4}
    single = student_recipe(tmp_path / "t" / "wide.bundle", files / "one.h5", overrides=["training.stage=[]"]).training
    assert single.stage == ()
