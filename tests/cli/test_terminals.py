"""What the command line says where its words cannot be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_terminals_that_lack_a_letter_show_its_code(encoding: str) -> None:
    command = [sys.executable, "-m", "moliere.cli", "info", "calochallenge-2"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    outcome = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert outcome.returncode == 0
    assert b"bug" not in outcome.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_no_bug() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "moliere.cli", "info", "calochallenge-2"]
        outcome = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert outcome.returncode != 0
    assert b"bug in moliere" not in outcome.stderr
    assert b"No space left on device" in outcome.stderr


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "a\rb", "\u202eabc"])
def test_words_of_a_file_do_not_steer_the_terminal(
    hostile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from moliere import samples
    from moliere.cli import main
    from moliere.events import Events
    from moliere.events.formats import write_events

    mini = samples.open("photons-mini")[:3]
    metadata = {"generator": f"Geant4{hostile}"}
    write_events(tmp_path / "a.h5", Events(mini.detector, mini.incident, mini.signals, metadata=metadata))
    assert main(["info", str(tmp_path / "a.h5")]) == 0
    shown = capsys.readouterr().out
    assert "Geant4" in shown
    assert hostile not in shown
    assert main(["info", str(tmp_path / f"no{hostile}file.h5")]) == 1
    assert hostile not in capsys.readouterr().err


def test_a_shipped_sample_is_converted(tmp_path: Path) -> None:
    from moliere.cli import main

    assert main(["convert", "photons-mini", str(tmp_path / "a.h5")]) == 0
    assert (tmp_path / "a.h5").is_file()
