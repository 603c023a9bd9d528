from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere import samples
from moliere.cli import main
from moliere.events.formats import read_events, write_events

Run = Callable[..., Any]
GOLDEN = Path(__file__).parents[1] / "events" / "data" / "golden-calogan.h5"


def test_a_file_is_converted_and_the_loss_is_told(run: Run, tmp_path: Path) -> None:
    outcome = run("convert", GOLDEN, tmp_path / "out.root")
    assert outcome.code == 0
    assert "events in format calogan-root" in outcome.out
    assert "nothing is lost" in outcome.out
    points = run("convert", tmp_path / "out.root", tmp_path / "points.h5", "--to", "showerdata")
    assert "lost: extras overflow; the last bit of the signals" in points.out
    first, last = read_events(GOLDEN), read_events(tmp_path / "points.h5")
    assert ((first.signals > 0) == (last.signals > 0)).all()


def test_nothing_is_overwritten_or_guessed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.h5").write_text("precious")
    refused = run("convert", GOLDEN, tmp_path / "out.h5")
    assert refused.code == 1
    assert "--overwrite" in refused.err
    assert (tmp_path / "out.h5").read_text() == "precious"
    assert "no file" in run("convert", tmp_path / "gone.h5", tmp_path / "x.h5").err
    assert "did you mean 'calogan'" in run("convert", GOLDEN, tmp_path / "x.h5", "--to", "calogn").err


def test_published_samples_are_listed(run: Run) -> None:
    outcome = run("fetch")
    assert outcome.code == 0
    assert "calochallenge-2" in outcome.out
    assert "did you mean 'calochallenge-2'" in run("fetch", "calochalenge-2").err


def test_join_says_where_it_replaces_particles_that_files_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = samples.open("photons-mini")[:20]
    write_events(tmp_path / "one.h5", replace(events, incident={**events.incident, "pdg_id": np.full(20, 11)}))
    write_events(tmp_path / "two.h5", events)
    files = [str(tmp_path / "one.h5"), str(tmp_path / "two.h5")]
    assert main(["prepare", "join", *files, "--particles", "gamma,gamma", "-o", str(tmp_path / "o.h5")]) == 0
    said = capsys.readouterr().out
    assert "replaced the particles" in said
    assert "one.h5" in said.split("replaced")[1]
    assert "two.h5" not in said.split("replaced")[1]
    assert main(["prepare", "join", *files, "--particles", "e-,gamma", "-o", str(tmp_path / "p.h5")]) == 0
    assert "replaced" not in capsys.readouterr().out


def test_several_files_are_converted_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, part in (("a.h5", slice(0, 3)), ("b.h5", slice(3, 5))):
        write_events(tmp_path / name, samples.open("photons-mini")[part])
    names = [str(tmp_path / "a.h5"), str(tmp_path / "b.h5")]
    for given in (names, [",".join(names)], [str(tmp_path / "[ab].h5")]):
        assert main(["convert", *given, str(tmp_path / "o.h5"), "--overwrite"]) == 0
        assert len(read_events(tmp_path / "o.h5")) == 5
        assert main(["info", *given]) == 0
        assert main(["check", *given]) == 0
