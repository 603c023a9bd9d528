from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.evaluation import Report

Run = Callable[..., Any]


@pytest.mark.slow
def test_a_page_and_its_numbers_are_written_and_kept(run: Run, files: Path, trained: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", files / "one.h5", files / "other.h5", "-o", tmp_path, "--threads", 1]
    speed = ["--bundle", trained / "tiny.bundle", "--reference-ms", 12, "--reference-on", "one core"]
    suite = ["--suite", "calochallenge", "--classifier-seeds", 0]
    outcome = run(*arguments, *speed, *suite, "--max-events", 100, "--fail-if", "separation-mean>=0")
    assert outcome.code == 1
    assert "failed: separation-mean>=0" in outcome.out
    assert "separation power E_tot / E_inc" in outcome.out
    assert "no verdict: classifiers, which decide it, were left out" in outcome.out
    assert "warning: 100 events are too few" in outcome.out
    assert (tmp_path / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    report = Report.from_dict(json.loads((tmp_path / "report.json").read_text()))
    assert (report.reference.n_events, report.reference.n_used) == (120, 100)
    assert report.timing is not None
    assert (report.timing.reference_ms, report.timing.reference_on) == (12, "one core")
    assert "thread" in report.timing.device
    again = run(*arguments)
    assert again.code == 1
    assert "--overwrite" in again.err


def test_a_suite_that_nobody_has_is_named(run: Run, files: Path, tmp_path: Path) -> None:
    outcome = run("evaluate", files / "one.h5", files / "other.h5", "-o", tmp_path / "q", "--suite", "calochalenge")
    assert "did you mean 'calochallenge'" in outcome.err


@pytest.mark.parametrize(
    ("option", "value", "message"), [("--part", "test", "needs --bundle"), ("--reference-ms", 3, "add --bundle")]
)
def test_options_of_a_bundle_need_one(
    run: Run, files: Path, tmp_path: Path, option: str, value: object, message: str
) -> None:
    outcome = run("evaluate", files / "one.h5", files / "other.h5", option, value, "-o", tmp_path / "x")
    assert outcome.code == 1
    assert message in outcome.err
    assert not (tmp_path / "x").exists()


def test_samples_of_different_detectors_are_refused(run: Run, files: Path, tmp_path: Path) -> None:
    other = tmp_path / "electrons.h5"
    assert run("simulate", "gflash", "--detector", "calochallenge-2", "-n", 3, "-o", other).code == 0
    outcome = run("evaluate", files / "one.h5", other, "-o", tmp_path / "x")
    assert outcome.code == 1
    assert "368" in outcome.err
    assert "6480" in outcome.err
