"""Two samples that a refiner learns from have the same incident energies, or the training does not begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import Calorimeter
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.events.split import split_events
from moliere.training import load_recipe, prepare
from moliere.training.batches import open_batches, to_batch
from moliere.training.pairing import check_same_energies, match_energies
from moliere.training.recipe import parse_recipe

N = 2_000


def sample(polar: Calorimeter, low: float, high: float, seed: int, weights: np.ndarray | None = None) -> Events:
    rng = np.random.default_rng(seed)
    signals = 200 * rng.random((N, polar.n_channels)).astype(np.float32)
    return Events(polar, {"energy": rng.uniform(low, high, N)}, signals, weights)


def check(one: Events, other: Events) -> None:
    check_same_energies(one, np.arange(len(one)), other, np.arange(len(other)))


@pytest.mark.parametrize("other", [(3e3, 1e4), (1e3, 5e3), (2e3, 1e4), (1.1e4, 2e4)])
def test_different_energies_are_refused(polar: Calorimeter, other: tuple[float, float]) -> None:
    with pytest.raises(InvalidEvents, match=r"different incident energies .*match_incident = true"):
        check(sample(polar, 1e3, 1e4, 1), sample(polar, *other, 2))


@pytest.mark.parametrize("seed", range(5))
def test_equal_energies_are_accepted(polar: Calorimeter, seed: int) -> None:
    check(sample(polar, 1e3, 1e4, seed), sample(polar, 1e3, 1e4, 100 + seed))
    one = np.full(30, 5e3)
    fixed = Events(polar, {"energy": one}, np.full((30, polar.n_channels), 200.0, np.float32))
    check(fixed, fixed)


def test_weighted_events_count_by_their_weights(polar: Calorimeter) -> None:
    flat = sample(polar, 1e3, 1e4, 1)
    steep = Events(polar, flat.incident, flat.signals, (flat.energy / 1e3) ** -2)
    with pytest.raises(InvalidEvents, match="different incident energies"):
        check(steep, sample(polar, 1e3, 1e4, 2))


def test_matched_energies_are_the_second_samples(polar: Calorimeter) -> None:
    one, other = sample(polar, 1e3, 1e4, 1), sample(polar, 3e3, 1e4, 2)
    split = match_energies(split_events(one), one, other, seed=0)
    assert one.energy[split.train].min() > 2.5e3
    check_same_energies(one, split.train, other, np.arange(N))
    with pytest.raises(InvalidEvents):
        match_energies(split_events(one), one, Events(polar, {}, one.signals), seed=0)


def test_batches_hold_the_second_samples_signals(polar: Calorimeter) -> None:
    one, other = sample(polar, 1e3, 1e4, 1)[:50], sample(polar, 1e3, 1e4, 2)[:20]
    first, second = (open_batches(events, np.arange(len(events)), ("energy",)) for events in (one, other))
    both = type(first)(first.source, first.index, first.columns, first.held, (), second)
    batch = both.draw(16, seed=3, step=5)
    assert batch.extras["second"].shape == batch.signals.shape
    assert (both.draw(16, seed=3, step=5).extras["second"] == batch.extras["second"]).all()
    assert (first.draw(16, seed=3, step=5).signals == batch.signals).all()
    whole = [part.extras["second"] for part in both.passes(32, seed=0)]
    assert [len(part) for part in whole] == [32, 18]
    again = to_batch(other, np.arange(20), ("energy",)).signals
    assert (whole[0][:20] == again).all()
    assert (whole[0][20:] == again[:12]).all()


def test_a_refiner_without_data_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    table = load_recipe("airshower-refiner", ["data.events=photons-mini"]).to_table()
    del table["data"]["second"]
    with pytest.raises(ConfigError, match=r"name their file in data\.second"):
        prepare(parse_recipe(table), tmp_path)
