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


@pytest.mark.parametrize("code", ["1 / 0", "import no_such_package", "this is no Python"])
def test_a_plugin_that_fails_is_named_and_skipped(tmp_path: Path, code: str) -> None:
    install(tmp_path, "broken-plugin", "broken_plugin", code)
    outcome = moliere(tmp_path, "list", "formats")
    assert outcome.returncode == 0, outcome.stderr
    assert "plugin 'broken-plugin' (broken_plugin) is skipped" in " ".join(outcome.stderr.split())
    assert "calochallenge" in outcome.stdout
    assert moliere(tmp_path, "--version").stderr == ""
