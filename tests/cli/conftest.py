from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from moliere import samples
from moliere.cli import main
from moliere.events.formats import write_events

RECIPE = """
name = "tiny"
description = "five iterations"

[data]
events = "{events}"

[model]
kind = "calorimeter-flow"
slabs = 2
width = 8
global_width = 8
blocks = 1
layer_width = 8
layer_blocks = 1
knots = 4

[training]
iterations = {iterations}
batch_size = 16
threads = 1
validations = 1
accelerator = "cpu"
"""


@dataclass(frozen=True)
class Outcome:
    """What a command line leaves: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line, in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small samples and a tiny recipe; nothing is written into it."""
    folder = tmp_path_factory.mktemp("files")
    mini = samples.open("photons-mini")
    write_events(folder / "one.h5", mini[:120])
    write_events(folder / "other.h5", mini[120:240])
    (folder / "tiny.toml").write_text(RECIPE.format(events=folder / "one.h5", iterations=5))
    return folder


@pytest.fixture(scope="session")
def trained(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", str(files / "tiny.toml"), "-o", str(folder)]) == 0
    return folder
