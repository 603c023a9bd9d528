"""Bias and resolution against closed forms, and deviations of every kind of quantity."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.errors import InvalidEvents
from moliere.evaluation.reconstruction import deviations_of, energy_quality, quality_of


def test_errors_are_those_of_repeated_samples() -> None:
    """Also with fat tails, where the normal law's error of the width would be too small."""
    rng = np.random.default_rng(0)
    samples = [quality_of(rng.standard_t(6, 400)) for _ in range(600)]
    for value, error in (("bias", "bias_error"), ("resolution", "resolution_error")):
        spread = np.std([getattr(s, value) for s in samples])
        assert np.mean([getattr(s, error) for s in samples]) == pytest.approx(spread, rel=0.15)


def test_a_bias_that_grows_with_energy_is_seen_in_the_bins() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(1.0, 101.0, 4_000)
    whole, points = energy_quality(true, true * (1 + 0.001 * true + rng.normal(0, 0.1, 4_000)), 4)
    assert whole.bias == pytest.approx(0.051, abs=0.006)
    assert [p.quality.n_events for p in points] == [1_000] * 4
    for point in points:
        assert point.quality.bias == pytest.approx(0.001 * point.energy, abs=4 * point.quality.bias_error)
        assert point.quality.resolution == pytest.approx(0.1, rel=0.1)


def test_few_events_are_one_bin_and_one_is_nothing() -> None:
    true = np.linspace(1, 2, 30)
    assert len(energy_quality(true, true)[1]) == 1
    with pytest.raises(InvalidEvents, match="1 events say nothing"):
        energy_quality(true[:1], true[:1])


def test_deviations_are_relative_angles_or_differences() -> None:
    true = {
        "energy": np.array([10.0, 20.0]),
        "theta": np.array([0.0, np.pi / 2]),
        "phi": np.array([1.0, np.pi - 0.01]),
        "xmax": np.array([700.0, 800.0]),
    }
    found = {
        "energy": np.array([11.0, 18.0]),
        "theta": np.array([0.0, np.pi / 2]),
        "phi": np.array([2.0, -np.pi + 0.01]),
        "xmax": np.array([710.0, 790.0]),
        "core_x": np.zeros(2),
    }
    deviations = deviations_of(true, found)
    assert set(deviations) == {"axis", "energy", "xmax"}
    np.testing.assert_allclose(deviations["energy"][0], [0.1, -0.1])
    # straight down there is no azimuth; along the horizon it is all there is, and it is a circle
    np.testing.assert_allclose(deviations["axis"][0], [0, 0.02], atol=1e-12)
    assert deviations["axis"][1] == "rad"
    np.testing.assert_allclose(deviations["xmax"][0], [10, -10])
    alone = deviations_of({"phi": true["phi"]}, {"phi": found["phi"]})
    np.testing.assert_allclose(alone["phi"][0], [1, 0.02])
