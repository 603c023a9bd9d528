"""What the shell is told when a user presses the tabulator, through the protocol that shells speak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moliere.cli import main

Ask = Callable[[str], list[str]]


@pytest.fixture
def offered(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """What bash is offered for the last word of a line, in a folder with one file and one folder."""
    (tmp_path / "photons.h5").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_MOLIERE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit):
            main([])
        return capsys.readouterr().out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("moliere train calogan-e", ["calogan-eplus"]),
        ("moliere train photons-", ["photons-leave-one-out"]),
        ("moliere generate pos", ["positrons"]),
        ("moliere generate el", ["electrons", "elsewhere/"]),
        ("moliere evaluate a.h5 b.h5 --bundle photons", ["photons", "photons.h5"]),
        ("moliere evaluate photons-", ["photons-mini"]),
        ("moliere compare a.h5 b.h5 photons", ["photons-mini", "photons.h5"]),
        ("moliere info calochallenge-2", ["calochallenge-2"]),
        ("moliere check a.h5 --detector 3d", ["3dgan"]),
        ("moliere list detectors calog", ["calogan"]),
        ("moliere list bun", ["bundles"]),
        ("moliere simulate gf", ["gflash"]),
        ("moliere simulate geant4 --physics G4EmPen", ["G4EmPenelope"]),
        ("moliere convert a.root b.h5 --to calogan-", ["calogan-root"]),
        ("moliere fetch calochallenge-2", ["calochallenge-2"]),
        ("moliere generate runs/", []),  # files are the shell's own
        ("moliere simulate flash", []),
    ],
)
def test_names_are_completed(offered: Ask, line: str, words: list[str]) -> None:
    assert offered(line) == words
