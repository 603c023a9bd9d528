"""CaloGAN's ROOT tree is read as its Geant4 program wrote it, and what is wrong with a file is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import FormatError, InvalidEvents
from moliere.events import Events
from moliere.events.formats import formats, open_events, read_events, root, write_events

uproot = pytest.importorskip("uproot")


def branches() -> dict[str, np.ndarray]:
    """The two positrons of the golden HDF5 file."""
    columns = {f"cell_{k}": np.zeros(2) for k in range(507)}
    columns["cell_98"][0], columns["cell_328"][0], columns["cell_465"][1] = 1000, 20_000, 30_000
    columns["cell_504"][0], columns["cell_506"][1] = 1, 0.5
    return {**columns, "TotalEnergy": np.array([50.0, 40.0])}


def write(path: Path, **trees: dict[str, Any]) -> Path:
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            types = {key: np.dtype((values.dtype, values.shape[1:])) for key, values in columns.items()}
            file.mktree(name, types).extend(columns)
    return path


@pytest.fixture(scope="module")
def positrons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as others write it, beside a tree of other things."""
    folder = tmp_path_factory.mktemp("root")
    return write(folder / "e.root", other={"x": np.zeros(3)}, plz_work=branches())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, events: Events) -> Path:
    """A file as moliere writes it."""
    path = tmp_path_factory.mktemp("root") / "e.root"
    write_events(path, events, "calogan-root")
    return path


@pytest.fixture(scope="module")
def events() -> Events:
    """Sparse showers with overflow."""
    rng = np.random.default_rng(0)
    signals = rng.exponential(100, (50, 504)) * (rng.random((50, 504)) < 0.3)
    extras = {"overflow": rng.random((50, 3)).astype(np.float32)}
    return Events(catalog.get("calogan"), {"energy": rng.uniform(1e4, 1e5, 50)}, signals, None, {"seed": 3}, extras)


def test_a_tree_of_any_name_is_found(positrons: Path) -> None:
    events = read_events(positrons)
    assert events.detector == catalog.get("calogan")
    assert events.energy.tolist() == [50_000, 40_000]
    assert np.argwhere(events.signals).tolist() == [[0, 98], [0, 328], [1, 465]]
    assert events.extras["overflow"].tolist() == [[1, 0, 0], [0, 0, 0.5]]
    hdf5 = read_events(Path(__file__).parents[1] / "data" / "golden-calogan.h5")
    assert (events.signals == hdf5.signals).all()


def test_what_is_written_is_read(events: Events, written: Path) -> None:
    again = read_events(written)
    assert (again.signals == events.signals).all()
    assert (again.extras["overflow"] == events.extras["overflow"]).all()
    np.testing.assert_allclose(again.energy, events.energy, rtol=1e-15)
    assert formats["calogan-root"].losses(events) == ["provenance"]
    with uproot.open(written) as file:
        assert file["fancy_tree"].num_entries == 50


def test_lazy_reading_takes_the_same_events(events: Events, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "RANGE", 16)  # so that fifty rows lie in several ranges
    file = open_events(written)
    indices: list[Any] = [slice(3, 40, 5), slice(20, 3, -3), np.array([7, 2, 2, 49]), np.arange(50) % 3 == 0]
    for index in indices:
        part = file.take(index)
        assert (part.signals == events[index].signals).all()
        assert (part.extras["overflow"] == events[index].extras["overflow"]).all()


def test_overflow_may_be_missing_and_no_events_are_a_file(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.root", Events(events.detector, events.incident, events.signals)[:0], "calogan-root")
    again = read_events(tmp_path / "e.root")
    assert len(again) == 0
    assert again.extras == {}


def test_a_file_without_the_tree_lists_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.root", run={"seed": np.array([1])}, hits={"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(
        FormatError, match="no tree with branches cell_0 … cell_503 and TotalEnergy; it holds tree 'run'"
    ):
        read_events(path, format="calogan-root")
    with pytest.raises(FormatError, match="tree 'hits' with branches a, b"):
        read_events(path, format="calogan-root")


def test_a_tree_of_fewer_cells_is_none(tmp_path: Path) -> None:
    columns = branches()
    del columns["cell_17"]
    with pytest.raises(FormatError, match=r"it holds tree 't' with branches cell_0, cell_1, .* cell_11, …"):
        read_events(write(tmp_path / "x.root", t=columns), format="calogan-root")


def test_two_trees_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"several trees \(a, b\)"):
        read_events(write(tmp_path / "x.root", a=branches(), b=branches()))


def test_branches_of_lists_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.root", t={**branches(), "cell_3": np.zeros((2, 2))})
    with pytest.raises(FormatError, match=r"branch cell_3 holds double.2., expected one number an event"):
        read_events(path)


def test_energies_in_mev_are_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "x.root", t={**branches(), "TotalEnergy": np.array([5e4, 4e4])})
    with pytest.raises(InvalidEvents, match="incident energies of up to 50 TeV look like MeV that were taken for GeV"):
        read_events(path)


@pytest.mark.parametrize("keep", [0, 3, 50, 1000, 60_000])
def test_truncated_files_are_recognised(keep: int, positrons: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.root"
    path.write_bytes(positrons.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r"not a ROOT file|truncated"):
        read_events(path, format="calogan-root")


def test_other_detectors_do_not_fit(polar: Calorimeter, polar_events: Events, positrons: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds the cells of calogan"):
        open_events(positrons, polar)
    with pytest.raises(FormatError, match="holds the cells of calogan"):
        write_events(tmp_path / "p.root", polar_events, "calogan-root")
    assert not (tmp_path / "p.root").exists()
