"""3DGAN's HDF5 is read as its authors wrote it, and what is wrong with a file is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError, InvalidEvents
from moliere.events import Events
from moliere.events.formats import formats, open_events, read_events, write_events

GOLDEN = Path(__file__).parents[1] / "data" / "golden-3dgan.h5"


@pytest.fixture
def events() -> Events:
    """Sparse showers at angles."""
    rng = np.random.default_rng(0)
    signals = np.zeros((5, 65025), np.float32)
    signals[:, rng.integers(0, 65025, 200)] = rng.exponential(100, (5, 200))
    incident = {"energy": rng.uniform(2e3, 5e5, 5), "theta": rng.uniform(1, 2, 5), "mtheta": rng.uniform(1, 2, 5)}
    return Events(catalog.get("3dgan"), incident, signals, None, {"seed": 3})


def broken(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def test_the_golden_file() -> None:
    events = read_events(GOLDEN)
    assert events.detector == catalog.get("3dgan")
    assert events.energy.tolist() == [100_000, 200_000]
    assert events.incident["theta"].tolist() == [np.pi / 2, np.pi / 3]
    blocks = events.detector.grid(events.signals)  # type: ignore[attr-defined]
    # ECAL[event, x, y, z] of GeV x 50 → [event, layer, x, y] of MeV
    assert {tuple(map(int, at)): float(blocks[tuple(at)]) for at in np.argwhere(blocks)} == {
        (0, 10, 25, 25): 1000,
        (0, 24, 30, 2): 2000,
        (1, 0, 0, 50): 4000,
    }


def test_what_is_written_is_read(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events, "3dgan")
    file = open_events(tmp_path / "e.h5")
    again = file.take(slice(None))
    assert again.detector == events.detector
    np.testing.assert_allclose(again.signals, events.signals, rtol=2e-7)
    assert ((again.signals > 0) == (events.signals > 0)).all()
    np.testing.assert_allclose(again.energy, events.energy, rtol=1e-15)
    assert (again.incident["mtheta"] == events.incident["mtheta"]).all()
    assert set(again.incident) == {"energy", "theta", "mtheta"}
    assert dict(again.metadata) == {"seed": 3}
    assert (file.take(np.array([3, 1])).signals == again.signals[[3, 1]]).all()


def test_written_files_are_the_published_layout(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events, "3dgan")
    with h5py.File(tmp_path / "e.h5") as file:
        assert file["ECAL"].shape == (5, 51, 51, 25)
        assert file["ECAL"].dtype == np.float32
        assert file["ECAL"].chunks[0] <= 4  # an event is read without unpacking many others
        np.testing.assert_allclose(file["ECAL"][...].sum() / 50, events.signals.sum() / 1000, rtol=1e-5)
        np.testing.assert_allclose(file["energy"][...], events.energy / 1000)


def test_losses_are_told(events: Events) -> None:
    rounding = "the last bit of the signals (single precision in GeV x 50)"
    assert formats["3dgan"].losses(events) == [rounding]
    rich = Events(events.detector, {**events.incident, "phi": np.zeros(5)}, events.signals, np.ones(5))
    assert formats["3dgan"].losses(rich) == ["incident columns phi", "weights", rounding]


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"ECAL": np.ones((1, 25, 25, 25)), "energy": np.ones(1)}, r"ECAL has shape \(1, 25, 25, 25\), expected"),
        (
            {"ECAL": np.ones((1, 51, 51, 25)), "energy": np.ones(2)},
            r"energy has shape \(2,\), expected \(1,\)",
        ),
        (
            {"ECAL": np.ones((1, 51, 51, 25)), "energy": np.ones(1), "theta": np.ones((1, 3))},
            r"theta has shape \(1, 3\), expected",
        ),
        ({"ECAL": np.ones((1, 51, 51, 25))}, "no dataset 'energy'"),
        ({"energy": np.ones(1)}, "no dataset 'ECAL'"),
        ({"ECAL": np.full((1, 51, 51, 25), b"x"), "energy": np.ones(1)}, "expected numbers"),
    ],
)
def test_wrong_files_say_what_is_wrong(datasets: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(broken(tmp_path / "x.h5", **datasets), format="3dgan")


def test_energies_in_mev_are_recognised(tmp_path: Path) -> None:
    image = np.zeros((2, 51, 51, 25), np.float32)
    image[:, 25, 25, 10] = 50
    with pytest.raises(InvalidEvents, match="signals look like GeV"):
        read_events(broken(tmp_path / "x.h5", ECAL=image, energy=np.array([1000.0, 1000.0])))


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, tmp_path: Path) -> None:
    (tmp_path / "cut.h5").write_bytes(GOLDEN.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(tmp_path / "cut.h5", format="3dgan")


def test_other_detectors_do_not_fit(polar: Calorimeter) -> None:
    with pytest.raises(FormatError, match=r"holds the cells of 3dgan \(25 of 51 x 51\), but detector toy-polar has"):
        open_events(GOLDEN, polar)


def test_the_first_productions_target_is_the_energy(changed: Callable[..., Path]) -> None:
    target = np.zeros((2, 1, 5))
    target[:, 0, 1] = [1.0, 4.0]
    path = changed(GOLDEN, energy=None)
    with h5py.File(path, "a") as file:
        file["target"] = target
    assert read_events(path).energy.tolist() == [1000, 4000]
    with h5py.File(path, "a") as file:
        file["target"][...] = target * 1000
    with pytest.raises(FormatError, match=r"ECAL, taken as GeV x 50, holds"):
        read_events(path)
