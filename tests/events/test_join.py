"""Files of one particle each become one file of all, mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere import samples
from moliere.cli import main
from moliere.detectors import catalog
from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.events.formats import read_events, write_events
from moliere.events.join import join


def parts() -> tuple[Events, Events]:
    mini = samples.open("photons-mini").take(slice(0, 4_000))
    return mini[:3_000], mini[3_000:]


def test_all_events_are_there_and_every_piece_has_its_share() -> None:
    one, other = parts()
    pieces = list(join([one, other], [22, -11], seed=1))
    assert [len(piece) for piece in pieces] == [2_000, 2_000]
    for piece in pieces:
        assert (piece.incident["pdg_id"] == 22).sum() == 1_500
        assert (np.diff(piece.incident["pdg_id"]) != 0).sum() > 500  # mixed, not one behind the other
    whole = Events.concatenate(pieces)
    for source, kind in ((one, 22), (other, -11)):
        chosen = whole.signals[whole.incident["pdg_id"] == kind]
        np.testing.assert_allclose(np.sort(chosen.sum(axis=1)), np.sort(source.signals.sum(axis=1)))
    again = Events.concatenate(list(join([one, other], [22, -11], seed=1)))
    assert np.array_equal(again.signals, whole.signals)


def test_what_cannot_be_joined_is_refused() -> None:
    one, other = parts()
    with pytest.raises(InvalidEvents, match=r"file 2 does not say .*name the particle of each file"):
        list(join([one, other], [22, None], seed=0))
    alien = Events(catalog.get("calogan"), {"energy": np.ones(2)}, np.zeros((2, 504)))
    with pytest.raises(InvalidEvents, match=r"file 2 is of another detector than file 1: .*calogan 504"):
        list(join([one, alien], [22, 22], seed=0))
    forms = [catalog.get(name) for name in ("ship-muons", "ship-muons-polar")]  # seven columns each
    same_number = [Events(each, {"energy": np.ones(2)}, np.ones((2, 7))) for each in forms]
    with pytest.raises(InvalidEvents, match=r"file 2 is of another detector than file 1: .*ship-muons-polar"):
        list(join(same_number, [13, 13], seed=0))
    with pytest.raises(InvalidEvents, match="none of the 2 files has an event"):
        list(join([one[:0], one[:0]], [22, 22], seed=0))


def test_a_column_that_says_the_particle_stays_unless_another_is_named() -> None:
    one, other = parts()
    named = replace(other, incident={**other.incident, "pdg_id": np.full(len(other), 11)})
    whole = Events.concatenate(list(join([one, named], [22, None], seed=0)))
    assert set(whole.incident["pdg_id"].tolist()) == {11, 22}
    named_again = Events.concatenate(list(join([named, named], [11, 22], seed=0)))
    assert np.bincount(named_again.incident["pdg_id"])[[11, 22]].tolist() == [len(other), len(other)]


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = parts()
    names = [str(tmp_path / name) for name in ("one.h5", "other.h5", "all.h5")]
    for path, events in zip(names, (one[:100], other[:50]), strict=False):
        write_events(path, events)
    assert main(["prepare", "join", *names[:2], "--particles", "gamma,e+", "-o", names[2]]) == 0
    assert sorted(set(read_events(names[2]).incident["pdg_id"].tolist())) == [-11, 22]
    assert main(["prepare", "join", *names[:2], "--particles", "gamma", "-o", names[2], "--overwrite"]) == 1
    assert "1 particles for 2 files" in capsys.readouterr().err


def test_the_ending_says_the_format_and_what_it_lacks_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, tree = tmp_path / "eplus.h5", tmp_path / "all.root"
    write_events(source, Events(catalog.get("calogan"), {"energy": np.ones(2)}, np.zeros((2, 504))))
    assert main(["prepare", "join", str(source), str(source), "--particles", "e+,gamma", "-o", str(tree)]) == 0
    assert tree.read_bytes()[:4] == b"root"
    assert "lost: incident columns pdg_id" in capsys.readouterr().out
