from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from moliere.events.formats import read_events

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
