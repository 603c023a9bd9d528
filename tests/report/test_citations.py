from __future__ import annotations

import re
from dataclasses import replace

import pytest

from moliere.evaluation.result import Report
from moliere.evaluation.suites import suites
from moliere.report.html import cited


def _links(report: Report) -> list[str]:
    return [paper.link.removeprefix("https://arxiv.org/abs/") for paper in cited(report)]


def test_what_is_in_the_report_is_cited_once(report: Report) -> None:
    twice = replace(report, findings=(*report.findings, *report.findings))
    assert _links(twice) == ["2410.21611", "1610.06545", "2211.10295", "physics/0605123", "1808.09011", "2109.02551"]


def test_what_is_not_in_the_report_is_not_cited(report: Report) -> None:
    assert _links(replace(report, findings=())) == ["2410.21611"]
    assert _links(replace(report, findings=(), settings={"suite": "somebody's own"})) == []


@pytest.mark.parametrize("suite", [*suites])
def test_observables_of_every_suite_are_cited(report: Report, suite: str) -> None:
    links = {
        "calogan": "1712.10321",
        "3dgan": "2109.07388",
        "surface-array": "1802.03325",
        "phase-space": "1909.04451",
        "ship": "1909.04451",
    }
    changed = replace(report, settings={"suite": suite}, findings=())
    assert _links(changed) == [links.get(suite, "2410.21611")]


def test_papers_have_an_author_a_year_and_a_link(report: Report) -> None:
    for paper in cited(report):
        assert re.fullmatch(r"\w\. .+|.+ Collaboration", paper.author)
        assert 2000 < paper.year < 2100
        assert paper.link.startswith("https://")
