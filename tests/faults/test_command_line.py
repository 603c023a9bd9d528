"""What the system refuses is one sentence on the command line, and never called a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moliere import samples
from moliere.detectors import load
from moliere.errors import MoliereError
from moliere.events.formats import open_events
from moliere.models import load_bundle
from moliere.training import load_recipe


def moliere(*arguments: str, stdout: int | None = subprocess.PIPE, **environment: str) -> tuple[int, str]:
    """Exit code, and everything that was said."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from moliere.cli import main; sys.exit(main())", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode, ((done.stdout or b"") + done.stderr).decode(errors="replace")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminals_without_the_characters(encoding: str) -> None:
    code, said = moliere("info", "calochallenge-2", PYTHONIOENCODING=encoding)
    assert (code, "bug" in said) == (0, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device, as Linux has it")
def test_a_full_standard_output() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, said = moliere("info", "calochallenge-2", stdout=full)
    os.close(full)
    assert code == 1
    assert "No space left on device" in said
    assert "bug" not in said


@pytest.mark.parametrize("name", ["x" * 5000, "/dev/null/x"])
@pytest.mark.parametrize("verb", [("check",), ("generate", "-n", "1", "-o", "out.h5")])
def test_names_that_no_file_can_have(verb: tuple[str, ...], name: str) -> None:
    code, said = moliere(verb[0], name, *verb[1:])
    assert (code, "bug" in said) == (1, False)


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 2500, "\0", "/dev/null/x"])
def test_no_such_file_is_a_typed_error(name: str) -> None:
    for reader in (open_events, samples.open, load_bundle, load, load_recipe):
        with pytest.raises(MoliereError):
            reader(name)
