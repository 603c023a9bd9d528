"""Air showers come back as they went in, silent stations included, and files that are none say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import SurfaceArray, catalog
from moliere.errors import FormatError
from moliere.events.formats import formats, open_events, read_events, write_events


def arrays(n: int = 3, n_stations: int = 81, n_bins: int = 80) -> dict[str, np.ndarray]:
    """What the public simulation writes; the first event is known by heart, half of the stations are silent."""
    rng = np.random.default_rng(0)
    array = catalog.get("airshower-9x9")
    assert isinstance(array, SurfaceArray)
    theta, phi = np.array([0.5, 0.2, 0.9])[:n], np.array([0.3, -2.0, 3.0])[:n]
    axis = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    signal, time = rng.exponential(3, (n, n_stations, n_bins)), rng.normal(0, 1e-6, (n, n_stations))
    silent = rng.random((n, n_stations)) < 0.5
    signal[silent], time[silent] = np.nan, np.nan
    return {
        "detector": array.stations[:n_stations] / 1e3,
        "logE": np.array([19.0, 18.5, 20.0])[:n],
        "mass": np.array([1, 4, 56])[:n],
        "Xmax": np.array([780.0, 700.0, 650.0])[:n],
        "showercore": rng.uniform(-700, 700, (n, 3)),
        "showeraxis": axis,
        "showermax": rng.uniform(0, 1e4, (n, 3)),
        "time": time,
        "signal": signal,
    }


def save(path: Path, **changes: Any) -> Path:
    values = {**arrays(), **changes}
    np.savez(path, **{key: value for key, value in values.items() if value is not None})
    return path


def test_the_golden_file() -> None:
    events = read_events(Path(__file__).parents[1] / "data" / "golden-airshower.npz")
    assert events.signals.tolist() == [[1, 2, 3, 0, 0.5, 0, 4, 0, 0, 0, 0, 0]]
    assert events.energy.tolist() == pytest.approx([1e13])
    assert events.incident["theta"].tolist() == pytest.approx([np.arccos(0.8)])
    np.testing.assert_allclose(events.extras["arrival_times"], [[1000, -2000, 0, np.nan]])
    assert events.extras["shower_maximum"].tolist() == [[3e6, 0, 5e6]]


def test_units_and_silent_stations(tmp_path: Path) -> None:
    events = read_events(save(tmp_path / "s.npz"))
    raw = arrays()
    assert events.detector == catalog.get("airshower-9x9")
    np.testing.assert_allclose(events.energy, [1e13, 10**12.5, 1e14])  # MeV: 10 EeV is 1e19 eV
    np.testing.assert_allclose(events.incident["theta"], [0.5, 0.2, 0.9])
    np.testing.assert_allclose(events.incident["phi"], [0.3, -2.0, 3.0])
    np.testing.assert_allclose(events.incident["core_y"], 1e3 * raw["showercore"][:, 1])
    np.testing.assert_allclose(events.extras["arrival_times"], 1e9 * raw["time"])
    traces = events.signals.reshape(3, 81, 80)
    silent = np.isnan(raw["time"])
    assert (traces[silent] == 0).all()
    np.testing.assert_allclose(traces[~silent], raw["signal"][~silent], rtol=1e-6)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    first = read_events(save(tmp_path / "s.npz"))
    write_events(tmp_path / "again.npz", first, "airshower-npz")
    again = open_events(tmp_path / "again.npz").take(np.array([2, 0, 1]))
    assert np.array_equal(again.signals, first.signals[[2, 0, 1]])
    for name, column in first.incident.items():
        np.testing.assert_allclose(again.incident[name], column[[2, 0, 1]], rtol=1e-13, atol=1e-13)
    for name, rows in first.extras.items():
        np.testing.assert_allclose(again.extras[name], rows[[2, 0, 1]], rtol=1e-15)
    with np.load(tmp_path / "again.npz") as file:
        assert np.array_equal(np.isnan(file["signal"]).all(axis=2), np.isnan(arrays()["time"]))
    (loss,) = formats["airshower-npz"].losses(first)
    assert "last bits of energies" in loss


def test_other_arrays_are_taken_from_the_file(tmp_path: Path) -> None:
    small = arrays(n_stations=16, n_bins=40)
    np.savez(tmp_path / "small.npz", **small)
    detector = open_events(tmp_path / "small.npz").detector
    assert isinstance(detector, SurfaceArray)
    assert (detector.n_stations, detector.n_bins, detector.shape) == (16, 40, (4, 4))
    with pytest.raises(FormatError, match="not those of airshower-9x9"):
        open_events(tmp_path / "small.npz", catalog.get("airshower-9x9"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logE": None}, "no array 'logE'; it holds"),
        ({"logE": np.ones(2)}, r"logE has shape \(2,\), expected \(3,\)"),
        ({"detector": np.ones((80, 3))}, r"detector has shape \(80, 3\), expected \(81, 3\)"),
        ({"signal": np.ones((3, 81))}, "expected numbers with 3 axes"),
        ({"Xmax": np.array(["a", "b", "c"])}, "expected numbers"),
    ],
)
def test_wrong_files_say_what_is_wrong(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(save(tmp_path / "s.npz", **changes), format="airshower-npz")


def test_footprints_are_told_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "maps.npz", shower_maps=np.ones((3, 9, 9, 1)))
    with pytest.raises(FormatError, match=r"maps of log10\(1 \+ S\) are no traces"):
        read_events(tmp_path / "maps.npz", format="airshower-npz")


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, tmp_path: Path) -> None:
    path = save(tmp_path / "s.npz")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(path, format="airshower-npz")
