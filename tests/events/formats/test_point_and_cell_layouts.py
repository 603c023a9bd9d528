"""HGCal challenge, CaloHadronic and step2point: golden files, written by h5py alone, put into CaloGAN's cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import MoliereError
from moliere.events import Events
from moliere.events.formats import open_events, read_events

DATA = Path(__file__).parents[1] / "data"
#: golden file → total signals in MeV, incident energies in MeV, the extra outside in MeV
EXPECTED = {
    "golden-hgcal.h5": ([3000, 3000], [50e3, 60e3], [250, 0]),
    "golden-calohadronic.h5": ([300, 0], [5e3, 6e3], [0, 300]),
    "golden-calohadronic-cells.h5": ([3000, 3000], [5e3, 6e3], None),
    "golden-step2point.h5": ([300, 0, 0], [5e3, 6e3, 7e3], [0, 0, 300]),
}


def read(name: str) -> Events:
    return read_events(DATA / name, catalog.get("calogan"))


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_files_read_as_they_always_did(name: str) -> None:
    events, (totals, energies, outside) = read(name), EXPECTED[name]
    np.testing.assert_allclose(events.signals.sum(axis=1), totals, rtol=1e-6)
    np.testing.assert_allclose(events.energy, energies, rtol=1e-6)
    if outside is not None:
        np.testing.assert_allclose(events.extras["outside"], outside, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "event", "channels"),
    [
        ("golden-hgcal.h5", 0, [287, 288 + 143]),
        ("golden-hgcal.h5", 1, [503]),
        ("golden-calohadronic-cells.h5", 0, [1, 431]),
        ("golden-calohadronic-cells.h5", 1, [503]),
        ("golden-calohadronic.h5", 0, [144, 288]),
        ("golden-step2point.h5", 0, [144, 288]),
    ],
)
def test_energy_lies_in_its_cells(name: str, event: int, channels: list[int]) -> None:
    assert np.flatnonzero(read(name).signals[event]).tolist() == channels


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("index", [[1, 0, 1], slice(1, 2), slice(0)], ids=str)
def test_rows_in_any_order(name: str, index: list[int] | slice) -> None:
    source = open_events(DATA / name, catalog.get("calogan"))
    np.testing.assert_array_equal(source.take(index).signals, source.take(slice(None))[index].signals)


def test_directions_and_particles_come_along() -> None:
    events = read("golden-step2point.h5")
    np.testing.assert_allclose(np.degrees(events.incident["theta"]), [90, 90, 53.13], atol=0.01)
    assert set(events.incident["pdg_id"]) == {22}
    assert events.extras["vertex"].shape == (3, 3)
    assert list(read("golden-hgcal.h5").incident) == ["energy", "eta", "phi"]


def test_steps_that_are_mixed_are_sorted(changed: Callable[..., Path]) -> None:
    golden = DATA / "golden-step2point.h5"
    with h5py.File(golden) as file:
        mixed = {f"steps/{key}": file["steps"][key][...][[2, 0, 1]] for key in ("event_id", "energy", "position")}
    events = read_events(changed(golden, **mixed), catalog.get("calogan"))
    np.testing.assert_array_equal(events.signals, read("golden-step2point.h5").signals)


@pytest.mark.parametrize("name", EXPECTED)
def test_without_a_detector_one_is_asked_for(name: str) -> None:
    with pytest.raises(MoliereError, match="name one"):
        open_events(DATA / name)


@pytest.mark.parametrize("name", [name for name in EXPECTED if "cells" in name or "hgcal" in name])
def test_another_detector_is_refused(name: str, polar: Calorimeter) -> None:
    with pytest.raises(MoliereError, match="name the detector of the file"):
        open_events(DATA / name, polar)


@pytest.mark.parametrize(
    ("name", "datasets", "message"),
    [
        ("golden-hgcal.h5", {"gen_info": np.ones(2)}, "expected \\(n, layers, cells\\)"),
        ("golden-hgcal.h5", {"gen_info": np.ones((3, 3))}, "expected \\(n, layers, cells\\)"),
        ("golden-hgcal.h5", {"showers": np.ones((2, 900))}, "expected \\(n, layers, cells\\)"),
        ("golden-calohadronic.h5", {"energy": np.ones(3)}, "a number an event"),
        ("golden-step2point.h5", {"steps/energy": np.ones(2)}, "expected \\(3,\\)"),
        ("golden-step2point.h5", {"steps/event_id": np.array([4, 4, 8])}, "came in in event 8"),
        ("golden-step2point.h5", {"primary/momentum": None}, "one momentum"),
        ("golden-step2point.h5", {"primary/event_id": np.array([4, 4, 9])}, "one momentum"),
        ("golden-step2point.h5", {"primary/event_id": None}, "no dataset 'primary/event_id'"),
    ],
)
def test_wrong_files_say_what_is_wrong(
    name: str, datasets: dict[str, np.ndarray], message: str, changed: Callable[..., Path]
) -> None:
    with pytest.raises(MoliereError, match=message):
        read_events(changed(DATA / name, **datasets), catalog.get("calogan"))
