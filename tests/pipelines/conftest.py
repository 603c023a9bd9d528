from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from moliere.cli import main

#: two steps of a second each: a simulation and a file of another format
SMALL = """
seed = 3

[simulate]
simulator = "gflash"
detector = "toy.toml"
energy = "1GeV:2GeV"
events = 30

[convert]
files = "simulate"
output = "showers.npz"
"""
DETECTOR = """
name = "toy"
particles = [11]

[[layers]]
id = 0
repeat = 4
grid = {kind = "polar", n_alpha = 2, r_edges = [0, 10, 40]}

[[stack]]
repeat = 4
layer = 0
advance = true
plates = [["G4_Pb", 10.0], ["G4_Si", 5.0, "active"]]
"""


@dataclass(frozen=True)
class Outcome:
    """What a command line leaves: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def ran(self) -> list[str]:
        """Steps that ran."""
        return [line.split()[0] for line in self.out.splitlines() if "runs: " in line or "goes on" in line]


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line, in this process; its steps are processes of their own."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The file of a small pipeline."""
    (tmp_path / "toy.toml").write_text(DETECTOR)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path / "small.toml"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, run once; a test that changes something copies the folder."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "toy.toml").write_text(DETECTOR)
    (folder / "small.toml").write_text(SMALL)
    assert main(["run", str(folder / "small.toml")]) == 0
    return folder


def start(file: Path) -> subprocess.Popen[str]:
    """The same command in a process that can be killed, and that hears Ctrl-C though a background job would not."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); import moliere.cli as cli; "
    command = [sys.executable, "-c", code + "sys.exit(cli.main())", "run", str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
