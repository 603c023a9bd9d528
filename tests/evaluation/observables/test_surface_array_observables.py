from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import SurfaceArray
from moliere.detectors.surface_array import station_positions
from moliere.evaluation.observables.surface_array import (
    LABELS,
    array_observables,
    arrival_spread,
    quantile_times,
    ring_boundaries,
    ring_labels,
    ring_signals,
)

#: four stations in a row, 1 km apart, four bins of 10 ns
ROW = SurfaceArray("row", tuple((1e6 * k, 0.0, 0.0) for k in range(4)), n_bins=4, bin_width=10.0)
TRACES = np.zeros((2, 4, 4), np.float32)
TRACES[0, 1] = 0, 10, 10, 0
TRACES[0, 2] = 0, 0, 0, 5


def flat(traces: np.ndarray) -> np.ndarray:
    return traces.reshape(len(traces), -1).astype(np.float32)


def test_a_shower_by_hand_and_an_empty_one() -> None:
    arrival_times = np.array([[np.nan, 100.0, 160.0, np.nan], [np.nan] * 4])
    observed = array_observables(ROW, flat(TRACES), arrival_times)
    assert list(observed) == list(LABELS)
    # the summed trace is 0, 10, 10, 5: a tenth is 2.5, a half 12.5, nine tenths 22.5
    times, rises = [12.5, 22.5, 35, 12, 20, 28], [10, 8]
    assert [float(values[0]) for values in observed.values()] == pytest.approx([25, 2, 20, *times, *rises, 30])
    assert all(values[1] == 0 for values in observed.values())


def test_rings_are_around_the_hottest_station() -> None:
    """Four stations in a row, the second the hottest: itself, its two neighbours, and one two kilometres away."""
    traces = np.zeros((2, 4, 4), np.float32)
    traces[0, :, 0] = 6, 20, 4, 3
    found = ring_signals(ROW, flat(traces))
    assert [values[0] for values in found.values()] == [20, 5, 3]
    assert all(values[1] == 0 for values in found.values())
    assert ring_labels(ROW)["ring_signal[1]"] == "signal at 500 – 1,500 m from the hottest station"


def test_arrival_times_are_optional_and_the_trigger_has_a_level() -> None:
    observed = array_observables(ROW, flat(TRACES), trigger=5.0)
    assert list(observed) == list(LABELS)[:-1]
    assert observed["triggered_stations"].tolist() == [1, 0]


def test_quantile_times_against_inverted_curves() -> None:
    rng = np.random.default_rng(0)
    traces = rng.exponential(1, (40, 80)) + 1e-3
    traces[:, :5] = 0
    edges = np.arange(81) * 25.0
    for row, times in zip(traces, quantile_times(traces, 25.0, (0.05, 0.1, 0.5, 0.99)), strict=True):
        collected = np.concatenate([[0], np.cumsum(row)]) / row.sum()
        # before the first signal the curve is flat and has no inverse
        assert times == pytest.approx(np.interp([0.05, 0.1, 0.5, 0.99], collected[5:], edges[5:]))


def test_exponential_trace_has_its_closed_form() -> None:
    edges = np.arange(0, 2001, 0.5)
    trace = np.exp(-edges[:-1] / 100) - np.exp(-edges[1:] / 100)
    times = quantile_times(trace[None], 0.5, (0.1, 0.5, 0.9))[0]
    assert times == pytest.approx([-100 * np.log(1 - q) for q in (0.1, 0.5, 0.9)], abs=1e-3)


def test_scale_and_start_of_a_trace() -> None:
    trace = np.array([[1.0, 3.0, 0.0, 2.0, 0.0, 0.0]])
    plain = quantile_times(trace, 25.0)
    assert quantile_times(7 * trace, 25.0) == pytest.approx(plain)
    assert quantile_times(np.roll(trace, 2, axis=1), 25.0) == pytest.approx(plain + 50)


def test_arrival_spread_is_that_of_the_stations_present() -> None:
    rng = np.random.default_rng(1)
    times = rng.normal(1e6, 60, (30, 9))
    times[rng.random(times.shape) < 0.3] = np.nan
    assert arrival_spread(times) == pytest.approx(np.nanstd(times, axis=1), rel=1e-9)
    assert arrival_spread(np.array([[np.nan, 3.0], [np.nan, np.nan]])).tolist() == [0, 0]


@pytest.mark.parametrize("layout", ["cartesian", "axial", "offset"])
def test_no_station_lies_on_a_ring_boundary(layout: str) -> None:
    positions = station_positions(9, 1500e3, 1400e3, layout)  # type: ignore[arg-type]
    boundaries = ring_boundaries(SurfaceArray("array", positions, 80, 25.0))
    assert boundaries[:2] == pytest.approx([750e3, 2250e3])
    xy = np.array(positions)[:, :2]
    distances = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    assert np.abs(distances[..., None] - boundaries).min() > 1e3  # a metre
    assert boundaries[-1] < distances.max() <= boundaries[-1] + 1500e3


def test_a_single_station_has_one_ring() -> None:
    single = SurfaceArray("single", ((0.0, 0.0, 0.0),), 4, 10.0)
    assert len(ring_boundaries(single)) == 0


def test_pieces_are_parts_of_the_whole() -> None:
    signals = flat(np.random.default_rng(3).exponential(1, (9, 4, 4)))
    whole = array_observables(ROW, signals)
    parts = [array_observables(ROW, signals[part]) for part in (slice(4), slice(4, 4), slice(4, 9))]
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([part[name] for part in parts])), name
