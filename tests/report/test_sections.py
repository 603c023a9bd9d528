from __future__ import annotations

from dataclasses import replace

import pytest

from moliere.detectors import catalog
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.evaluation.finding import Metric
from moliere.evaluation.findings.mean_showers import MeanShower
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.result import Report
from moliere.report import words
from moliere.report.drawing.mean_showers import draw_means
from moliere.report.drawing.observables import draw_separations, family, family_label, histogram_sections, member
from moliere.report.html import render_report
from moliere.report.style import to_svg

_DEEP = catalog.get("calochallenge-2")


def _family(template: HistogramPair, n_layers: int) -> list[HistogramPair]:
    return [replace(template, name=f"width_r[{k}]", separation=0.01 + k / 1000) for k in range(n_layers)]


def test_groups_keep_the_order_of_the_page_and_leave_out_what_is_empty(histograms: tuple[HistogramPair, ...]) -> None:
    voxels = replace(histograms[0], name="voxel_energy", group="voxels")
    sections = histogram_sections([voxels, *histograms], _DEEP)
    assert [section.anchor for section in sections] == ["energy", "voxels"]
    assert [picture.name for picture in sections[0].pictures] == ["layer_energy-0", "layer_energy-1"]
    assert sections[0].note  # how to read a histogram, said once
    assert not sections[1].note


def test_few_layers_are_all_drawn_and_many_are_condensed(histograms: tuple[HistogramPair, ...]) -> None:
    (few,) = histogram_sections(_family(histograms[0], 10), _DEEP)
    assert len(few.pictures) == 10
    assert not few.parts
    (many,) = histogram_sections(_family(histograms[0], 45), _DEEP)
    assert [picture.name for picture in many.pictures] == ["width_r-separation", "width_r-44", "width_r-43"]
    assert [part.title for part in many.parts] == ["width in r, each layer: all 45 layers"]
    assert many.pictures[0].title == "separation power: width in r, each layer"


def test_small_multiples_hold_a_panel_for_each_layer(histograms: tuple[HistogramPair, ...]) -> None:
    (many,) = histogram_sections(_family(histograms[0], 11), _DEEP)
    svg = many.parts[0].pictures[0].svg
    for k in range(11):
        assert f">{k}</text>" in svg
        assert f">{0.01 + k / 1000:.2g}</text>" in svg


@pytest.mark.parametrize("dark", [{0, 5}, set(range(11))])
def test_layers_without_any_separation_can_be_drawn(histograms: tuple[HistogramPair, ...], dark: set[int]) -> None:
    pairs = [
        replace(pair, separation=0.0, separation_floor=0.0) if member(pair) in dark else pair
        for pair in _family(histograms[0], 11)
    ]
    assert "separation power" in to_svg(draw_separations(pairs))


def test_a_family_is_called_as_people_call_it() -> None:
    assert family_label("centre_eta", _DEEP) == "centre in x, each layer"
    assert family_label("centre_eta", catalog.get("atlas-like-eta-020")) == "centre in eta, each layer"
    assert family_label("signal_of_station", _DEEP) == "signal of station"  # a suite's own, which has no label


def test_family_and_member_of_a_name(histograms: tuple[HistogramPair, ...]) -> None:
    pair = replace(histograms[0], name="centre_eta[12]")
    assert (family(pair), member(pair)) == ("centre_eta", 12)
    assert family(replace(pair, name="response")) == "response"


def test_showers_of_many_layers_are_folded() -> None:
    grid = PolarGrid((0.0, 1.0), 1)
    deep = Calorimeter("deep", tuple(Layer(k, grid, z=(float(k), k + 1.0)) for k in range(20)))
    mean = tuple(float(k + 1) for k in range(20))
    energies = [None, 1e3, 2e3, 3e3, 4e3, 5e3]
    showers = tuple(MeanShower(energy, mean, mean) for energy in energies)
    (section,) = draw_means(deep, showers)
    assert [picture.name for picture in section.pictures] == [
        "longitudinal-all",
        "radial-all",
        "projections-all",
        "showers-all-0-19-9",
    ]
    assert [part.title for part in section.parts] == ["Every layer", "At 1 GeV", "At 3 GeV", "At 5 GeV"]
    assert [picture.name for picture in section.parts[0].pictures] == [
        "showers-all-0-8-9",
        "showers-all-9-17-9",
        "showers-all-18-19-2",
    ]


def test_names_of_all_pictures_differ(report: Report, histograms: tuple[HistogramPair, ...]) -> None:
    response = replace(histograms[0], name="response")  # an observable of that name exists
    more = Observables((*histograms, response), 1.0)
    sections, _ = render_report(
        replace(report, findings=tuple(more if isinstance(x, Observables) else x for x in report.findings))
    )
    parts = [part for section in sections for part in (section, *section.parts)]
    names = [picture.name for part in parts for picture in part.pictures]
    assert len(names) > 10
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "value", "error", "floor", "expected"),
    [
        ("auc-voxels-mlp", 0.51, 0.01, 0.50, "good"),
        ("auc-voxels-mlp", 0.54, 0.001, 0.50, "good"),
        ("auc-voxels-mlp", 0.66, 0.01, 0.50, "fair"),
        ("auc-voxels-mlp", 0.98, 0.01, 0.50, "poor"),
        ("fpd", 0.02, 0.001, 0.01, "fair"),
        ("fpd", 0.2, 0.001, 0.01, "poor"),
        ("fpd", 0.2, 0.2, 0.01, "good"),
        ("fpd", 0.2, float("nan"), 0.01, "poor"),
    ],
)
def test_level_of_a_metric(name: str, value: float, error: float, floor: float, expected: str) -> None:
    metric = Metric(name, "", "classifier", value, error, floor, 0.0)
    assert words.level(metric) == expected


def test_headline_takes_the_colour_of_the_worst_classifier(report: Report) -> None:
    assert words.overall(report) == "fair"
    assert words.overall(replace(report, findings=report.findings[1:])) is None
