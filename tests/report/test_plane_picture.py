"""Pairs of observables on the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.evaluation.findings.planes import Plane, Planes
from moliere.evaluation.findings.shares import Share, Shares
from moliere.evaluation.result import Report
from moliere.report.drawing.planes import draw_pairs, draw_plane, plane_table
from moliere.report.html import render_report


def make_plane(x: str, y: str, *, rare: bool = False) -> Plane:
    rng = np.random.default_rng(len(x))
    tables = [tuple(map(tuple, rng.uniform(0, 0.1, (4, 3)).tolist())) for _ in range(4)]
    edges = (1.0, 10.0, 100.0, 1000.0, 10000.0), (0.0, 1.0, 2.0, 3.0)
    names = (x, y), (f"{x} (MeV)", f"{y} (mm)"), (True, False)
    return Plane(*names, *edges, *(tables if rare else tables[:2]))


@pytest.mark.parametrize(("rare", "panels"), [(False, 3), (True, 6)])
def test_a_plane_shows_both_samples_their_ratio_and_how_rare_events_are(rare: bool, panels: int) -> None:
    plane = make_plane("p", "r", rare=rare)
    figure = draw_plane(plane)
    drawn = [axes for axes in figure.axes if axes.get_xlabel() == "p (MeV)"]
    assert len(drawn) == panels
    first = drawn[0].collections[0].get_array()
    assert pytest.approx(np.array(plane.reference)) == np.asarray(first).reshape(3, 4).T


def test_reference_lies_below_the_diagonal_and_generated_above() -> None:
    planes = [make_plane("a", "b"), make_plane("a", "c"), make_plane("b", "c")]
    grid = np.array(draw_pairs(planes).axes).reshape(3, 3)
    for plane, (i, j) in zip(planes, [(0, 1), (0, 2), (1, 2)], strict=True):
        below, above = (np.asarray(axes.collections[0].get_array()) for axes in (grid[j, i], grid[i, j]))
        assert pytest.approx(np.array(plane.reference)) == below.reshape(3, 4).T
        assert above.reshape(4, 3) == pytest.approx(np.array(plane.generated))
    assert [grid[k, k].texts[0].get_text() for k in range(3)] == ["a\n(MeV)", "b\n(MeV)", "c\n(mm)"]


def test_empty_planes_are_drawn() -> None:
    plane = make_plane("p", "r")
    empty = replace(plane, reference=((0.0,) * 3,) * 4, generated=((0.0,) * 3,) * 4)
    assert draw_plane(empty).axes
    assert draw_pairs([empty]).axes


def test_the_table_holds_every_bin() -> None:
    plane = make_plane("p", "r")
    table = plane_table(plane)
    assert {len(column) for column in table.values()} == {12}
    assert table["p (MeV) low"][3] == 10.0
    assert table["r (mm) high"][:3] == [1.0, 2.0, 3.0]
    assert table["generated"][5] == plane.generated[1][2]


def test_the_page_has_them(bare_report: Report, page: str) -> None:
    share = Share("p above 100 GeV", 0.012, 0.001, 0.034, 0.002, 1e-9)
    plain = page
    more = Planes((make_plane("p", "r"), make_plane("a", "b"))), Shares((share,))
    page = render_report(replace(bare_report, findings=(*bare_report.findings, *more)))[1]
    for words in ("p above 100 GeV", "What users count", "All pairs of columns"):
        assert words in page
        assert words not in plain
