"""The script that trains everything: what it would run is what today's command line accepts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from moliere import front
from moliere.cli.app import app

_SCRIPT = Path(__file__).parents[1] / "scripts" / "train_everything.sh"


def _commands(folder: Path, *parts: str) -> list[list[str]]:
    """Words of the commands that the script would run, without ``moliere``."""
    environment = {**os.environ, "DRY": "1"}
    asked = ["bash", _SCRIPT, folder, "cpu", "1", "1", *parts]
    made = subprocess.run(asked, env=environment, text=True, capture_output=True, check=True)
    lines = [shlex.split(line) for line in made.stdout.splitlines()]
    assert all(line[0] == "moliere" for line in lines)
    return [line[1:] for line in lines]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_every_command_is_accepted(tmp_path: Path) -> None:
    command = typer.main.get_command(app)
    trained = set()
    for words in _commands(tmp_path):
        context = command.make_context("moliere", list(words))  # parses the first word
        verb, name = context.command, words[0]
        for depth in (1, 2):
            verb, name = verb.commands[words[depth - 1]], words[depth - 1]  # type: ignore[attr-defined]
            if not hasattr(verb, "commands"):
                break
        asked = verb.make_context(name, words[depth:], parent=context).params
        if name == "train":
            recipe = front.choose_recipe(
                asked["recipe"], asked["set_"], events=asked["events"], iterations=asked["iterations"]
            )
            assert asked["output"] == Path("runs") / recipe.name
            trained.add(recipe.name)
    assert {"photons", "particles", "3dgan", "calo4pqvae-published", "muons-aux-gan-published"} <= trained


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_part_is_run_alone_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    (tmp_path / "flux.h5").touch()
    (tmp_path / "runs" / "muons-aux-gan-published").mkdir(parents=True)
    (tmp_path / "runs" / "muons-aux-gan-published" / "checkpoint.pt").touch()
    trained, *rest = _commands(tmp_path, "muons")
    assert trained[:2] == ["train", "muons-aux-gan-published"]
    assert "--resume" in trained
    assert [words[0] for words in rest] == ["generate", "evaluate", *["train", "generate", "evaluate"] * 5]
