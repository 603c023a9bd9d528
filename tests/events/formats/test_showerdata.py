"""Point clouds of ShowerData become signals of any calorimeter, and signals become point clouds."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError, InvalidEvents
from moliere.events import Events
from moliere.events.formats import formats, open_events, read_events, write_events

GOLDEN = Path(__file__).parents[1] / "data" / "golden-showerdata.h5"


def changed(path: Path, **datasets: np.ndarray | list[list[float]] | None) -> Path:
    """A copy of the golden file with some datasets replaced or taken out."""
    path.write_bytes(GOLDEN.read_bytes())
    with h5py.File(path, "a") as file:
        for name, values in datasets.items():
            del file[name]
            if isinstance(values, list):
                clouds = file.create_dataset(name, (len(values),), h5py.vlen_dtype(np.float32))
                for k, cloud in enumerate(values):
                    clouds[k] = np.array(cloud, np.float32)
            elif values is not None:
                file[name] = values
    return path


def test_the_golden_file() -> None:
    events = read_events(GOLDEN, catalog.get("calogan"), "showerdata")
    assert events.energy.tolist() == [5000, 6000, 7000]
    assert events.incident["pdg_id"].tolist() == [22, 11, 22]
    # the second flies along (0, 0.6, 0.8): towards the beam line's end, straight in azimuth
    np.testing.assert_allclose(events.incident["theta"], [np.pi / 2, np.arccos(0.6), np.pi / 2], atol=1e-7)
    np.testing.assert_allclose(events.incident["phi"], 0, atol=1e-7)
    # layer 0: row 1 of 3, column 48 of 96; layer 1: its first cell
    found = {(int(k), int(c)): round(float(events.signals[k, c]), 3) for k, c in np.argwhere(events.signals)}
    assert found == {(0, 144): 100, (0, 288): 200}
    # one point beside the calorimeter, one in a layer that does not exist
    np.testing.assert_allclose(events.extras["outside"], [0, 700, 0], rtol=1e-6)


@pytest.mark.parametrize("toy", ["polar_events", "cartesian_events"])
def test_what_is_written_is_read(toy: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    plain: Events = request.getfixturevalue(toy)
    n = len(plain)
    angles = {"theta": np.linspace(0.1, 3, n), "phi": np.linspace(-3, 3, n)}
    events = Events(plain.detector, {**plain.incident, **angles, "pdg_id": np.full(n, -11)}, plain.signals)
    write_events(tmp_path / "e.h5", events, "showerdata")
    file = open_events(tmp_path / "e.h5", format="showerdata")
    again = file.take(slice(None))
    assert again.detector == events.detector
    assert ((again.signals > 0) == (events.signals > 0)).all()
    np.testing.assert_allclose(again.signals, events.signals, rtol=2e-7)
    assert again.extras["outside"].sum() == 0
    for name in ("energy", "theta", "phi", "pdg_id"):
        np.testing.assert_allclose(again.incident[name], events.incident[name], rtol=1e-12, atol=1e-12)
    part = file.take(np.array([5, 0, 5]))
    assert (part.signals == again.signals[[5, 0, 5]]).all()


def test_written_files_are_the_published_layout(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", polar_events[:10], "showerdata")
    with h5py.File(tmp_path / "e.h5") as file:
        counts = (polar_events.signals[:10] > 0).sum(axis=1)
        assert file["num_points"][...].tolist() == counts.tolist()
        assert file["shape"][...].tolist() == [10, counts.max(), 4]
        assert file["shape"].dtype.kind == "i"
        assert file["shower_ids"][...].tolist() == list(range(10))
        assert file["energies"].shape == (10, 1)
        assert file["directions"][...].tolist() == [[0, 0, 1]] * 10
        assert file["pdg"][...].tolist() == [0] * 10
        cloud = file["showers"][3].reshape(-1, 4)
    assert set(cloud[:, 2]) <= {0, 1, 2}
    np.testing.assert_allclose(cloud[:, 3].sum() * 1000, polar_events.signals[3].sum(), rtol=1e-6)
    again = read_events(tmp_path / "e.h5", format="showerdata")
    assert set(again.incident) == {"energy"}


def test_no_events_are_a_file(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", polar_events[:0], "showerdata")
    assert len(read_events(tmp_path / "e.h5", format="showerdata")) == 0


def test_losses_are_told(polar_events: Events) -> None:
    rounding = "the last bit of the signals (single precision in GeV)"
    assert formats["showerdata"].losses(polar_events) == [rounding]
    n = len(polar_events)
    incident = {**polar_events.incident, "theta": np.zeros(n), "eta": np.zeros(n)}
    rich = Events(polar_events.detector, incident, polar_events.signals, np.ones(n), {}, {"outside": np.ones(n)})
    assert formats["showerdata"].losses(rich) == ["incident columns eta", "weights", "extras outside", rounding]


def test_it_is_recognised() -> None:
    assert formats["showerdata"].sniff(GOLDEN)
    assert not formats["showerdata"].sniff(GOLDEN.with_name("golden.h5"))


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"energies": None}, "no dataset 'energies'"),
        ({"showers": None}, "no dataset 'showers' of lists of numbers"),
        ({"showers": np.ones((3, 4))}, "no dataset 'showers' of lists of numbers"),
        ({"shape": np.array([3, 2, 7])}, r"shape is \[3, 2, 7\], expected \[3, most points, 4 or 5\]"),
        ({"shape": np.array([2, 2, 5])}, "for 3 showers"),
        ({"energies": np.ones((2, 1))}, r"energies has shape \(2, 1\), expected \(3, 1\)"),
        ({"directions": np.ones((3, 2))}, r"directions has shape \(3, 2\), expected \(3, 3\)"),
        ({"pdg": np.array([b"a", b"b", b"c"])}, "expected numbers"),
        ({"showers": [[1.0] * 5, [1.0] * 9, []]}, "shower 1 holds 9 numbers, no multiple of 5 a point"),
    ],
)
def test_wrong_files_say_what_is_wrong(
    datasets: dict[str, np.ndarray | list[list[float]] | None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(changed(tmp_path / "x.h5", **datasets), catalog.get("calogan"), "showerdata")


def test_a_detector_is_needed() -> None:
    with pytest.raises(FormatError, match="no detector was named; name one"):
        read_events(GOLDEN, format="showerdata")


def test_energies_in_mev_are_recognised(tmp_path: Path) -> None:
    showers = [[0.5, 0.5, 0, 4.0, 0]] * 3
    path = changed(tmp_path / "x.h5", energies=np.full((3, 1), 5000.0), showers=showers)
    with pytest.raises(InvalidEvents, match="signals look like GeV"):
        read_events(path, catalog.get("calogan"), "showerdata")


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, polar: Calorimeter, tmp_path: Path) -> None:
    (tmp_path / "cut.h5").write_bytes(GOLDEN.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(tmp_path / "cut.h5", polar, "showerdata")


@pytest.mark.parametrize("n", [1, 2, 7])
def test_showers_of_one_length(n: int, tmp_path: Path) -> None:
    detector = catalog.get("calogan")
    signals = np.full((n, detector.n_channels), 2.0, np.float32)
    write_events(tmp_path / "x.h5", Events(detector, {"energy": np.full(n, 5e3)}, signals), "showerdata")
    np.testing.assert_allclose(read_events(tmp_path / "x.h5", detector).signals, signals)
