"""Auger's open data: one event a file, stations put into one array."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.errors import FormatError, InvalidEvents
from moliere.events.formats import open_events, read_events


def station(number: int, **other: Any) -> dict[str, Any]:
    place = {"id": number, "x": 1500.0 * number, "y": 0.0, "z": 1400.0, "t": 100.0 * number, "isSelected": 1}
    return {**place, "signal": 6.0, "pmt1": [1.0, 2.0, 3.0], "pmt2": [3.0, 4.0, -1e-3], "pmt3": [], **other}


def write(path: Path, *stations: dict[str, Any], **sdrec: float) -> Path:
    about = {"energy": 10.0, "theta": 30.0, "phi": 90.0, "x": 1.0, "y": 2.0, "z": 1400.0, **sdrec}
    path.write_text(json.dumps({"id": 1, "sdrec": about, "stations": list(stations)}))
    return path


def test_an_event_is_read(tmp_path: Path) -> None:
    events = read_events(write(tmp_path / "Auger_1.json", station(1), station(2, isSelected=0), station(3)))
    assert events.detector.name == "Auger_1"
    np.testing.assert_allclose(events.signals, [[2, 3, 1.4995] * 2], rtol=1e-6)
    np.testing.assert_allclose(events.energy, 1e13)
    np.testing.assert_allclose(np.degrees(events.incident["theta"]), 30)
    np.testing.assert_allclose(events.incident["core_y"], 2000)
    np.testing.assert_array_equal(events.extras["arrival_times"], [[100, 300]])


def test_a_folder_is_one_sample_of_all_stations(tmp_path: Path) -> None:
    write(tmp_path / "a.json", station(1), energy=5.0)
    write(tmp_path / "b.json", station(2, pmt1=[1.0] * 5, pmt2=[]))
    source = open_events(tmp_path)
    assert (len(source), source.detector.n_channels) == (2, 10)
    events = source.take([1, 0])
    np.testing.assert_array_equal(events.signals[0].reshape(2, 5), [[0] * 5, [1] * 5])
    assert np.isnan(events.extras["arrival_times"][0, 0])


@pytest.mark.parametrize(("negative", "last"), [("clip", 0.0), ("keep", -0.5)])
def test_a_user_says_what_becomes_of_noise_below_the_pedestal(negative: Any, last: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", station(1, pmt2=[3.0, 4.0, -4.0]))
    with pytest.raises(InvalidEvents, match="negative"):
        read_events(path)
    assert read_events(path, negative=negative).signals[0, 2] == last


@pytest.mark.parametrize(
    "change",
    [{"x": "far"}, {"pmt1": [1.0]}, {"pmt1": ["a", "b", "c"]}, {"pmt1": [[1.0]], "pmt2": []}, {"id": None, "y": None}],
    ids=str,
)
def test_damaged_stations_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_events(write(tmp_path / "a.json", station(1, **change)))


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"sdrec": 3, "stations": 4}', "[" * 100_000, ""], ids=lambda text: text[:9]
)
def test_other_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError):
        open_events(tmp_path / "a.json")


def test_a_station_that_the_array_lacks_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", station(70))
    with pytest.raises(FormatError, match="station 70 stands where airshower-9x9 has none"):
        read_events(path, catalog.get("airshower-9x9"))
    with pytest.raises(FormatError, match="surface-array"):
        open_events(path, catalog.get("calogan"))
