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
