from __future__ import annotations

import re
from dataclasses import replace

import pytest

from moliere.evaluation.result import Report
from moliere.report.citations import cited


def _links(report: Report) -> list[str]:
    return [paper.link.removeprefix("https://arxiv.org/abs/") for paper in cited(report)]


def test_what_is_in_the_report_is_cited_once(report: Report) -> None:
    kpd = replace(report.figures[1], name="kpd")
    links = _links(replace(report, figures=(*report.figures, kpd)))
    assert links == ["2410.21611", "1610.06545", "2211.10295", "physics/0605123", "1808.09011"]


def test_what_is_not_in_the_report_is_not_cited(bare_report: Report) -> None:
    assert _links(replace(bare_report, figures=())) == ["2410.21611"]


@pytest.mark.parametrize(
    ("suite", "kind", "link"),
    [
        ("calogan", "calorimeter", "1712.10321"),
        ("3dgan", "calorimeter", "2109.07388"),
        ("calochallenge", "calorimeter", "2410.21611"),
        ("surface-array", "surface-array", "1802.03325"),
        ("phase-space", "phase-space", "1909.04451"),
    ],
)
def test_observables_are_cited_by_suite_and_detector(report: Report, suite: str, kind: str, link: str) -> None:
    changed = replace(report, settings={"suite": suite}, detector={**report.detector, "kind": kind}, figures=())
    assert _links(changed)[0] == link


def test_papers_have_an_author_a_year_and_a_link(report: Report) -> None:
    for paper in cited(report):
        assert re.fullmatch(r"\w\. .+", paper.author)
        assert 2000 < paper.year < 2100
        assert paper.link.startswith("https://")
