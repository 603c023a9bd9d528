"""Events with weights come as often as their weights say, and then have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.training.batches import BatchSource, open_batches, weighted_positions


@pytest.fixture
def weighted(polar: Calorimeter) -> Callable[..., BatchSource]:
    """Events whose energy counts them."""

    def build(weights: NDArray[np.float64] | None, index: list[int] | None = None) -> BatchSource:
        n = 100 if weights is None else len(weights)
        events = Events(polar, {"energy": np.arange(n) + 1.0}, np.zeros((n, polar.n_channels)), weights)
        return open_batches(events, np.arange(n) if index is None else np.array(index), ("energy",))

    return build


def test_positions_come_in_proportion_to_weights() -> None:
    weights = np.array([0.0, 1.0, 0.5, 6.0, 0.0, 2.5, 0.0])
    drawn = weighted_positions(torch.from_numpy(weights.cumsum()), 20_000, seed=3, step=1)
    shares = np.bincount(drawn.numpy(), minlength=7) / 20_000
    assert shares == pytest.approx(weights / 10, abs=1.1e-4)  # stratified: at most one more or less at each end


def test_single_draws_are_unbiased() -> None:
    cumulative = torch.tensor([1.0, 4.0], dtype=torch.float64)
    drawn = torch.cat([weighted_positions(cumulative, 1, seed=0, step=k) for k in range(2000)])
    assert drawn.double().mean().item() == pytest.approx(0.75, abs=0.04)


def test_a_step_is_the_same_whenever_it_is_asked_for() -> None:
    cumulative = torch.arange(1, 101, dtype=torch.float64)
    one, same, other = (weighted_positions(cumulative, 10, seed=3, step=k) for k in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_batches_have_no_weights_left(weighted: Callable[..., BatchSource]) -> None:
    source = weighted(np.where(np.arange(100) < 50, 3.0, 1.0))
    batches = [source.draw(64, 0, step) for step in range(40)]
    assert all(batch.weights is None for batch in batches)
    light = torch.cat([batch.condition for batch in batches]) > 50
    assert light.double().mean().item() == pytest.approx(0.25, abs=0.02)


def test_only_the_index_takes_part(weighted: Callable[..., BatchSource]) -> None:
    source = weighted(np.arange(100) + 1.0, index=[3, 70, 99])
    energies = source.draw(300, 0, 0).condition.flatten()
    values, counts = energies.unique(return_counts=True)
    assert values.tolist() == [4, 71, 100]
    assert (counts / 300).tolist() == pytest.approx([4 / 175, 71 / 175, 100 / 175], abs=0.01)


def test_a_pass_is_weighted_and_always_the_same(weighted: Callable[..., BatchSource]) -> None:
    source = weighted(np.where(np.arange(100) < 50, 3.0, 1.0))
    one, same = ([batch.condition for batch in source.passes(30, seed=1)] for _ in range(2))
    assert [len(part) for part in one] == [30, 30, 30, 10]
    assert torch.equal(torch.cat(one), torch.cat(same))
    assert int((torch.cat(one) > 50).sum()) == pytest.approx(25, abs=1)


def test_events_without_weights_come_once(weighted: Callable[..., BatchSource]) -> None:
    source = weighted(None)
    assert sorted(torch.cat([source.draw(25, 0, k).condition for k in range(4)]).flatten().tolist()) == list(
        range(1, 101)
    )
    assert torch.cat([batch.condition for batch in source.passes(30, 0)]).flatten().tolist() == list(range(1, 101))


@pytest.mark.parametrize("wrong", [-1.0, np.inf])
def test_weights_that_nothing_can_be_drawn_by_are_refused(weighted: Callable[..., BatchSource], wrong: float) -> None:
    weights = np.ones(100)
    weights[7] = wrong
    with pytest.raises(InvalidEvents, match="must be finite, not negative and not all zero"):
        weighted(weights).draw(10, 0, 0)
