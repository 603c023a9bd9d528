"""CaloGAN's HDF5 is read as its authors wrote it, and what is wrong with a file is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError, InvalidEvents, OutputExists
from moliere.events import Events
from moliere.events.formats import create_events, formats, open_events, read_events, write_events

Changed = Callable[..., Path]
GOLDEN = Path(__file__).parents[1] / "data" / "golden-calogan.h5"


@pytest.fixture
def events() -> Events:
    """Sparse showers with overflow."""
    rng = np.random.default_rng(0)
    signals = rng.exponential(100, (20, 504)) * (rng.random((20, 504)) < 0.3)
    extras = {"overflow": rng.random((20, 3)).astype(np.float32)}
    return Events(catalog.get("calogan"), {"energy": rng.uniform(1e4, 1e5, 20)}, signals, None, {"seed": 3}, extras)


def test_the_golden_file() -> None:
    events = read_events(GOLDEN)
    assert events.detector == catalog.get("calogan")
    assert events.energy.tolist() == [50_000, 40_000]
    # rows of phi after each other: 1·96 + 2, 288 + 3·12 + 4, 288 + 144 + 5·6 + 3
    assert {(int(k), int(c)): float(events.signals[k, c]) for k, c in np.argwhere(events.signals)} == {
        (0, 98): 1000,
        (0, 328): 20_000,
        (1, 465): 30_000,
    }
    assert events.extras["overflow"].tolist() == [[1, 2, 3], [0, 0, 0.5]]


def test_what_is_written_is_read(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events, "calogan")
    file = open_events(tmp_path / "e.h5")
    again = file.take(slice(None))
    assert again.detector == events.detector
    assert (again.signals == events.signals).all()
    assert (again.extras["overflow"] == events.extras["overflow"]).all()
    np.testing.assert_allclose(again.energy, events.energy, rtol=1e-15)
    assert dict(again.metadata) == {"seed": 3}
    assert (file.take(np.array([7, 2, 2])).signals == events.signals[[7, 2, 2]]).all()
    assert formats["calogan"].losses(events) == []


def test_losses_are_told(events: Events) -> None:
    incident = {**events.incident, "theta": np.zeros(20), "phi": np.zeros(20)}
    rich = Events(events.detector, incident, events.signals, np.ones(20), {}, {"time": np.zeros(20)})
    assert formats["calogan"].losses(rich) == ["incident columns phi, theta", "weights", "extras time"]


def test_overflow_may_be_missing(events: Events, tmp_path: Path, changed: Changed) -> None:
    assert read_events(changed(GOLDEN, overflow=None)).extras == {}
    write_events(tmp_path / "e.h5", Events(events.detector, events.incident, events.signals), "calogan")
    with h5py.File(tmp_path / "e.h5") as file:
        assert set(file) == {"layer_0", "layer_1", "layer_2", "energy"}


def test_no_events_are_a_file(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events[:0], "calogan")
    assert len(read_events(tmp_path / "e.h5")) == 0


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"layer_1": np.zeros((2, 12, 6))}, r"layer_1 has shape \(2, 12, 6\), expected \(2, 12, 12\)"),
        ({"layer_2": np.zeros((3, 12, 6))}, r"layer_2 has shape \(3, 12, 6\), expected \(2, 12, 6\)"),
        ({"energy": np.ones((2, 2))}, r"energy has shape \(2, 2\), expected \(2, 1\)"),
        ({"overflow": np.ones((2, 4))}, r"overflow has shape \(2, 4\), expected \(2, 3\)"),
        ({"layer_0": np.full((2, 3, 96), b"x")}, "'layer_0' holds .S1, expected numbers"),
        ({"layer_2": None}, r"no dataset 'layer_2'; it holds \['energy', 'layer_0'"),
        ({"energy": None}, "no dataset 'energy'"),
    ],
)
def test_wrong_files_say_what_is_wrong(datasets: dict[str, np.ndarray | None], message: str, changed: Changed) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(changed(GOLDEN, **datasets), format="calogan")


def test_energies_in_mev_are_recognised(changed: Changed) -> None:
    path = changed(GOLDEN, energy=np.array([[5e4], [4e4]]))
    with pytest.raises(InvalidEvents, match="incident energies of up to 50 TeV look like MeV that were taken for GeV"):
        read_events(path)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_files_are_recognised(keep: int, tmp_path: Path) -> None:
    (tmp_path / "cut.h5").write_bytes(GOLDEN.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(tmp_path / "cut.h5", format="calogan")


def test_other_detectors_do_not_fit(polar: Calorimeter, polar_events: Events, tmp_path: Path) -> None:
    message = "holds the cells of calogan .3 x 96, 12 x 12, 12 x 6., but detector toy-polar has 1 x 4, 4 x 3, 4 x 2"
    with pytest.raises(FormatError, match=message):
        open_events(GOLDEN, polar)
    with pytest.raises(FormatError, match=message):
        write_events(tmp_path / "e.h5", polar_events, "calogan")
    assert list(tmp_path.iterdir()) == []


def test_an_output_is_not_overwritten_unasked(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events, "calogan")
    with pytest.raises(OutputExists), create_events(tmp_path / "e.h5", events.detector, "calogan"):
        pass
    write_events(tmp_path / "e.h5", events[:2], "calogan", overwrite=True)
    assert len(read_events(tmp_path / "e.h5")) == 2
