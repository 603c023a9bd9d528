from __future__ import annotations

import json

import numpy as np
import pytest

from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.report.event_display import EventPair, display_to_json, energy_range, lit_cells
from moliere.report.event_picture import draw_pair
from moliere.report.scene import Scene, build_scene


@pytest.fixture
def scene() -> Scene:
    grid = PolarGrid(r_edges=(0.0, 2.0, 5.0), n_alpha=6)
    return build_scene(Calorimeter("toy", tuple(Layer(k, grid, z=(5.0 * k, 5.0 * k + 5)) for k in range(3))))


@pytest.fixture
def pair() -> EventPair:
    rng = np.random.default_rng(1)
    signals = (rng.random((2, 36)) < 0.4) * rng.exponential(50.0, (2, 36)).astype(np.float32)
    return EventPair("50 GeV", lit_cells(signals[0], threshold=1.0), lit_cells(signals[1], threshold=1.0))


def test_one_solid_for_each_cell_above_threshold() -> None:
    signals = np.array([0.0, 1.0, 1.5, 7.0, 0.2], dtype=np.float32)
    lit = lit_cells(signals, threshold=1.0)
    assert lit.channels.tolist() == [2, 3]
    assert lit.n_lit == 2
    assert lit.total == pytest.approx(9.7)


def test_faintest_first_and_only_the_brightest_when_there_are_too_many() -> None:
    lit = lit_cells(np.array([5.0, 1.0, 4.0, 3.0], dtype=np.float32), limit=3)
    assert lit.channels.tolist() == [3, 2, 0]
    assert lit.n_lit == 4


def test_json_holds_every_lit_cell_and_survives_a_round_trip(scene: Scene, pair: EventPair) -> None:
    data = json.loads(json.dumps(display_to_json(scene, [pair]), allow_nan=False))
    event = data["events"][0]
    assert event["title"] == "50 GeV"
    assert event["generated"]["channels"] == pair.generated.channels.tolist()
    np.testing.assert_allclose(event["generated"]["energies"], pair.generated.energies, rtol=5e-3)
    assert [layer["first"] for layer in data["views"][0]["layers"]] == [0, 12, 24]
    np.testing.assert_allclose(data["views"][0]["layers"][2]["u"], np.linspace(-np.pi, np.pi, 7), rtol=1e-5)


def test_last_view_is_always_to_scale() -> None:
    wide = build_scene(Calorimeter("wide", (Layer(0, PolarGrid((0.0, 2.0, 2000.0), 1), z=(10.0, 20.0)),)))
    dark = lit_cells(np.zeros(2, dtype=np.float32))
    views = display_to_json(wide, [EventPair("", dark, dark)])["views"]
    assert len(views) == 2
    assert views[-1]["layers"][0]["v"] == [0.0, 2.0, 2000.0]
    assert views[-1]["span"] == [10.0, 20.0]


def test_colour_scale_spans_what_is_lit(pair: EventPair) -> None:
    low, high = energy_range(pair)
    energies = np.concatenate([pair.reference.energies, pair.generated.energies])
    assert high == energies.max()
    assert low == pytest.approx(max(energies.min(), 1e-4 * high))


def test_dark_events_and_single_cells_have_a_colour_scale_and_a_picture(scene: Scene) -> None:
    dark = lit_cells(np.zeros(36, dtype=np.float32))
    single = lit_cells(np.eye(36, dtype=np.float32)[3])
    for pair in (EventPair("dark", dark, dark), EventPair("single", single, dark)):
        low, high = energy_range(pair)
        assert 0 < low < high
        draw_pair(scene, pair).canvas.draw()


def test_static_picture_is_not_empty(scene: Scene, pair: EventPair) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw_pair(scene, pair))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].reshape(-1, 3)
    assert (pixels.max(axis=1) > 120).mean() > 0.02  # bright cells on a dark stage
