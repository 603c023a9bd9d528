"""The container says what is wrong with what it is given, and never changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere import samples
from moliere.detectors import Calorimeter
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events, split_events
from moliere.events.formats import open_events, write_events
from moliere.events.store import EventStore


def parts(detector: Calorimeter, n: int = 6) -> tuple[dict[str, np.ndarray], np.ndarray]:
    energy = np.full(n, 1000.0)
    return {"energy": energy}, np.full((n, detector.n_channels), 900.0 / detector.n_channels, np.float32)


def test_events_are_immutable_and_slices_are_views(polar_events: Events) -> None:
    with pytest.raises(ValueError, match="read-only"):
        polar_events.signals[0, 0] = 1
    with pytest.raises(TypeError):
        polar_events.incident["energy"] = np.zeros(3)  # type: ignore[index]
    part = polar_events[5:9]
    assert np.shares_memory(part.signals, polar_events.signals)
    assert len(part) == 4
    assert (polar_events[np.array([3, 1])].energy == polar_events.energy[[3, 1]]).all()
    assert len(polar_events[polar_events.energy > 300]) == (polar_events.energy > 300).sum()


def test_chunks_put_together_are_the_whole(polar_events: Events) -> None:
    again = Events.concatenate(list(polar_events.chunks(77)))
    assert (again.signals == polar_events.signals).all()


@pytest.mark.parametrize(("value", "words"), [(np.nan, "not finite"), (np.inf, "not finite"), (-0.5, "negative")])
def test_broken_values_are_counted_and_named(polar: Calorimeter, value: float, words: str) -> None:
    incident, signals = parts(polar)
    signals[[2, 4], 3] = value
    with pytest.raises(
        InvalidEvents, match=rf"2 of 6 events hold a signal that is {words} \(events 2, 4\).*write a file without them"
    ):
        Events(polar, incident, signals)


@pytest.mark.parametrize("value", [np.nan, -5.0, 0.0])
def test_broken_energies_are_named(polar: Calorimeter, value: float) -> None:
    incident, signals = parts(polar)
    incident["energy"][1] = value
    with pytest.raises(InvalidEvents, match="energy"):
        Events(polar, incident, signals)


def test_gev_beside_mev_is_recognised(polar: Calorimeter) -> None:
    incident, signals = parts(polar)
    with pytest.raises(InvalidEvents, match=r"is 900: incident energies look like GeV.*multiply the incident"):
        Events(polar, {"energy": incident["energy"] / 1000}, signals)
    with pytest.raises(InvalidEvents, match="signals look like GeV"):
        Events(polar, incident, signals / 1000)


def test_shapes_must_fit(polar: Calorimeter) -> None:
    incident, signals = parts(polar)
    with pytest.raises(InvalidEvents, match=r"shape \(6, 23\), but toy-polar has 24 channels"):
        Events(polar, incident, signals[:, :-1])
    with pytest.raises(InvalidEvents, match=r"column 'energy' has shape \(5,\)"):
        Events(polar, {"energy": incident["energy"][:-1]}, signals)
    with pytest.raises(InvalidEvents, match="column 'weights'"):
        Events(polar, incident, signals, weights=np.ones(2))


def test_no_events_are_events(polar: Calorimeter) -> None:
    assert len(Events(polar, {"energy": np.zeros(0)}, np.zeros((0, 24)))) == 0


def test_a_split_is_complete_disjoint_seeded_and_alike_in_energy() -> None:
    events = samples.open("photons-mini")
    split = split_events(events, (0.6, 0.2, 0.2), seed=4)
    whole = np.concatenate([split.train, split.validation, split.test])
    assert sorted(whole) == list(range(len(events)))
    again, other = split_events(events, (0.6, 0.2, 0.2), seed=4), split_events(events, (0.6, 0.2, 0.2), seed=5)
    assert (again.test == split.test).all()
    assert not np.array_equal(other.test, split.test)
    for energy in np.unique(events.energy):
        n = (events.energy == energy).sum()
        assert abs((events.energy[split.test] == energy).sum() - 0.2 * n) <= 1


def test_continuous_energies_are_stratified_too(polar: Calorimeter) -> None:
    energy = np.random.default_rng(0).uniform(1e3, 1e5, 5000)
    events = Events(polar, {"energy": energy}, np.zeros((5000, 24)) + energy[:, None] / 24)
    split = split_events(events, seed=1)
    medians = [np.median(energy[part]) for part in (split.train, split.validation, split.test)]
    assert max(medians) / min(medians) < 1.02


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_fractions_must_add_up(polar_events: Events, fractions: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        split_events(polar_events, fractions)


def test_the_shipped_sample_is_what_it_says() -> None:
    events = samples.open("photons-mini")
    assert len(events) == 5000
    assert events.detector.name == "calochallenge-1-photons"
    assert np.unique(events.energy).tolist() == [256.0 * 2**k for k in range(8)]
    assert 0.98 < events.response.mean() < 1.02


@pytest.mark.parametrize("n", [10, 30, 100, 200, 1000])
def test_few_continuous_energies_still_fill_every_part(polar: Calorimeter, n: int) -> None:
    energy = np.random.default_rng(0).uniform(1e3, 1e5, n)
    split = split_events(Events(polar, {"energy": energy}, np.zeros((n, 24)) + energy[:, None] / 24), (0.6, 0.2, 0.2))
    for part, fraction in ((split.train, 0.6), (split.validation, 0.2), (split.test, 0.2)):
        assert len(part) == pytest.approx(fraction * n, abs=0.05 * n)


def test_the_larger_quantity_is_blamed_where_it_is_beyond_any_accelerator(polar: Calorimeter) -> None:
    incident, signals = parts(polar)
    with pytest.raises(InvalidEvents, match=r"incident energies of up to .* TeV look like MeV.*divide the incident"):
        Events(polar, {"energy": incident["energy"] * 1e5}, signals * 100)
    with pytest.raises(InvalidEvents, match=r"signals of up to .* TeV an event look like MeV.*divide the signals"):
        Events(polar, {"energy": incident["energy"] * 100}, signals * 1e5)


@pytest.mark.parametrize(
    "advice", ["divide the incident", "multiply the incident", "divide the sig", "multiply the sig"]
)
def test_advice_on_units_works_when_followed(polar: Calorimeter, advice: str) -> None:
    incident, signals = parts(polar)
    energy, right = incident["energy"] * 100, signals * 100
    scale = 1000.0 if advice.startswith("divide") else 1e-3
    which = "incident" if "incident" in advice else "signals"
    wrong = (energy * scale, right) if which == "incident" else (energy, right * scale)
    with pytest.raises(InvalidEvents, match=advice):
        Events(polar, {"energy": wrong[0]}, wrong[1])
    mended = (wrong[0] / scale, wrong[1]) if which == "incident" else (wrong[0], wrong[1] / scale)
    assert len(Events(polar, {"energy": mended[0]}, mended[1])) == 6


def test_one_position_is_events_of_length_one(polar_events: Events) -> None:
    n = len(polar_events)
    for position, row in ((0, 0), (n - 1, n - 1), (-1, n - 1), (np.int64(2), 2), (-n, 0)):
        one = polar_events[position]
        assert len(one) == 1
        assert one.signals.tolist() == polar_events.signals[row : row + 1].tolist()
        assert one.energy.tolist() == [polar_events.energy[row]]
        assert one.response.shape == (1,)


def test_iterating_gives_every_event_once(polar_events: Events) -> None:
    events = list(polar_events)
    assert [len(one) for one in events] == [1] * len(polar_events)
    assert (Events.concatenate(events).signals == polar_events.signals).all()
    assert list(polar_events[:0]) == []


def test_what_is_no_index_is_refused(polar_events: Events) -> None:
    n = len(polar_events)
    for index in (n, -n - 1, n + 10**6, 1.5, "0", None, [0.5], np.zeros((2, 2), int), np.ones(n + 1, bool), [n], True):
        with pytest.raises(IndexError):
            polar_events[index]  # type: ignore[index]


def test_no_positions_are_no_events(polar_events: Events) -> None:
    assert len(polar_events[[]]) == len(polar_events[np.zeros(len(polar_events), bool)]) == 0


def test_files_and_stores_take_one_position_as_events_do(polar_events: Events, tmp_path: Path) -> None:
    write_events(tmp_path / "e.h5", polar_events)
    with EventStore(tmp_path / "e.store", polar_events) as store:
        for source in (open_events(tmp_path / "e.h5", polar_events.detector), store):
            assert source.take(-1).signals.tolist() == polar_events.signals[-1:].tolist()
            assert len(source.take([])) == 0
            with pytest.raises(IndexError):
                source.take(len(polar_events))
