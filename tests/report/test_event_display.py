from __future__ import annotations

import json

import numpy as np
import pytest

from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.evaluation.findings.examples import Examples
from moliere.evaluation.result import Report
from moliere.report.event_display import EventPair, display_to_json, energy_range, event_pairs, lit_cells
from moliere.report.event_picture import draw_pair, faces
from moliere.report.scene import Scene, build_scene


@pytest.fixture
def scene(detector: Calorimeter) -> Scene:
    return build_scene(detector)


@pytest.fixture
def pair(detector: Calorimeter) -> EventPair:
    rng = np.random.default_rng(1)
    cells = [np.flatnonzero(rng.random(detector.n_channels) < 0.5) for _ in range(2)]
    lit = [lit_cells(some.tolist(), (1 + rng.exponential(50.0, len(some))).tolist()) for some in cells]
    return EventPair("50 GeV", *lit)


def test_faintest_first_and_only_the_brightest_when_there_are_too_many() -> None:
    lit = lit_cells([10, 20, 30, 40], [5.0, 1.0, 4.0, 3.0], limit=3)
    assert lit.channels.tolist() == [40, 30, 10]
    assert lit.n_lit == 4
    assert lit.total == 13.0


def test_examples_are_paired_by_turn_with_the_most_energetic_first(report: Report) -> None:
    examples = report.find(Examples)
    assert examples is not None
    pairs = event_pairs(examples.events)
    assert [pair.title for pair in pairs] == ["50 GeV", "1 GeV"]
    assert pairs[0].reference.energies.max() == 2000.0
    assert event_pairs(examples.events[:1]) == []  # nothing to compare with


def test_json_holds_every_lit_cell_and_survives_a_round_trip(scene: Scene, pair: EventPair) -> None:
    data = json.loads(json.dumps(display_to_json(scene, [pair]), allow_nan=False))
    event = data["events"][0]
    assert event["title"] == "50 GeV"
    assert event["generated"]["channels"] == pair.generated.channels.tolist()
    np.testing.assert_allclose(event["generated"]["energies"], pair.generated.energies, rtol=5e-3)
    assert [layer["first"] for layer in data["views"][0]["layers"]] == [0, 12, 24]
    np.testing.assert_allclose(data["views"][0]["layers"][2]["u"], np.linspace(-np.pi, np.pi, 5), rtol=1e-5)


def test_one_solid_for_each_lit_cell(scene: Scene, pair: EventPair) -> None:
    quads, owner = faces(scene.shown, pair.reference.channels)
    assert sorted(set(owner.tolist())) == list(range(len(pair.reference.channels)))
    assert len(quads) == len(owner)
    assert (np.diff(owner) >= 0).all()  # painted faintest first


def test_last_view_is_always_to_scale() -> None:
    wide = build_scene(Calorimeter("wide", (Layer(0, PolarGrid((0.0, 2.0, 2000.0), 1), z=(10.0, 20.0)),)))
    dark = lit_cells([], [])
    views = display_to_json(wide, [EventPair("", dark, dark)])["views"]
    assert len(views) == 2
    assert views[-1]["layers"][0]["v"] == [0.0, 2.0, 2000.0]
    assert views[-1]["span"] == [10.0, 20.0]


def test_colour_scale_spans_what_is_lit(pair: EventPair) -> None:
    low, high = energy_range(pair.reference.energies, pair.generated.energies)
    energies = np.concatenate([pair.reference.energies, pair.generated.energies])
    assert high == energies.max()
    assert low == pytest.approx(max(energies.min(), 1e-4 * high))


def test_dark_events_and_single_cells_have_a_colour_scale_and_a_picture(scene: Scene) -> None:
    dark, single = lit_cells([], []), lit_cells([3], [1.0])
    for pair in (EventPair("dark", dark, dark), EventPair("single", single, dark)):
        low, high = energy_range(pair.reference.energies, pair.generated.energies)
        assert 0 < low < high
        draw_pair(scene, pair).canvas.draw()


def test_static_picture_is_not_empty(scene: Scene, pair: EventPair) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(draw_pair(scene, pair))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].reshape(-1, 3)
    assert (pixels.max(axis=1) > 120).mean() > 0.02  # bright cells on a dark stage
