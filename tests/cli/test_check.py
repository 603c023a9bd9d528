from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from moliere.events.formats import read_events

Run = Callable[..., Any]


@pytest.fixture
def broken(files: Path, tmp_path: Path) -> Path:
    """Ten events, of which the second holds NaN, the fifth is negative, and the eighth has no energy."""
    events = read_events(files / "one.h5")[:10]
    signals, energy = events.signals.copy(), events.energy.copy()
    signals[1, 7], signals[4, 0], energy[7] = np.nan, -3.0, 0.0
    path = tmp_path / "broken.h5"
    with h5py.File(path, "w") as file:
        file["incident_energies"], file["showers"] = energy[:, None], signals
    return path


def test_broken_events_are_found_and_dropped_on_request(run: Run, files: Path, broken: Path, tmp_path: Path) -> None:
    refused = run("info", broken)
    assert refused.code == 1
    assert "moliere check" in refused.err
    mended, page = tmp_path / "mended.h5", tmp_path / "page.html"
    outcome = run("check", broken, "--fix", mended, "--report", page)
    assert outcome.code == 1  # so that a pipeline stops
    assert "7 events kept, 3 dropped" in outcome.out
    expected = read_events(files / "one.h5").signals[[0, 2, 3, 5, 6, 8, 9]]
    assert np.array_equal(read_events(mended).signals, expected)
    assert run("check", broken, "--fix", mended).code == 1
    text = page.read_text()
    assert "3 of 10 events are faulty" in text
    assert "hold negative signals" in text


def test_a_sound_file_passes(run: Run, files: Path) -> None:
    outcome = run("check", files / "one.h5")
    assert outcome.code == 0
    assert "no fault" in outcome.out


def test_smearing_from_the_command_line(run: Run, files: Path, tmp_path: Path) -> None:
    outcome = run("prepare", "smear", files / "one.h5", "-o", tmp_path / "s.h5", "--seed", 7)
    assert outcome.code == 0
    before, after = read_events(files / "one.h5"), read_events(tmp_path / "s.h5")
    assert len(np.unique(after.energy)) == len(after)
    np.testing.assert_allclose(after.response, before.response, rtol=1e-5)
