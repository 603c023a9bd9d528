"""Showers on the ground: sizes, colours, what the player gets, and arrays without times or traces."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from moliere.detectors import SurfaceArray
from moliere.detectors.surface_array import station_positions
from moliere.evaluation import evaluate
from moliere.evaluation.findings.examples import ExampleEvent, Examples
from moliere.evaluation.findings.mean_showers import MeanShowers
from moliere.evaluation.result import Report
from moliere.events import Events
from moliere.report.footprints import draw_ground, footprint_of, footprint_pairs, footprints_to_json
from moliere.report.html import render_report

ARRAY = SurfaceArray("small", station_positions(3, 1500e3, 0.0, "cartesian"), 10, 25.0, (3, 3))


def sample(n: int, seed: int) -> Events:
    rng = np.random.default_rng(seed)
    traces = rng.exponential(30, (n, 9, 10))
    traces[rng.random((n, 9)) < 0.3] = 0
    times = np.where(traces.any(axis=2), rng.normal(0, 100, (n, 9)), np.nan)
    incident = {"energy": np.linspace(1e12, 1e14, n)}
    return Events(ARRAY, incident, traces.reshape(n, -1), extras={"arrival_times": times})


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(sample(150, 0), sample(150, 1), classifier_seeds=0, threads=1)


def test_an_example_comes_back_as_its_stations() -> None:
    event = ExampleEvent("reference", 1e13, (0, 15), (2.0, 5.0), times=(300.0, 250.0, *[None] * 7))
    found = footprint_of(event, ARRAY)
    assert found.traces[0, 0] == 2
    assert found.traces[1, 5] == 5
    assert found.totals.tolist() == [2, 5, *[0] * 7]
    assert found.times[:2].tolist() == [50, 0]  # from the first station's
    assert np.isnan(found.times[2:]).all()


def test_the_page_shows_the_average_and_pairs_and_plays_them(report: Report) -> None:
    sections, page = render_report(report)
    named = {section.anchor: section for section in sections}
    assert [picture.name for picture in named["ground"].pictures] == ["footprint-mean"]
    assert [picture.name for picture in named["footprints"].pictures][:1] == ["footprint-0"]
    table, means = named["ground"].pictures[0].table, report.find(MeanShowers)
    assert table is not None
    assert means is not None
    np.testing.assert_allclose(
        sum(float(value) for value in table["reference (VEM)"]), sum(means.showers[0].reference), rtol=1e-3
    )
    assert 'id="footprint-player"' in page
    data = page.split('id="footprint-data">')[1].split("</script>")[0]
    shower = json.loads(data)["pairs"][0]["showers"][0]
    assert len(shower["stations"]) == len(shower["times"]) == len(shower["traces"])
    assert all(len(trace) == 10 for trace in shower["traces"])


def test_without_times_stations_are_grey_and_without_traces_nothing_plays(report: Report) -> None:
    examples = report.find(Examples)
    assert examples is not None
    timeless = [replace(event, times=()) for event in examples.events]
    assert len(footprint_pairs(timeless, ARRAY)) > 1
    summed = SurfaceArray("sums", ARRAY.positions, 1, 250.0, (3, 3))
    flat = [replace(event, channels=(3,), signals=(1.0,)) for event in examples.events]
    assert footprints_to_json(flat, summed) is None
    assert footprints_to_json([], ARRAY) is None


def test_a_ground_without_times_shows_signals_as_colours_on_one_scale() -> None:
    array = SurfaceArray("line", station_positions(3, 1500e3, 0.0, "cartesian"), 1, 25.0)
    bright, faint = (np.where(np.arange(9) < 3, height, 0.0) for height in (1e5, 1e3))
    faint[0] = np.nan  # another way to say silence
    for signals, lit in ((bright, 3), (faint, 2), (np.zeros(9), 0)):
        ground, bar = draw_ground(signals, array, "", (1e2, 1e6)).axes
        silent, stations = ground.collections
        assert len(stations.get_offsets()) == lit
        assert len(silent.get_offsets()) == 9 - lit
        assert stations.get_clim() == (1e2, 1e6)
        assert bar.get_ylabel() == "signal (VEM)"
    own = draw_ground(bright, array, "").axes[0].collections[1]
    assert own.get_clim()[0] == 1e5
    assert draw_ground(np.zeros(9), array, "").axes[0].collections[0].get_offsets().shape == (9, 2)
