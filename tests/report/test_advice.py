"""The page begins with pictures and ends with what to do; its commands are those that made it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest
import typer

from moliere.cli.app import app
from moliere.evaluation import Metric, Report
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.report.advice import command, next_steps


def _auc(value: float, error: float = 0.01) -> Classifiers:
    metric = Metric("auc-x", "AUC, x", "classifier", value, error, 0.5, error, tolerance=0.05)
    return Classifiers(metrics=(metric,))


def _made_by(report: Report, bundle: str, *, n_used: int = 50_000, **metadata: object) -> Report:
    generated = replace(report.generated, n_used=n_used, metadata={"generator": f"moliere bundle {bundle}", **metadata})
    return replace(report, generated=generated, reference=replace(report.reference, n_used=n_used), findings=())


def test_a_training_that_was_cut_short_is_finished_first(bare_report: Report) -> None:
    said = "63 of 5,000 iterations: undertrained"
    steps = list(next_steps(_made_by(bare_report, "photons", undertrained=said)))
    assert said in steps[0][0]
    assert steps[0][1].startswith("moliere train photons --resume")


def test_the_recipe_of_a_poor_model_is_to_be_trained_longer(bare_report: Report) -> None:
    report = replace(_made_by(bare_report, "photons"), findings=(_auc(0.97),))
    assert [line for _, line in next_steps(report)] == ["moliere train photons EVENTS --iterations NUMBER"]
    own = replace(_made_by(bare_report, "../mine"), findings=(_auc(0.97),))
    assert [line for _, line in next_steps(own)] == ["moliere list recipes"]


@pytest.mark.parametrize("value", [0.5, 0.97])
def test_few_events_ask_for_more_of_the_reference_that_was_used(bare_report: Report, value: float) -> None:
    report = replace(_made_by(bare_report, "my model", n_used=400), findings=(_auc(value, 0.2),))
    text, line = next(next_steps(report))
    assert "400" in text
    assert "5.0 times smaller" in text
    assert shlex.split(line)[2:5] == ["my model", "--like", report.reference.name]


def test_a_good_sample_is_told_to_look_at_its_own_analysis(bare_report: Report) -> None:
    report = replace(_made_by(bare_report, "photons"), findings=(_auc(0.5),))
    assert [line for _, line in next_steps(report)] == [""]


def test_the_command_of_the_page_is_understood(bare_report: Report) -> None:
    """Every option that the page names is one of the command line."""
    settings = {"suite": "calorimeter", "seed": 3, "part": "test", "bundle": "b c", "match_incident": True}
    settings |= {"max_events": 100, "classifier_seeds": 2, "threshold": 0.25}
    reference = replace(bare_report.reference, name="my photons.h5 (test)")
    report = replace(bare_report, settings=settings, reference=reference, baseline=bare_report.generated)
    words = shlex.split(command(report))
    assert words[:4] == ["moliere", "evaluate", "my photons.h5", report.generated.name]
    group: Any = typer.main.get_command(app)
    known = group.commands["evaluate"].make_context("evaluate", words[2:]).params
    assert (known["part"], known["bundle"], known["seed"], known["match_incident"]) == ("test", "b c", 3, True)


def test_pictures_come_before_tables_and_advice_comes_last(report: Report, page: str) -> None:
    verdict, glance, table = (
        page.index(mark) for mark in ('class="headline', 'class="glance"', '<table class="scores')
    )
    assert verdict < glance < table
    assert page.index('<section id="next">') > page.index('<section id="papers">')
    assert command(report).split()[2] in page[page.index("Reproduce") :]
