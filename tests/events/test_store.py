"""The training store gives back the rows it was made of, whatever lies on the disk, in whichever form."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import Calorimeter
from moliere.errors import ConfigError, FormatError
from moliere.events import Events
from moliere.events.formats import open_events, write_events
from moliere.events.rows import SparseRows
from moliere.events.store import EventStore


def fill(detector: Calorimeter, n: int, occupancy: float, seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    signals = rng.exponential(10, (n, detector.n_channels)) * (rng.random((n, detector.n_channels)) < occupancy)
    return Events(detector, {"energy": rng.uniform(100, 200, n)}, signals.astype(np.float32), rng.random(n))


@pytest.fixture(params=[0.05, 0.9], ids=["sparse", "dense"])
def events(request: pytest.FixtureRequest, polar: Calorimeter) -> Events:
    return fill(polar, 700, request.param)


@pytest.mark.parametrize(
    "index",
    [
        np.array([5, 3, 3, 699, 0]),
        np.arange(40, 90),
        slice(690, None),
        slice(9, 3, -2),
        np.zeros(0, np.int64),
        np.arange(700) % 3 == 0,
    ],
    ids=["scattered", "neighbours", "slice", "backwards", "none", "mask"],
)
def test_any_rows_come_back_in_their_order(events: Events, tmp_path: Path, index: object) -> None:
    with EventStore(tmp_path / "s.store", events) as store:
        taken = store.take(index)  # type: ignore[arg-type]
    expected = events[index]  # type: ignore[index]
    assert np.array_equal(taken.signals, expected.signals)
    assert np.array_equal(taken.energy, expected.energy)
    assert taken.weights is not None
    assert expected.weights is not None
    assert np.array_equal(taken.weights, expected.weights)


def test_a_store_is_written_once_and_used_again(events: Events, tmp_path: Path) -> None:
    path = tmp_path / "s.store"
    EventStore(path, events).close()
    written = path.stat().st_mtime_ns
    with EventStore(path, events) as store:
        assert np.array_equal(np.concatenate([part.signals for part in store.chunks(250)]), events.signals)
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("change", ["order", "energy", "weights", "signals", "detector"])
def test_other_events_of_the_same_size_are_noticed(events: Events, tmp_path: Path, change: str) -> None:
    other = {
        "order": lambda: events[::-1],
        "energy": lambda: replace(events, incident={"energy": events.energy + 1}),
        "weights": lambda: replace(events, weights=None),
        "signals": lambda: replace(events, signals=events.signals * 2),
        "detector": lambda: replace(events, detector=replace(events.detector, name="another")),
    }[change]()
    EventStore(tmp_path / "s.store", events).close()
    with EventStore(tmp_path / "s.store", other) as store:
        assert np.array_equal(store.take(slice(0, 3)).signals, other.signals[:3])
        assert store.detector == other.detector


@pytest.mark.parametrize("keep", [0, 50, 4000])
def test_a_store_that_was_cut_short_is_written_again(events: Events, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "s.store"
    EventStore(path, events).close()
    path.write_bytes(path.read_bytes()[:keep])
    with EventStore(path, events) as store:
        assert np.array_equal(store.take(slice(None)).signals, events.signals)


def test_mostly_empty_events_take_the_room_of_what_is_in_them(polar: Calorimeter, tmp_path: Path) -> None:
    events = fill(polar, 5000, 0.05)
    EventStore(tmp_path / "s.store", events).close()
    n_hits = np.count_nonzero(events.signals)
    overhead = 5000 * (8 + 4) + 200
    assert (tmp_path / "s.store").stat().st_size <= 6 * n_hits + overhead  # two bytes a channel, four a signal


def test_half_precision_keeps_three_digits_and_refuses_what_it_cannot_hold(events: Events, tmp_path: Path) -> None:
    with EventStore(tmp_path / "s.store", events, "float16") as store:
        np.testing.assert_allclose(store.take(slice(None)).signals, events.signals, rtol=6e-4)
    for signal in (1e5, 1e-9):
        signals = events.signals.copy()
        signals[400, 2] = signal
        with pytest.raises(ConfigError, match=re.escape(f"a signal is {signal:.3g}; store float32")):
            EventStore(tmp_path / "t.store", replace(events, signals=signals), "float16")
    assert not (tmp_path / "t.store").exists()


def test_channels_beyond_two_bytes_are_kept() -> None:
    """CaloChallenge's dataset 3 has 40,500 channels, 3DGAN's events 65,025; a finer detector needs more."""
    signals = np.zeros((2, 70_000), np.float32)
    signals[1, [3, 69_999]] = 1.5, 2.5
    rows = SparseRows(70_000, "float32")
    data, sizes = rows.encode(signals)
    assert sizes.tolist() == [0, 16]
    assert np.array_equal(rows.decode(bytearray(data), sizes), signals)


def test_a_store_of_a_file_and_of_no_events(events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", events)
    with EventStore(tmp_path / "s.store", open_events(tmp_path / "e.h5")) as store:
        assert np.array_equal(store.take(np.array([650, 2])).signals, events.signals[[650, 2]])
    with EventStore(tmp_path / "none.store", events[:0]) as store:
        assert store.take(slice(None)).signals.shape == (0, events.detector.n_channels)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_a_damaged_store_is_refused_or_made_again(events: Events, tmp_path: Path, where: float) -> None:
    path = tmp_path / "s.store"
    EventStore(path, events).close()
    content = bytearray(path.read_bytes())
    at = int(where * (len(content) - 1))
    content[at] ^= 0x41
    path.write_bytes(content)
    try:
        with EventStore(path, events) as store:
            assert np.array_equal(store.take(slice(None)).signals, events.signals)
    except FormatError:
        path.unlink()  # as the message says
        with EventStore(path, events) as store:
            assert np.array_equal(store.take(slice(None)).signals, events.signals)
