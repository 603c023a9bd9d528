"""Tables of particles come back with their detector, and wrong ones name the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.errors import FormatError, MissingExtra
from moliere.events import Events
from moliere.events.formats import formats, open_events, read_events, write_events

SPACE = PhaseSpace("beam", (Column("x", "mm"), Column("pz", "MeV")))


@pytest.fixture
def events() -> Events:
    signals = np.array([[1.5, 2e3], [-2.5, 4e3], [0.0, 8e3]], np.float32)
    return Events(SPACE, {"pdg_id": np.array([13, -13, 13])}, signals, np.array([1.0, 0.5, 7.0]), {"seed": 3})


def test_the_golden_file() -> None:
    events = read_events(Path(__file__).parents[1] / "data" / "golden-table.npz")
    assert events.detector == catalog.get("ship-muons")
    assert events.signals.tolist() == [[1, 10, 0, -7e4, 500, 0, 2e4], [-1, -20, 5, -6.6e4, -250, 100, 1e5]]
    assert events.weights is not None
    assert events.weights.tolist() == [1, 2.5]


@pytest.mark.parametrize("ending", ["parquet", "npz"])
def test_what_is_written_is_read(events: Events, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    write_events(path, events, "table")
    again = read_events(path)
    assert again.detector == SPACE
    assert np.array_equal(again.signals, events.signals)
    assert again.incident["pdg_id"].tolist() == [13, -13, 13]
    assert again.weights is not None
    assert again.weights.tolist() == [1.0, 0.5, 7.0]
    assert again.metadata["seed"] == 3
    assert formats["table"].losses(events) == []


def test_foreign_tables_are_recognised_by_their_columns(tmp_path: Path) -> None:
    space = catalog.get("ship-muons")
    assert isinstance(space, PhaseSpace)
    columns = {column.name: np.full(5, float(k)) for k, column in enumerate(space.columns)}
    np.savez(tmp_path / "mu.npz", **columns, weight=np.ones(5))  # type: ignore[arg-type]
    read = open_events(tmp_path / "mu.npz")
    assert read.detector == space
    table = np.zeros(5, [(name, "f8") for name in columns])
    np.save(tmp_path / "mu.npy", table)
    assert len(read_events(tmp_path / "mu.npy")) == 5


def test_wrong_tables_say_what_is_wrong(events: Events, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(3), pzz=np.ones(3))
    with pytest.raises(FormatError, match=r"no column 'pz', which beam is made of; did you mean 'pzz'\?"):
        read_events(tmp_path / "a.npz", SPACE)
    with pytest.raises(FormatError, match="fits no phase space I know; name one"):
        read_events(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.ones(3), pz=np.ones(2))
    with pytest.raises(FormatError, match="columns of different lengths"):
        read_events(tmp_path / "b.npz", SPACE, "table")
    np.savez(tmp_path / "c.npz", x=np.ones(3), pz=np.array(["a", "b", "c"]))
    with pytest.raises(FormatError, match="column 'pz' holds <U1, expected a number a row"):
        read_events(tmp_path / "c.npz", SPACE)
    np.save(tmp_path / "d.npy", np.ones((3, 2)))
    with pytest.raises(FormatError, match="a table is one with named columns"):
        read_events(tmp_path / "d.npy", SPACE, "table")
    with pytest.raises(FormatError, match="detector calogan is a calorimeter"):
        read_events(tmp_path / "a.npz", catalog.get("calogan"))
    with pytest.raises(FormatError, match=r"tables are files that end in \.parquet or \.npz"):
        write_events(tmp_path / "t.npy", events, "table")


@pytest.mark.parametrize("ending", ["parquet", "npz"])
@pytest.mark.parametrize("keep", [0, 8, 60])
def test_truncated_files_are_recognised(events: Events, ending: str, keep: int, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    write_events(path, events, "table")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match="truncated"):
        read_events(path, format="table")


def test_without_pyarrow_the_extra_is_named(events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r'pip install "moliere\[parquet\]"'):
        write_events(tmp_path / "t.parquet", events, "table")
