"""A pipeline is checked as a whole before anything runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from moliere.cli.app import app
from moliere.cli.verbs import verbs_of
from moliere.pipelines import ROLES, load_pipeline
from moliere.pipelines.names import pipeline_files
from moliere.training.recipe import parse_recipe
from moliere.weights import bundle_paths

from .conftest import DETECTOR, SMALL

Run = Callable[..., Any]

SIMULATE = SMALL.partition("[convert]")[0]
OWN = """name = "own"
[data]
events = "plan/simulate.h5"
[model]
kind = "calorimeter-flow"
[training]
iterations = 1
"""


@pytest.fixture
def plan(run: Run, tmp_path: Path) -> Callable[..., Any]:
    """What a file would do, and that it does nothing."""

    def call(text: str, *more: object) -> Any:
        (tmp_path / "toy.toml").write_text(DETECTOR)
        (tmp_path / "plan.toml").write_text(text)
        before = sorted(tmp_path.rglob("*"))
        outcome = run("run", tmp_path / "plan.toml", "--dry-run", *more)
        assert sorted(tmp_path.rglob("*")) == before
        return outcome

    return call


def steps_of(outcome: Any) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [line.split()[0] for line in outcome.out.splitlines() if "runs: " in line]


def test_names_of_steps_become_paths_and_values_options(plan: Run) -> None:
    outcome = plan(
        SIMULATE + '[train]\nrecipe = "photons"\nevents = "simulate"\nset.model.width = 8\n'
        '[generate]\nbundle = "train"\nlike = "simulate"\npart = "test"\n'
    )
    assert steps_of(outcome) == ["simulate", "train", "generate"]
    assert "moliere train photons plan/simulate.h5 --output=plan/train --seed=3 --set=model.width=8" in outcome.out
    assert "moliere generate plan/train/photons.bundle --output=plan/generate.h5 --like=plan/simulate.h5" in outcome.out


def test_steps_run_after_those_whose_outputs_they_read(plan: Run) -> None:
    after = '[convert]\nfiles = "showers.h5"\noutput = "showers.npz"\n'
    assert steps_of(plan(after + SIMULATE.partition("\n\n")[2] + 'output = "showers.h5"\n')) == ["simulate", "convert"]


def test_an_override_changes_a_step_and_another_folder_is_used(plan: Run, tmp_path: Path) -> None:
    outcome = plan(SMALL, "--set", "simulate.events=7", "-o", tmp_path / "elsewhere")
    assert f"--output={tmp_path}/elsewhere/simulate.h5" in outcome.out
    assert "--events=7 " in outcome.out


def test_a_bundle_is_named_as_the_recipe_that_the_step_changes(plan: Run, tmp_path: Path) -> None:
    generate = '[generate]\nbundle = "train"\nevents = 1e3\nenergy = "2GeV"\n'
    text = '[train]\nrecipe = "photons"\nset.name = "mine"\n' + generate
    assert "moliere generate plan/train/mine.bundle --output=plan/generate.h5 --events=1000" in plan(text).out


def test_a_sample_that_a_recipe_names_is_waited_for(plan: Run, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    assert steps_of(plan('[train]\nrecipe = "own.toml"\n' + SIMULATE)) == ["simulate", "train"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SIMULATE.replace("energy", "enrgy"), "simulate has no option 'enrgy'; did you mean 'energy'?"),
        (SIMULATE.replace("[simulate]", "[simulat]"), "no verb 'simulat' for a pipeline; did you mean 'simulate'?"),
        (SIMULATE + '[list]\nwhat = "recipes"\n', "no verb 'list' for a pipeline"),
        (SIMULATE.replace("toy.toml", "toi.toml"), "'toi.toml' is no file in"),
        (SIMULATE.replace("toy.toml", "toi.toml"), "did you mean 'toy.toml'?"),
        (SMALL.replace('files = "simulate"', 'files = "simulat"'), "did you mean 'simulate'?"),
        (SMALL.replace('"simulate"', '"simulate.h6"'), "did you mean 'simulate.h5'?"),
        (SMALL.replace("showers.npz", "simulate.h5"), "both write plan/simulate.h5"),
        (SMALL.replace("showers.npz", "steps/showers.npz"), "where the pipeline keeps its page and its logs"),
        (SIMULATE + "overwrite = true\n", "overwrite is decided by the pipeline"),
        (SIMULATE.replace("events = 30", 'events = "many"'), "step 'simulate': Invalid value for '-n' / '--events'"),
        (SIMULATE.replace("1GeV:2GeV", "5"), "step 'simulate': energy '5' is not a number with a unit"),
        ('[generate]\nbundle = "photons"\ntheta = 90\n', "step 'generate': angle '90' is not a number with a unit"),
        ('[train]\nrecipe = "photons"\nset.model.widht = 8\n', "step 'train': model.widht: unknown key"),
        (SIMULATE.replace('simulator = "gflash"', ""), "step 'simulate': Missing argument 'simulator'"),
        (SIMULATE.replace("seed = 3", "sede = 3"), "sede: unknown key; did you mean 'seed'?"),
        ("seed = 1\n", "has no step"),
        ('[[simulate]]\nsimulator = "gflash"\n', "a step is one table"),
        (
            "".join(f'[{a}]\nverb = "convert"\nfiles = "{b}"\n' for a, b in ("ab", "bc", "ca")),
            "a → c → b → a: these steps wait for each other",
        ),
        ('[convert]\nfiles = "convert.h5"\n', "reads plan/convert.h5, which it writes itself"),
        (SIMULATE + '[check]\nevents = "simulate"\n[convert]\nfiles = "check"\n', "give it 'fix'"),
        ('[train]\nrecipe = "photon"\n', "did you mean 'photons'?"),
        ('["a b"]\nverb = "convert"\n', "a step's name has letters, digits"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(plan: Run, text: str, said: str) -> None:
    outcome = plan(text)
    assert outcome.code == 1
    assert said in outcome.err


def test_a_pipeline_that_does_not_exist(run: Run, tmp_path: Path) -> None:
    assert "no file" in run("run", tmp_path / "none.toml").err
    assert "did you mean 'demo'?" in run("run", "demmo").err


def test_steps_that_are_asked_for_exist(plan: Run) -> None:
    assert "has no step 'simulat'; did you mean 'simulate'?" in plan(SMALL, "--from", "simulat").err
    assert "run step 'simulate' first" in plan(SMALL, "--only", "convert").err


def test_every_option_with_a_role_is_one_of_its_verb() -> None:
    root: Any = typer.main.get_command(app)
    for name, role in ROLES.items():
        command = root
        for word in name.split():
            command = command.commands[word]
        known = {str(parameter.name).rstrip("_") for parameter in command.params}
        named = {option for option in (*role.reads, *role.writes) if not option.startswith("set.")}
        assert named <= known, f"{name}: {named - known}"


def test_a_student_is_named_after_its_teacher(plan: Run) -> None:
    text = '[train]\nrecipe = "photons"\n[distill]\nteacher = "train"\nevents = "photons-mini"\n'
    again = '[again]\nverb = "distill"\nteacher = "distill"\nevents = "photons-mini"\n[generate]\nbundle = "again"\n'
    outcome = plan(text + again + 'events = 10\nenergy = "2GeV"\n')
    assert steps_of(outcome) == ["train", "distill", "again", "generate"]
    assert "moliere distill plan/distill/photons-fast.bundle photons-mini --output=plan/again" in outcome.out
    assert "moliere generate plan/again/photons-fast-fast.bundle" in outcome.out


def test_a_student_of_a_bundle_that_was_renamed_has_the_name_inside(plan: Run, tmp_path: Path) -> None:
    shutil.copy(bundle_paths()["photons"], tmp_path / "renamed.bundle")
    text = (
        '[distill]\nteacher = "renamed.bundle"\nevents = "photons-mini"\n[generate]\nbundle = "distill"\nevents = 9\n'
    )
    assert "moliere generate plan/distill/photons-fast.bundle" in plan(text + 'energy = "2GeV"\n').out


def test_teachers_in_a_circle(plan: Run) -> None:
    text = "".join(f'[{a}]\nverb = "distill"\nteacher = "{b}"\nevents = "photons-mini"\n' for a, b in ("ab", "ba"))
    assert "these steps wait for each other" in plan(text).err


@pytest.mark.parametrize("name", sorted(pipeline_files()))
def test_what_is_shipped_can_be_run(run: Run, tmp_path: Path, name: str) -> None:
    outcome = run("run", name, "--dry-run", "-o", tmp_path)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("runs: not made yet") >= 4
    assert name in run("list", "pipelines").out


@pytest.mark.parametrize("name", sorted(pipeline_files()))
def test_what_is_shipped_trains_as_it_says(name: str) -> None:
    """A run checks the recipes of its steps before it begins; a dry run does not."""
    context = typer.Context(typer.main.get_command(app))
    for step in load_pipeline(name, verbs_of(context)).steps:
        if step.recipe:
            recipe = parse_recipe(step.recipe)
            assert recipe.training.iterations == step.values.get("iterations", recipe.training.iterations)
