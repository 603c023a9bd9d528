"""Negative signals are refused, clipped or kept, as a user says, and kept ones go through the whole house."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import moliere
from moliere.cli import main
from moliere.detectors import catalog, from_spec
from moliere.errors import ConfigError, InvalidEvents
from moliere.evaluation.finding import Failed
from moliere.events.check import check_source, write_clean
from moliere.events.convert import convert
from moliere.events.formats import open_events, read_events
from moliere.report.html import render_report

N = 200


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Photons with the noise of electronics, whose pedestal was subtracted."""
    events = moliere.samples.open("photons-mini")[:N]
    with h5py.File(tmp_path / "noisy.h5", "w") as file:
        file["incident_energies"] = events.energy[:, None]
        file["showers"] = events.signals + np.random.default_rng(3).normal(0, 2, events.signals.shape).astype("f4")
    return tmp_path / "noisy.h5"


def raw(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file["showers"])


def test_they_are_refused_unless_a_user_says_otherwise(noisy: Path) -> None:
    with pytest.raises(InvalidEvents, match="negative") as refused:
        read_events(noisy)
    program, *advice = refused.value.options[-1].split()  # and what is advised helps
    names = {"FILE": str(noisy), "CLEAN.h5": str(noisy.with_name("clean.h5"))}
    assert program == "moliere"
    assert main([names.get(word, word) for word in advice]) == 0
    assert (read_events(noisy.with_name("clean.h5")).signals >= 0).all()
    assert len(check_source(open_events(noisy)).reasons) == N


def test_clipped_ones_count_as_zero(noisy: Path, tmp_path: Path) -> None:
    source = moliere.open(noisy, negative="clip")
    np.testing.assert_array_equal(source.take(slice(None)).signals, np.maximum(raw(noisy), 0))
    report = check_source(source)
    assert "negative" not in {finding.check for finding in report.faults}
    write_clean(source, report, tmp_path / "clean.h5")
    assert read_events(tmp_path / "clean.h5").metadata["negative_signals"] == "clip"


def test_kept_ones_come_back_from_files_that_say_so(noisy: Path, tmp_path: Path) -> None:
    source = moliere.open(noisy, negative="keep")
    assert "negative" not in {finding.check for finding in check_source(source).findings}
    convert(source, tmp_path / "kept.h5", "calochallenge")
    again = read_events(tmp_path / "kept.h5")
    np.testing.assert_array_equal(again.signals, raw(noisy))
    assert again.detector.signed
    assert from_spec(again.detector.to_spec()) == again.detector
    assert (moliere.open(tmp_path / "kept.h5", negative="clip").take([0]).signals < 0).any()  # the file says: signed


@pytest.mark.slow
def test_kept_ones_are_evaluated(noisy: Path) -> None:
    events = moliere.open(noisy, negative="keep").take(slice(None))
    report = moliere.evaluate(events[: N // 2], events[N // 2 :], classifier_seeds=1, threads=1)
    assert not [finding for finding in report.findings if isinstance(finding, Failed)]
    assert "drawing raised" not in render_report(report)[1]


def test_several_files_are_treated_alike(noisy: Path) -> None:
    assert (moliere.open([noisy, noisy], negative="keep").take([N + 1]).signals == raw(noisy)[1]).all()


def test_what_cannot_be_is_said(noisy: Path) -> None:
    with pytest.raises(ConfigError, match="expected refuse, clip, keep"):
        moliere.open(noisy, negative="drop")  # type: ignore[arg-type]


def test_a_user_may_describe_a_signed_detector() -> None:
    spec = {**catalog.get("calogan").to_spec(), "signed": True}
    assert from_spec(spec).signed
