"""Events go from one format to another, and what cannot be done is said before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.errors import FormatError
from moliere.events import Events
from moliere.events.convert import choose_format, convert
from moliere.events.formats import open_events, read_events, write_events

GOLDEN = Path(__file__).parent / "data"


def test_a_chain_of_lossless_formats_ends_where_it_began(tmp_path: Path) -> None:
    first = read_events(GOLDEN / "golden-calogan.h5")
    names = {"a.h5": "calochallenge", "b.root": "calogan-root", "c.h5": "calogan"}
    source = first
    for file, name in names.items():
        lost = convert(source, tmp_path / file, name)
        assert not [word for word in lost if word != "provenance"]
        source = read_events(tmp_path / file)
    assert np.array_equal(source.signals, first.signals)
    np.testing.assert_allclose(source.energy, first.energy, rtol=1e-15)
    assert np.array_equal(source.extras["overflow"], first.extras["overflow"])


def test_losses_are_told(polar_events: Events, tmp_path: Path) -> None:
    n = len(polar_events)
    rich = Events(
        polar_events.detector, {**polar_events.incident, "eta": np.zeros(n)}, polar_events.signals, np.ones(n)
    )
    counts: list[int] = []
    lost = convert(rich, tmp_path / "p.h5", "showerdata", progress=counts.append)
    assert lost[:2] == ["incident columns eta", "weights"]
    assert sum(counts) == n


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("x.h5", "calorimeter", "calochallenge"),
        ("x.root", "calorimeter", "calogan-root"),
        ("x.npz", "surface-array", "airshower-npz"),
        ("x.npz", "phase-space", "table"),
        ("x.h5", "phase-space", "calochallenge"),
        ("x.parquet", "phase-space", "table"),
    ],
)
def test_the_ending_says_the_format(name: str, kind: str, expected: str) -> None:
    assert choose_format(Path(name), kind) == expected


def test_what_does_not_fit_is_refused(polar_events: Events, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"ends in \.csv, which says no format .* let it end in \.h5"):
        choose_format(Path("x.csv"), "calorimeter")
    with pytest.raises(FormatError, match="'fairship' holds phase-space events, but these are of a calorimeter"):
        convert(polar_events, tmp_path / "x.root", "fairship")
    with pytest.raises(FormatError, match="can be read, not written"):
        choose_format(Path("x.csv"), "calorimeter", "fastcalogan")
    with pytest.raises(FormatError, match="holds the cells of calogan"):
        convert(polar_events, tmp_path / "x.h5", "calogan")
    assert list(tmp_path.iterdir()) == []


def test_muons_go_from_tables_to_fairship_and_back(tmp_path: Path) -> None:
    space, rng = catalog.get("ship-muons"), np.random.default_rng(0)
    signals = np.column_stack([rng.choice([-1, 1], 50), rng.uniform(-100, 100, (50, 2)), rng.uniform(-7e4, -6.5e4, 50)])
    signals = np.column_stack([signals, rng.normal(0, 1e3, (50, 2)), rng.uniform(1e4, 3e5, 50)]).astype(np.float32)
    write_events(tmp_path / "a.npz", Events(space, {}, signals, np.ones(50)), "table")
    convert(open_events(tmp_path / "a.npz"), tmp_path / "b.root", "fairship")
    convert(open_events(tmp_path / "b.root"), tmp_path / "c.parquet", "table")
    np.testing.assert_allclose(read_events(tmp_path / "c.parquet").signals, signals, rtol=2e-7)
