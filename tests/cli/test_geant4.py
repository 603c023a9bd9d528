from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_setup_makes_tables_and_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOLIERE_CACHE", str(tmp_path / "cache"))
    for name in ("GEANT4_DATA_DIR", "G4LEDATA"):
        monkeypatch.delenv(name, raising=False)
    outcome = run("geant4", "setup")
    assert outcome.code == 0
    assert "built by moliere" in outcome.out
    assert "FTFP_BERT:approximate-tables" in outcome.out
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(list((folder / "G4EMLOW8.8" / "brem_SB").iterdir())) == 92


def test_the_quick_check_passes_here(run: Run) -> None:
    outcome = run("geant4", "verify", "--quick")
    assert outcome.code == 0
    assert "OFF" not in outcome.out
    assert "critical energy of electrons in G4_Pb: 7.43" in outcome.out


def test_physics_lists_are_listed_with_what_they_cost(run: Run) -> None:
    outcome = run("list", "physics")
    assert (
        "G4EmStandard_option1          for e-, e+, gamma, muons: 1.6 times faster; lowers the visible energy in "
        in outcome.out
    )
