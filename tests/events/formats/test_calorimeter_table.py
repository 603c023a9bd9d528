"""Tables of a calorimeter, a column a cell or a row a hit, in Parquet, CSV and npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere import samples
from moliere.detectors import catalog
from moliere.errors import FormatError
from moliere.events.convert import choose_format, convert
from moliere.events.formats import open_events, read_events

N = 20


def write_csv(path: Path, columns: dict[str, np.ndarray]) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(repr, map(float, row))) for row in rows)]) + "\n")
    return path


def hits(*, positions: bool = False) -> dict[str, np.ndarray]:
    columns = {"event": [7, 3, 7, 3], "energy": [6e3, 5e3, 6e3, 5e3], "hit_e": [300, 100, 50, 200]}
    if positions:
        columns |= {"hit_x": [9e3, 0.5, 0.5, -239], "hit_y": [0, 0.5, 0.5, -239], "hit_z": [100, 10, 10, 100]}
    else:
        columns |= {"channel": [503, 144, 144, 288]}
    return {name: np.array(values, float) for name, values in columns.items()}


@pytest.mark.parametrize("ending", [".parquet", ".npz"])
def test_cells_are_written_and_read(ending: str, tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:N]
    path = tmp_path / f"showers{ending}"
    assert convert(events, path, choose_format(path, "calorimeter")) == []
    again = read_events(path)
    assert again.detector == events.detector
    np.testing.assert_array_equal(again.signals, events.signals)
    np.testing.assert_array_equal(again.energy, events.energy)


@pytest.mark.parametrize("first", [0, 1])
def test_cells_of_csv_are_counted_from_0_or_1(first: int, tmp_path: Path) -> None:
    events = samples.open("photons-mini")[:N]
    cells = {f"voxel{k + first}": signals for k, signals in enumerate(events.signals.T)}
    path = write_csv(tmp_path / "x.csv", {"mc_energy": events.energy, "z": np.arange(N), **cells})
    again = read_events(path)
    assert again.detector.name == "calochallenge-1-photons"
    np.testing.assert_array_equal(again.signals, events.signals)
    np.testing.assert_array_equal(again.incident["z"], np.arange(N))


@pytest.mark.parametrize("positions", [False, True])
def test_hits_of_csv_are_put_into_cells(positions: bool, tmp_path: Path) -> None:
    events = read_events(write_csv(tmp_path / "x.csv", hits(positions=positions)), catalog.get("calogan"))
    np.testing.assert_array_equal(events.energy, [5e3, 6e3])
    assert np.flatnonzero(events.signals[0]).tolist() == [144, 288]
    assert events.signals[1, 144] == 50
    assert events.extras["outside"].tolist() == ([0, 300] if positions else [0, 0])


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", hits())
    with pytest.raises(FormatError, match="name one"):
        open_events(path)
    with pytest.raises(FormatError, match="channel 503, but toy"):
        open_events(path, samples.open("photons-mini").detector.__class__("toy", catalog.get("calogan").layers[:1]))
    mixed = hits()
    mixed["energy"][0] = 1.0
    with pytest.raises(FormatError, match="different values of 'energy'"):
        open_events(write_csv(tmp_path / "x.csv", mixed), catalog.get("calogan"))
    cells = {"energy": np.ones(2), "cell_0": np.ones(2), "cell_1": np.ones(2)}
    with pytest.raises(FormatError, match="2 columns of cells"):
        open_events(write_csv(tmp_path / "x.csv", cells), catalog.get("calogan"))


@pytest.mark.parametrize(
    "text",
    ["energy,cell_0,cell_1\n1,2\n", "energy,cell_0,cell_1\n1,2,x\n", "energy,cell_0,cell_1\n" + "1" * 10_000_000],
    ids=["short", "word", "long"],
)
def test_damaged_csv_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(FormatError, match=r"x\.csv"):
        read_events(tmp_path / "x.csv", catalog.get("calogan"))
