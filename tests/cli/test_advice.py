"""Advice works: what a refused command line is told to do, done, succeeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from moliere import simulate

Run = Callable[..., Any]

_GENERATE = "generate photons --threads 1 -n 3"
_GFLASH = "simulate gflash --detector calochallenge-2 -n 2"
_EVALUATE = "evaluate {one} {other} --classifier-seeds 0 --threads 1 -o {tmp}/report"
#: what fails, the advice that its message holds, and the command line that follows it
_ADVICE = [
    # outputs that exist
    ("convert {one} {taken}", "--overwrite", "convert {one} {taken} --overwrite"),
    (f"{_GENERATE} --energy 1GeV -o {{taken}}", "--overwrite", f"{_GENERATE} --energy 1GeV -o {{taken}} --overwrite"),
    (f"{_GFLASH} -o {{taken}}", "--overwrite", f"{_GFLASH} -o {{taken}} --overwrite"),
    ("prepare smear {one} -o {taken}", "--overwrite", "prepare smear {one} -o {taken} --overwrite"),
    # names with a letter too few
    ("simulate gflsh --detector calochallenge-2 -n 2 -o {tmp}/a.h5", "'gflash'", f"{_GFLASH} -o {{tmp}}/a.h5"),
    ("simulate gflash --detector calochalenge-2 -n 2 -o {tmp}/a.h5", "'calochallenge-2'", f"{_GFLASH} -o {{tmp}}/a.h5"),
    ("convert {one} {tmp}/a.h5 --to calochalenge", "'calochallenge'", "convert {one} {tmp}/a.h5 --to calochallenge"),
    (f"{_GFLASH} --set metod=analytic -o {{tmp}}/a.h5", "method", f"{_GFLASH} --set method=analytic -o {{tmp}}/a.h5"),
    (
        "generate photon -n 2 --energy 1GeV -o {tmp}/a.h5",
        "'photons'",
        f"{_GENERATE} --energy 1GeV -o {{tmp}}/a.h5",
    ),
    # what is missing or too much
    (
        f"{_GENERATE} -o {{tmp}}/a.h5",
        "--energy 1GeV:100GeV",
        "generate photons -n 3 --energy 1GeV:4GeV -o {tmp}/a.h5",
    ),
    (f"{_GENERATE} -o {{tmp}}/a.h5", "--like FILE", "generate photons --like {one} -o {tmp}/a.h5"),
    (
        f"{_GENERATE} --energy 1GeV --like {{one}} -o {{tmp}}/a.h5",
        "leave out",
        f"{_GENERATE} --energy 1GeV -o {{tmp}}/a.h5",
    ),
    ("simulate gflash -n 2 -o {tmp}/a.h5", "--detector NAME", f"{_GFLASH} -o {{tmp}}/a.h5"),
    ("simulate gflash -n 2 -o {tmp}/a.h5", "moliere list detectors", "list detectors"),
    (f"{_GFLASH} -o {{tmp}}/a.h5 --resume", "leave out --resume", f"{_GFLASH} -o {{tmp}}/a.h5"),
    (
        "prepare join {one} {other} --particles e+ -o {tmp}/a.h5",
        "name one for each",
        "prepare join {one} {other} --particles e+,gamma -o {tmp}/a.h5",
    ),
    (
        f"{_GENERATE} --energy 1GeV --part test -o {{tmp}}/a.h5",
        "--like FILE",
        "generate photons --like {one} --part test -o {tmp}/a.h5",
    ),
    ("convert {one} {tmp}/a.xyz", "--to FORMAT", "convert {one} {tmp}/a.xyz --to calochallenge"),
    ("convert {one} {tmp}/a.xyz", "end in .h5", "convert {one} {tmp}/a.h5"),
    ("prepare beam {muons} -o {tmp}/a.xyz", "--to FORMAT", "prepare beam {muons} -o {tmp}/a.xyz --to fairship"),
    ("prepare beam {muons} -o {tmp}/a.xyz", "end in .h5", "prepare beam {muons} -o {tmp}/a.h5"),
    ("prepare rareness {muons} -o {tmp}/a", "--to FORMAT", "prepare rareness {muons} -o {tmp}/a --to calochallenge"),
    ("prepare smear {one} -o {tmp}/a.csv", "--to FORMAT", "prepare smear {one} -o {tmp}/a.csv --to showerdata"),
    ("prepare join {one} {other} -o {tmp}/a.csv", "end in .h5", "prepare join {one} {other} -o {tmp}/a.h5"),
    ("check {muons} --fix {tmp}/a.xyz", "--to FORMAT", "check {muons} --fix {tmp}/a.xyz --to fairship"),
    ("convert {one} {tmp}/a.root", "calochallenge (.h5)", "convert {one} {tmp}/a.h5"),
    (f"{_GFLASH} -o {{tmp}}/a.root", "write {tmp}/a.h5", f"{_GFLASH} -o {{tmp}}/a.h5"),
    # what is out of range or has no unit
    (
        f"{_GENERATE} --energy 50TeV -o {{tmp}}/a.h5",
        "--outside extrapolate",
        f"{_GENERATE} --energy 50TeV --outside extrapolate -o {{tmp}}/a.h5",
    ),
    (
        f"{_GENERATE} --energy 50TeV -o {{tmp}}/a.h5",
        "--outside gflash",
        f"{_GENERATE} --energy 5TeV --outside gflash -o {{tmp}}/a.h5",
    ),
    (f"{_GENERATE} --energy 5 -o {{tmp}}/a.h5", "GeV", f"{_GENERATE} --energy 5GeV -o {{tmp}}/a.h5"),
    (
        "simulate airshower-data -n 2 --energy 1GeV -o {tmp}/a.h5",
        "--energy 1EeV:100EeV",
        "simulate airshower-data -n 2 --energy 1EeV:100EeV -o {tmp}/a.h5",
    ),
]
#: as a report takes seconds, these stop a step later, at a suite that does not exist
_LATER = [
    (f"{_EVALUATE} --part test", "--bundle NAME", f"{_EVALUATE} --part test --bundle photons"),
    (f"{_EVALUATE} --threshold 3", "MeV", f"{_EVALUATE} --threshold 3MeV"),
    (f"{_EVALUATE} --reference-ms 3", "--bundle NAME", f"{_EVALUATE} --reference-ms 3 --bundle photons"),
]


@pytest.fixture
def places(files: Path, tmp_path: Path) -> dict[str, Path]:
    """What the command lines name: two samples, a flux of muons, a name that is taken, and a folder."""
    (tmp_path / "taken.h5").write_bytes(b"older")
    muons = tmp_path / "muons.h5"
    simulate("muons", muons, n=20)
    named = {"taken": tmp_path / "taken.h5", "one": files / "one.h5", "other": files / "other.h5"}
    return {**named, "tmp": tmp_path, "muons": muons}


def _words(line: str, places: dict[str, Path]) -> list[str]:
    return [word.format(**places) for word in line.split()]


@pytest.mark.parametrize(("refused", "advice", "followed"), _ADVICE)
def test_advice_works_when_followed(
    run: Run, places: dict[str, Path], refused: str, advice: str, followed: str
) -> None:
    first = run(*_words(refused, places))
    assert first.code == 1
    assert advice.format(**places) in " ".join(first.err.split())
    second = run(*_words(followed, places))
    assert second.code == 0, second.err


@pytest.mark.parametrize(("refused", "advice", "followed"), _LATER)
def test_advice_on_reports_leads_a_step_further(
    run: Run, places: dict[str, Path], refused: str, advice: str, followed: str
) -> None:
    first = run(*_words(refused, places), "--suite", "calochalenge")
    assert first.code == 1
    assert advice in " ".join(first.err.split())
    second = run(*_words(followed, places), "--suite", "calochalenge")
    assert "did you mean 'calochallenge'?" in second.err


def test_a_file_that_was_mended_as_advised_is_read(run: Run, files: Path, tmp_path: Path) -> None:
    broken, clean = tmp_path / "broken.h5", tmp_path / "clean.h5"
    with h5py.File(files / "one.h5") as whole, h5py.File(broken, "w") as file:
        file["incident_energies"], file["showers"] = whole["incident_energies"][:9], whole["showers"][:9]
        file["showers"][2, 3] = np.nan
    assert "moliere check FILE --fix CLEAN.h5" in run("info", broken).err
    assert run("check", broken, "--fix", clean).code == 1  # faults were found
    assert run("info", clean).code == 0
