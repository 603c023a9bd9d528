"""ROOT trees of hits become signals of any calorimeter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import ConfigError, DetectorError, FormatError, InvalidEvents
from moliere.events.formats import open_events, read_events, root
from moliere.events.formats.root_hits import HitBranches, RootHitsFile, find_branches, parse_branches
from moliere.units import GeV, cm

uproot = pytest.importorskip("uproot")
awkward = pytest.importorskip("awkward")

ENERGY = [[100.0, 200.0, 50.0], [], [400.0]]
PLACES = {
    "hit_x": [[0.5, -239.0, 500.0], [], [-0.5]],
    "hit_y": [[0.5, -239.0, 0.0], [], [200.0]],
    "hit_z": [[1.0, 100.0, 1.0], [], [479.0]],
}
#: (event, channel) → energy, worked out by hand: the first hit lies in row 1 of 3 and column 48 of 96 of layer 0, the
#: second in the first cell of layer 1, the third beside the calorimeter, the last in row 5 and column 5 of layer 2
EXPECTED = {(0, 1 * 96 + 48): 100, (0, 288): 200, (2, 288 + 144 + 5 * 6 + 5): 400}


def write(path: Path, **trees: dict[str, Any]) -> Path:
    """Trees of numbers and of lists."""
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            values = {key: awkward.Array(column) for key, column in columns.items()}
            types = {key: "var * float64" if array.ndim > 1 else "float64" for key, array in values.items()}
            file.mktree(name, types).extend(values)
    return path


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three events of 5 GeV, beside a tree of other things."""
    path = tmp_path_factory.mktemp("root") / "hits.root"
    columns = {"incident_energy": [5000.0] * 3, **PLACES, "hit_energy": ENERGY}
    return write(path, run={"seed": [7.0]}, hits=columns)


def cells(signals: np.ndarray) -> dict[tuple[int, int], float]:
    return {(int(k), int(c)): float(signals[k, c]) for k, c in np.argwhere(signals)}


def test_places_become_channels(hits: Path) -> None:
    events = read_events(hits, catalog.get("calogan"))
    assert events.energy.tolist() == [5000] * 3
    assert cells(events.signals) == EXPECTED
    assert events.extras["outside"].tolist() == [50, 0, 0]


def test_channels_are_taken_as_they_are(tmp_path: Path) -> None:
    columns = {"energy": [5.0, 6.0], "cell": [[7, 7, 503], [0]], "hit_e": [[1.0, 2.0, 3.0], [4.0]]}
    events = read_events(write(tmp_path / "c.root", t=columns), catalog.get("calogan"))
    assert cells(events.signals) == {(0, 7): 3, (0, 503): 3, (1, 0): 4}
    assert events.extras["outside"].tolist() == [0, 0]


def test_names_and_units_can_be_said(tmp_path: Path) -> None:
    places = {name: [[v / 10 for v in event] for event in PLACES[f"hit_{name}"]] for name in "xyz"}
    columns = {"E0": [5.0] * 3, "dE": ENERGY, **places}
    path = write(tmp_path / "g.root", t=columns)
    with pytest.raises(
        FormatError, match="no tree with hits and an incident energy; it holds tree 't' with branches E0"
    ):
        read_events(path, catalog.get("calogan"))
    branches = HitBranches("E0", "dE", ("x", "y", "z"), incident_unit=GeV, length_unit=cm)
    events = RootHitsFile(path, catalog.get("calogan"), branches).take(slice(None))
    assert events.energy.tolist() == [5000] * 3
    assert cells(events.signals) == EXPECTED


def test_lazy_reading_takes_the_same_events(hits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "RANGE", 2)
    file = open_events(hits, catalog.get("calogan"))
    part = file.take(np.array([2, 0, 2]))
    assert cells(part.signals) == {(0, 467): 400, (1, 144): 100, (1, 288): 200, (2, 467): 400}
    assert part.extras["outside"].tolist() == [0, 50, 0]
    assert [len(chunk) for chunk in file.chunks(2)] == [2, 1]
    assert len(file.take(slice(0))) == 0


def test_any_calorimeter_will_do(hits: Path, polar: Calorimeter) -> None:
    ring = read_events(hits, catalog.get("calochallenge-2"))
    np.testing.assert_allclose(ring.signals.sum(axis=1) + ring.extras["outside"], [350, 0, 400])
    assert ring.signals[0].sum() == 100  # the only hit within 42 mm
    with pytest.raises(DetectorError, match="toy-polar does not say at which depth"):
        open_events(hits, polar)


def test_channels_are_preferred_to_places() -> None:
    names = ["energy", "channel", "x", "y", "z", "hit_x", "hit_y", "hit_z", "edep"]
    assert find_branches(names) == HitBranches("energy", "edep", ("channel",))
    assert find_branches(set(names) - {"channel"}) == HitBranches("energy", "edep", ("hit_x", "hit_y", "hit_z"))
    assert find_branches(set(names) - {"channel", "hit_x", "z"}) is None


def test_a_detector_is_needed(hits: Path) -> None:
    with pytest.raises(FormatError, match="no detector was named; name one"):
        read_events(hits)
    with pytest.raises(FormatError, match="airshower-9x9 is none"):
        read_events(hits, catalog.get("airshower-9x9"))


def test_a_file_without_hits_lists_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.root", run={"seed": [1.0]}, muons={"px": [1.0], "py": [2.0]})
    with pytest.raises(FormatError, match="it holds tree 'run' with branches seed; tree 'muons' with branches px, py"):
        read_events(path)
    with pytest.raises(FormatError, match="no tree with E0, dE, cell; it holds"):
        RootHitsFile(path, catalog.get("calogan"), HitBranches("E0", "dE", ("cell",)))


GOOD = {"energy": [5.0, 6.0], "cell": [[7, 7, 503], [0]], "hit_e": [[1.0, 2.0, 3.0], [4.0]]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cell": [[7, 7, 504], [0]]}, "hits in channel 504, but detector calogan has 504 channels"),
        ({"cell": [[-1, 7, 3], [0]]}, "hits in channel -1"),
        ({"cell": [[7], [0]]}, "hit_e, cell have different numbers of hits an event"),
        ({"hit_e": [1.0, 2.0]}, "branch hit_e holds double, expected a list of numbers an event"),
        ({"energy": [[1.0], [2.0]]}, "branch energy holds .*, expected a number an event"),
    ],
)
def test_wrong_branches_say_what_is_wrong(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        read_events(write(tmp_path / "x.root", t={**GOOD, **columns}), catalog.get("calogan"))


def test_two_trees_are_one_too_many(tmp_path: Path) -> None:
    path = write(tmp_path / "x.root", a=GOOD, b={**GOOD, "energy": [7.0, 8.0]})
    with pytest.raises(FormatError, match=r"several trees \(a, b\)"):
        read_events(path, catalog.get("calogan"))
    chosen = HitBranches("energy", "hit_e", ("cell",), tree="b")
    assert RootHitsFile(path, catalog.get("calogan"), chosen).incident["energy"].tolist() == [7, 8]


def test_energies_in_gev_are_recognised(tmp_path: Path) -> None:
    columns = {**GOOD, "hit_e": [[1000.0, 2000.0, 1500.0], [5000.0]]}
    with pytest.raises(InvalidEvents, match="look like GeV"):
        read_events(write(tmp_path / "x.root", t=columns), catalog.get("calogan"))


@pytest.mark.parametrize("keep", [0, 3, 50, 300, 1500])
def test_truncated_files_are_recognised(hits: Path, keep: int, tmp_path: Path) -> None:
    (tmp_path / "cut.root").write_bytes(hits.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r"not a ROOT file|truncated"):
        read_events(tmp_path / "cut.root", catalog.get("calogan"), format="root-hits")


def test_directions_and_particles_come_along_and_other_branches_are_named(tmp_path: Path) -> None:
    columns = {"incident_energy": [5000.0] * 3, **PLACES, "hit_energy": ENERGY, "hit_time": ENERGY}
    columns |= {"mc_theta": [1.0, 1.1, 1.2], "mc_pdg": [22.0, 11.0, 22.0], "run": [1.0] * 3}
    source = open_events(write(tmp_path / "x.root", hits=columns), catalog.get("calogan"))
    assert isinstance(source, RootHitsFile)
    assert source.incident["theta"].tolist() == [1.0, 1.1, 1.2]
    assert source.take(slice(None)).incident["pdg_id"].tolist() == [22, 11, 22]
    assert set(source.passed_over) == {"branch hit_time", "branch run"}


def test_an_rntuple_is_read_as_a_tree_is(tmp_path: Path) -> None:
    columns = {"incident_energy": [5000.0] * 3, **PLACES, "hit_energy": ENERGY}
    with uproot.recreate(tmp_path / "x.root") as file:
        file["events"] = {name: awkward.Array(values) for name, values in columns.items()}
    events = read_events(tmp_path / "x.root", catalog.get("calogan"))
    assert cells(events.signals) == EXPECTED


WORDS = "incident=E_beam:GeV,energy=dE:GeV,x=X:cm,y=Y:cm,z=Z:cm,theta=angle:deg,pdg_id=kind"


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """The same events in GeV, cm and degrees, under other names."""
    columns = {"E_beam": [5.0] * 3, "dE": [[e / 1000 for e in event] for event in ENERGY]}
    places = zip("XYZ", PLACES.values(), strict=True)
    columns |= {name: [[place / 10 for place in event] for event in values] for name, values in places}
    return write(tmp_path / "x.root", sim=columns | {"angle": [90.0] * 3, "kind": [22.0] * 3})


@pytest.mark.parametrize("as_file", [False, True], ids=["words", "TOML"])
def test_branches_are_named_on_the_command_line(
    renamed: Path, tmp_path: Path, as_file: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    from moliere.cli.convert import convert

    words = WORDS
    if as_file:
        words = str(tmp_path / "branches.toml")
        Path(words).write_text("\n".join(f'{key} = "{name}"' for key, name in (w.split("=") for w in WORDS.split(","))))
    convert(str(renamed), tmp_path / "y.h5", detector="calogan", branches=words)
    events = read_events(tmp_path / "y.h5")
    assert {key: pytest.approx(value) for key, value in cells(events.signals).items()} == EXPECTED
    np.testing.assert_allclose(events.incident["theta"], np.pi / 2)
    assert events.energy.tolist() == [5000] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("incident=E,energy=dE", "do not say which is x, y, z"),
        ("incident=E,energy=dE,channel=", "do not say which is channel"),
        ("E,dE", "do not say which is incident"),
        ("incident=E,energy=dE,x=X:cm,y=Y:mm,z=Z:mm", "must share one"),
    ],
)
def test_branches_that_say_too_little_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_branches(text)
