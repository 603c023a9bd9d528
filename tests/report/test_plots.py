from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from moliere.detectors.calorimeter import Calorimeter
from moliere.evaluation.findings.response import Response
from moliere.evaluation.histograms import HistogramPair
from moliere.report.drawing.mean_showers import draw_average_showers
from moliere.report.plots import draw_histogram, draw_resolution, draw_response, fractions, point_beyond, visible_bins
from moliere.report.profiles import draw_longitudinal, draw_radial, energy_beyond
from moliere.report.scene import build_scene
from moliere.report.style import new_figure, to_element, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _histogram(reference: list[float], generated: list[float], *, log_x: bool = False) -> HistogramPair:
    n_bins = len(reference) - 2
    edges = np.geomspace(1, 100, n_bins + 1) if log_x else np.linspace(0, n_bins, n_bins + 1)
    values = (0.1, 0.01, 0.5, 1.0)
    counts = tuple(reference), tuple(generated)
    return HistogramPair("x", "the $label$", "mm", "energy", tuple(edges.tolist()), *counts, log_x, *values)


def _words(figure: Figure) -> str:
    root = ElementTree.fromstring(to_svg(figure))
    return " | ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))


def test_fractions_are_of_all_events_with_poisson_errors() -> None:
    values, errors = fractions([6.0, 4.0, 9.0, 1.0])
    assert values.tolist() == [0.2, 0.45]
    assert errors.tolist() == [0.1, 0.15]


def test_plot_says_what_lies_outside_and_what_is_drawn() -> None:
    words = _words(draw_histogram(_histogram([1, 5, 3, 0, 1], [0, 50, 30, 19, 1])))
    assert "outside 20.00 % | 1.00 %" in words
    assert "the $label$ (mm)" in words  # no mathematics in names from outside
    assert "reference" in words
    assert "generated" in words


def test_nothing_outside_is_not_mentioned() -> None:
    assert "outside" not in _words(draw_histogram(_histogram([0, 5, 3, 2, 0], [0, 3, 3, 4, 0])))


def test_curves_lie_where_the_numbers_say() -> None:
    figure = draw_histogram(_histogram([0, 10, 30, 60, 0], [0, 20, 20, 60, 0]))
    upper, lower = figure.axes
    filled, _, line = upper.patches
    assert filled.get_data().values.tolist() == [0.1, 0.3, 0.6]  # type: ignore[attr-defined]
    assert line.get_data().values.tolist() == [0.2, 0.2, 0.6]  # type: ignore[attr-defined]
    ratio = np.asarray(lower.lines[1].get_ydata(), float)
    np.testing.assert_allclose(ratio[::3], [2.0, 2 / 3, 1.0])


def test_axis_is_cut_where_it_would_be_empty_but_no_bin_is_lost() -> None:
    crowded = [0.0] * 102
    crowded[3:13] = [100.0] * 10
    crowded[90] = 1.0
    pair = _histogram(crowded, crowded)
    seen = visible_bins(pair)
    assert seen == slice(1, 13)
    assert "above 0.10 % | 0.10 %" in _words(draw_histogram(pair))
    full = _histogram([0.0, *[5.0] * 100, 0.0], [0.0, *[5.0] * 100, 0.0])
    assert visible_bins(full) == slice(0, 100)


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize(
    ("reference", "generated"),
    [
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
        ([9, 0, 0, 0, 0], [0, 0, 0, 0, 9]),
        ([0, 0, 7, 0, 0], [0, 3, 0, 0, 0]),
        ([0, 1, 0, 100_000, 0], [0, 0, 1, 100_000, 0]),
    ],
)
def test_sparse_and_empty_histograms_can_be_drawn(reference: list[float], generated: list[float], log_x: bool) -> None:
    assert "fraction" in _words(draw_histogram(_histogram(reference, generated, log_x=log_x)))


def test_response_curves_stand_at_their_energies(response: Response) -> None:
    points = (*response.points, replace(response.points[0], energy=5000.0, generated_mean=0.5))
    upper, lower = draw_response(points).axes
    np.testing.assert_allclose(upper.lines[0].get_xdata(), [1.0, 50.0, 5.0])
    np.testing.assert_allclose(lower.lines[0].get_ydata(), [0.99, 0.99, 0.5])
    low, high = lower.get_ylim()
    assert low < 0.5 < 1.5 < high  # the panel grows to hold what is drawn
    _, lower = draw_resolution(points).axes
    np.testing.assert_allclose(lower.lines[0].get_ydata(), [1.1 / 0.99, 1.1 / 0.99, 2.2])


def test_radial_curve_is_the_energy_beyond_each_ring() -> None:
    radii, share = energy_beyond(np.array([2.0, 2.0, 6.0, 6.0, 1.0]), np.array([1.0, 1.0, 3.0, 0.0, 5.0]))
    assert radii.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(share, [0.5, 0.3])


def test_longitudinal_curve_sums_the_cells_of_each_layer(detector: Calorimeter) -> None:
    mean = np.repeat([1.0, 3.0, 2.0], 12)
    upper, lower = draw_longitudinal(detector, mean, 2 * mean).axes
    assert upper.patches[0].get_data().values.tolist() == [12.0, 36.0, 24.0]  # type: ignore[attr-defined]
    assert lower.patches[0].get_data().values.tolist() == [2.0, 2.0, 2.0]  # type: ignore[attr-defined]


def test_numbers_at_ticks_stay_apart_and_on_the_canvas() -> None:
    figure = new_figure(2, 2)
    axes = figure.add_axes((0.1, 0.2, 0.88, 0.7))
    axes.set_xticks(range(9), [f"{-70750 + 250 * k}" for k in range(9)])
    to_svg(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_visible()]
    assert 2 <= len(boxes) < 9
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_average_showers_put_each_channel_into_its_cell(detector: Calorimeter, scale: float) -> None:
    mean = np.arange(1.0, 37.0)
    figure = draw_average_showers(build_scene(detector), mean, scale * mean, [2])
    reference, generated, ratio = (figure.axes[k].collections[0].get_array() for k in (0, 5, 10))
    pieces = reference.shape[0] // 4  # sectors are drawn in chords
    np.testing.assert_allclose(reference[::pieces], mean[24:].reshape(4, 3))
    np.testing.assert_allclose(np.ma.filled(ratio[::pieces], 0.0), np.full((4, 3), scale))
    assert bool(np.ma.getmaskarray(generated).all()) == (scale == 0)
    assert "reference" in _words(figure)


def test_dark_showers_can_be_drawn(detector: Calorimeter) -> None:
    dark = np.zeros(36)
    for figure in (
        draw_average_showers(build_scene(detector), dark, dark),
        draw_radial(detector, dark, dark),
        draw_longitudinal(detector, dark, dark),
    ):
        to_svg(figure)


def test_elements_of_a_page_take_its_colours_and_keep_their_identifiers_apart() -> None:
    svg = to_svg(draw_histogram(_histogram([0, 5, 3, 2, 0], [0, 3, 3, 4, 0])))
    first, second = (to_element(svg, name, 'a "label"') for name in ("one", "two"))
    root = ElementTree.fromstring(first)
    assert root.get("aria-label") == 'a "label"'
    assert "currentColor" in first
    assert "var(--generated)" in first
    assert "#1a1d22" not in first
    ids = [node.get("id") for node in root.iter() if node.get("id")]
    assert ids
    assert all(identifier.startswith("one-") for identifier in ids if identifier)
    assert not set(ids) & {node.get("id") for node in ElementTree.fromstring(second).iter()}


def test_short_paths_draw_the_same_lines() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 144), ylim=(0, 144))
    axes.set_axis_off()
    axes.plot([10, 10, 50, 70, 70, 20], [20, 60, 60, 90, 30, 30])
    assert 'd="M10 124V84H50L70 54V114H20"' in to_svg(figure).replace(".0", "")


@pytest.mark.parametrize(("faint", "scale"), [(1.0, "log"), (0.0, "log"), (900.0, "linear")])
def test_layers_are_logarithmic_where_one_is_a_thousandth(detector: Calorimeter, faint: float, scale: str) -> None:
    mean = np.full(detector.n_channels, 1.0)
    sums = [1000.0, faint, *[1.0 if scale == "log" else 1000.0] * (len(detector.read_out) - 2)]
    for layer, total in enumerate(sums):
        cells = slice(detector.boundaries[layer], detector.boundaries[layer + 1])
        mean[cells] = total / (cells.stop - cells.start)
    assert draw_longitudinal(detector, mean, mean).axes[0].get_yscale() == scale


@pytest.mark.parametrize(
    ("values", "below", "above"), [([1.0, 0.2], 1, 0), ([9.0, 0.1, 3.0], 1, 2), ([1.0, 1.2], 0, 0)]
)
def test_ratios_beyond_the_panel_are_pointed_at(values: list[float], below: int, above: int) -> None:
    axes = new_figure(2, 2).add_subplot()
    axes.set_ylim(0.5, 1.5)
    point_beyond(axes, np.arange(len(values), dtype=float), np.array(values))
    found = {str(line.get_marker()): len(line.get_xdata()) for line in axes.lines}
    assert found == {"v": below, "^": above}
    assert axes.get_ylim() == (0.5, 1.5)
