"""Plugins: a package that is installed beside ours adds what it has, and one that is broken is named and skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOLVER = """
from moliere.events.formats import formats
from dataclasses import replace

formats.register("strangers")(replace(formats["calochallenge"], summary="a stranger's format"))
"""


def install(folder: Path, name: str, module: str, code: str) -> None:
    """What pip leaves of a small distribution."""
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[moliere.plugins]\n{name} = {module}\n")


def moliere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "moliere.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)


def test_a_plugin_is_seen_by_the_command_line(tmp_path: Path) -> None:
    install(tmp_path, "strange-formats", "strange_formats", SOLVER)
    outcome = moliere(tmp_path, "list", "formats")
    assert outcome.returncode == 0, outcome.stderr
    assert "strangers" in outcome.stdout


VERB = """
from moliere.cli.options import FileNames, Output, examples, verbs
from moliere.pipelines.verbs import ROLES, Role

@verbs.register("count")
@examples("moliere count showers.h5 -o count.txt")
def count(events: FileNames, output: Output, overwrite: bool = False) -> None:
    "Count events."
    output.write_text("many")

ROLES["count"] = Role({"events": "events"}, {"output": ".txt"})
"""


def test_a_plugin_brings_a_verb_that_is_a_step_too(tmp_path: Path) -> None:
    install(tmp_path, "strange-verbs", "strange_verbs", VERB)
    (tmp_path / "p.toml").write_text('[count]\nevents = "photons-mini"\n')
    outcome = moliere(tmp_path, "run", str(tmp_path / "p.toml"))
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "p" / "count.txt").read_text() == "many"


CALORIMETER = """
from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, catalog

@catalog.layouts.register("strange-box")
def box():
    grid = CartesianGrid((-50.0, 0.0, 50.0), (-50.0, 0.0, 50.0))
    plates = (Plate("G4_PbWO4", 220.0, 0, active=True),)
    return Calorimeter("strange-box", (Layer(0, grid),), stack=plates, description="a stranger's crystal")

@catalog.layouts.register("two-names")
def two_names():
    return catalog.get("calogan")
"""


def test_a_plugin_brings_a_detector(tmp_path: Path) -> None:
    install(tmp_path, "strange-detectors", "strange_detectors", CALORIMETER)
    listed = moliere(tmp_path, "list", "detectors", "strange-box")
    assert listed.returncode == 0, listed.stderr
    assert "strange-box: calorimeter, 4 channels" in listed.stdout
    simulate = ("simulate", "gflash", "--energy", "1GeV", "-n", "3", "-o", str(tmp_path / "crystal.h5"))
    made = moliere(tmp_path, *simulate, "--detector", "strange-box")
    assert made.returncode == 0, made.stderr
    assert "3 in strange-box" in moliere(tmp_path, "info", str(tmp_path / "crystal.h5")).stdout
    assert "did you mean 'strange-box'?" in moliere(tmp_path, *simulate, "--detector", "strang-box").stderr
    agree = "'two-names' makes a detector called 'calogan'"
    assert agree in " ".join(moliere(tmp_path, "list", "detectors", "two-names").stderr.split())


def test_a_plugin_cannot_take_the_name_of_a_published_detector(tmp_path: Path) -> None:
    install(tmp_path, "strange-detectors", "strange_detectors", CALORIMETER.replace("strange-box", "calogan"))
    outcome = moliere(tmp_path, "list", "detectors", "calogan")
    assert "detector 'calogan' is registered twice" in outcome.stderr
    assert "504 channels in 3 layers" in outcome.stdout


@pytest.mark.parametrize("code", ["1 / 0", "import no_such_package", "this is no Python"])
def test_a_plugin_that_fails_is_named_and_skipped(tmp_path: Path, code: str) -> None:
    install(tmp_path, "broken-plugin", "broken_plugin", code)
    outcome = moliere(tmp_path, "list", "formats")
    assert outcome.returncode == 0, outcome.stderr
    assert "plugin 'broken-plugin' (broken_plugin) is skipped" in " ".join(outcome.stderr.split())
    assert "calochallenge" in outcome.stdout
    assert moliere(tmp_path, "--version").stderr == ""
