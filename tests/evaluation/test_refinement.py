"""Traces of two samples compared: the classifier's score, means by signal, examples before and after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.detectors import SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.errors import InvalidEvents
from moliere.evaluation.refinement import example_traces, mean_traces, trace_test, triggered_traces
from moliere.events import Events

ARRAY = SurfaceArray("small", station_positions(3, 1500e3, 0.0, "cartesian"), 10, 25.0)


def sample(n: int, scale: float, seed: int) -> Events:
    rng = np.random.default_rng(seed)
    traces = scale * rng.exponential(30, (n, 9, 10)) * rng.exponential(1, (n, 9, 1))
    traces[rng.random((n, 9)) < 0.3] = 0
    return Events(ARRAY, {"energy": np.linspace(1e12, 1e14, n)}, traces.reshape(n, -1).astype(np.float32))


def test_silent_stations_have_no_traces() -> None:
    events = sample(50, 1.0, 0)
    traces = triggered_traces(events)
    assert len(traces) == (events.signals.reshape(-1, 10).sum(axis=1) > 0).sum()
    with pytest.raises(InvalidEvents, match="needs a detector of kind surface-array"):
        triggered_traces(Events(catalog.get("calogan"), {"energy": np.ones(1)}, np.zeros((1, 504))))


def test_equal_samples_are_not_told_apart_and_others_are() -> None:
    data = sample(300, 1.0, 0)
    equal, other = (trace_test(data, sample(300, scale, 1), 0, ("boosting",)).worst for scale in (1.0, 1.5))
    assert abs(equal.auc - 0.5) < 4 * equal.auc_error
    assert other.auc > 0.5 + 5 * other.auc_error


def test_mean_traces_are_those_of_stations_with_such_signals() -> None:
    events = {"data": sample(200, 1.0, 0), "simulation": sample(200, 2.0, 1)}
    found = mean_traces(events)
    assert [mean.signals for mean in found][:2] == [(0.0, 200.0), (200.0, 1000.0)]
    for name, of_sample in events.items():
        traces = triggered_traces(of_sample)
        expected = traces[traces.sum(axis=1) < 200].mean(axis=0)
        np.testing.assert_allclose(found[0].traces[name], expected)


def test_examples_are_the_same_stations_of_the_nearest_event() -> None:
    original = sample(20, 1.0, 0)
    refined = replace(original, signals=2 * original.signals)
    found = example_traces(original, refined, 5e13)
    assert len({example.energy for example in found}) == 1
    assert abs(found[0].energy - 5e13) < 3e12
    totals = [sum(example.original) for example in found]
    assert totals == sorted(totals, reverse=True)
    for example in found:
        np.testing.assert_allclose(example.refined, 2 * np.array(example.original))
