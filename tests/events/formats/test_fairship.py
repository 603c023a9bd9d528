"""FairShip's muons come back with weights, units and everything that travels with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from moliere.detectors import catalog
from moliere.errors import FormatError
from moliere.events import Events
from moliere.events.formats import formats, open_events, read_events, write_events

FLUX = ("id", "w", "x", "y", "z", "px", "py", "pz")


def branches(n: int = 4) -> dict[str, np.ndarray]:
    """Two muons of each charge behind SHiP's target: m, GeV."""
    return {
        "id": np.array([13.0, -13.0, 13.0, -13.0])[:n],
        "w": np.array([1.0, 768.75, 0.5, 2.0])[:n],
        "x": np.array([0.05, -0.02, 0.0, 0.1])[:n],
        "y": np.array([0.0, 0.03, -0.05, 0.1])[:n],
        "z": np.array([-70.0, -66.5, -65.0, -64.7])[:n],
        "px": np.array([0.5, -1.25, 0.0, 2.0])[:n],
        "py": np.array([0.1, 0.2, -3.0, 0.0])[:n],
        "pz": np.array([12.0, 100.0, 350.0, 45.5])[:n],
        "event_id": np.array([7.0, 7.0, 8.0, 9.0])[:n],
        "process_id": np.array([23.0, 0.0, 5.0, 1.0])[:n],
    }


def save(path: Path, tree: str = "pythia8-Geant4", **changes: Any) -> Path:
    columns = {name: values for name, values in {**branches(), **changes}.items() if values is not None}
    with uproot.recreate(path) as file:
        file.mktree(tree, {name: values.dtype for name, values in columns.items()})
        file[tree].extend(columns)
    return path


def test_units_charge_and_weights(tmp_path: Path) -> None:
    events = read_events(save(tmp_path / "mu.root", "any-name"))
    assert events.detector == catalog.get("ship-muons")
    # charge, x, y, z in mm, px, py, pz in MeV
    np.testing.assert_allclose(events.signals[1], [1, -20, 30, -66500, -1250, 200, 100_000], rtol=1e-6)
    assert events.signals[:, 0].tolist() == [-1, 1, -1, 1]
    assert events.weights is not None
    assert events.weights.tolist() == [1.0, 768.75, 0.5, 2.0]
    assert events.extras["event_id"].tolist() == [7, 7, 8, 9]
    assert set(events.extras) == {"event_id", "process_id"}


def test_what_is_written_is_read_and_is_fairships(tmp_path: Path) -> None:
    first = read_events(save(tmp_path / "mu.root"))
    write_events(tmp_path / "again.root", first, "fairship")
    again = open_events(tmp_path / "again.root").take(np.array([3, 0]))
    np.testing.assert_allclose(again.signals, first.signals[[3, 0]], rtol=2e-7)
    assert again.weights is not None
    assert first.weights is not None
    assert np.array_equal(again.weights, first.weights[[3, 0]])
    assert again.extras["process_id"].tolist() == [1, 23]
    with uproot.open(tmp_path / "again.root") as file:
        tree = file["pythia8-Geant4"]
        missing = {"parentid", "pythiaid", "ecut", "release_time", "mother_id", *FLUX} - set(tree.keys())
        assert not missing
        assert tree["pythiaid"].array(library="np").tolist() == [13, -13, 13, -13]
        np.testing.assert_allclose(tree["z"].array(library="np"), branches()["z"], rtol=1e-7)
    assert formats["fairship"].losses(first) == []


def test_fluxes_without_weights_count_one_each(tmp_path: Path) -> None:
    first = read_events(save(tmp_path / "mu.root"))
    bare = Events(first.detector, {}, first.signals)
    write_events(tmp_path / "bare.root", bare, "fairship")
    weights = read_events(tmp_path / "bare.root").weights
    assert weights is not None
    assert weights.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w": None}, "no tree with branches id, w, x, y, z, px, py, pz; it holds tree 'pythia8-Geant4'"),
        ({"id": np.array([13.0, 211.0, -13.0, 14.0])}, r"2 of 4 rows are no muons \(id 14, 211\)"),
        ({"w": np.array([1.0, 0.0, -2.0, 1.0])}, r"2 of 4 weights are not positive \(first: row 1, w = 0\)"),
        ({"z": 100 * branches()["z"]}, "z is 6575 in the median, which looks like cm; divide by 100"),
        ({"z": 1000 * branches()["z"]}, "looks like mm"),
        ({"px": np.array([np.nan, 0.0, 0.0, 0.0])}, "not finite"),
    ],
)
def test_wrong_files_say_what_is_wrong(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((FormatError, ValueError), match=message):
        read_events(save(tmp_path / "mu.root", **changes), format="fairship")


def test_other_detectors_and_cut_files_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "mu.root")
    with pytest.raises(FormatError, match="detector calogan does not: use ship-muons"):
        open_events(path, catalog.get("calogan"))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FormatError, match="truncated"):
        read_events(path, format="fairship")
