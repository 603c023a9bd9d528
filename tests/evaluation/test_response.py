from __future__ import annotations

import numpy as np
import pytest

from moliere.evaluation.response import energy_bins, response_points


def test_distinct_energies_are_points_of_their_own() -> None:
    energy = np.repeat([256.0, 512.0, 1024.0], [20, 30, 40])
    response = np.concatenate([np.tile([0.9, 1.1], 10), np.tile([0.8, 1.0], 15), np.tile([0.5, 1.5], 20)])
    points = response_points(energy, response, energy, response + 0.1)
    assert [point.energy for point in points] == pytest.approx([256, 512, 1024])
    assert [point.n_reference for point in points] == [20, 30, 40]
    assert [point.reference_mean for point in points] == pytest.approx([1.0, 0.9, 1.0])
    assert [point.generated_mean for point in points] == pytest.approx([1.1, 1.0, 1.1])
    assert points[0].reference_width == pytest.approx(0.1 * np.sqrt(20 / 19))


def test_a_point_with_too_few_events_is_left_out() -> None:
    energy = np.repeat([256.0, 512.0], [20, 5])
    assert len(response_points(energy, np.ones(25), energy, np.ones(25))) == 1


def test_continuous_energies_are_cut_into_bins_that_lose_no_event() -> None:
    energy = np.random.default_rng(0).uniform(1e3, 1e5, 5000)
    bins = energy_bins(energy)
    inside = [np.count_nonzero((energy >= low) & (energy <= high)) for low, high in bins]
    assert len(bins) == 10
    assert sum(inside) == 5000
    assert max(inside) - min(inside) <= 1


def test_errors_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(1)
    energy = np.full(200, 1e3)
    points = [response_points(energy, rng.gamma(4, 0.25, 200), energy, np.ones(200))[0] for _ in range(600)]
    for kind in ("mean", "width"):
        spread = np.std([getattr(point, f"reference_{kind}") for point in points])
        error = np.mean([getattr(point, f"reference_{kind}_error") for point in points])
        assert error == pytest.approx(spread, rel=0.12)


def test_a_response_that_never_varies_has_width_zero() -> None:
    point = response_points(np.full(50, 1e3), np.full(50, 0.7), np.full(50, 1e3), np.zeros(50))[0]
    assert (point.generated_mean, point.generated_width, point.generated_width_error) == (0, 0, 0)
