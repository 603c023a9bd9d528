from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from moliere.events.formats import read_events

Run = Callable[..., Any]


def rows(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines())


@pytest.mark.parametrize("name", ["photons-mini", "one.h5"])
def test_events(run: Run, files: Path, name: str) -> None:
    outcome = run("info", files / name if name.endswith(".h5") else name)
    assert outcome.code == 0
    found = rows(outcome.out)
    assert "calochallenge-1-photons; energy 256 MeV – 32.8 GeV" in found["events"]
    assert found["columns"] == "energy"
    assert 0.9 < float(found["response"].split()[0]) < 1.1
    assert found["geant4"] == "11.4.1"


def test_a_bundle_and_its_recipe(run: Run, trained: Path) -> None:
    found = rows(run("info", trained / "tiny.bundle").out)
    assert found["validity"] == "energy 256 MeV – 32.8 GeV"
    assert found["iterations"] == "5"
    assert "arXiv" in found["cite"]
    recipe = tomllib.loads(run("info", trained / "tiny.bundle", "--recipe").out)
    assert recipe["training"]["batch_size"] == 16


def test_a_detector(run: Run) -> None:
    assert "504 channels in 3 layers" in run("info", "calogan").out


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


def test_broken_events_are_counted_and_dropped_on_request(run: Run, files: Path, broken: Path, tmp_path: Path) -> None:
    refused = run("info", broken)
    assert refused.code == 1
    assert "--drop-broken" in refused.err
    mended = tmp_path / "mended.h5"
    outcome = run("info", broken, "--drop-broken", mended)
    assert outcome.code == 0
    assert "7 events kept, 3 dropped" in outcome.out
    expected = read_events(files / "one.h5").signals[[0, 2, 3, 5, 6, 8, 9]]
    assert np.array_equal(read_events(mended).signals, expected)
    assert run("info", broken, "--drop-broken", mended).code == 1
