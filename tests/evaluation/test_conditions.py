from __future__ import annotations

import pytest

from moliere import samples
from moliere.errors import ConfigError, UnknownName
from moliere.evaluation import Finding, evaluate
from moliere.evaluation.finding import Metric, findings
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.evaluation.reading import parse_condition
from moliere.evaluation.result import Report, Sample


def report(**values: float) -> Report:
    """A report with these metrics and nothing else."""
    sample = Sample("file.h5", 1, 1, (1.0, 1.0))
    metrics = [Metric(k.replace("_", "-"), k, "classifier", v, 0.0, 0.0, 0.0) for k, v in values.items()]
    return Report("", {}, sample, sample, (Classifiers(metrics=tuple(metrics)),))


def test_the_worst_classifier_decides() -> None:
    found = report(auc_observables_boosting=0.6, auc_observables_mlp=0.72, auc_voxels_mlp=0.55, fpd=0.01)
    assert parse_condition("auc_high>0.7").holds(found)
    assert not parse_condition("auc_low > 0.7").holds(found)
    assert parse_condition("fpd<=0.01").holds(found)
    assert not parse_condition("auc-observables-boosting >= 0.61").holds(found)


@pytest.mark.parametrize("text", ["auc_high", "auc_high>", "auc_high>high", ">0.7", "auc_high=0.7"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write a figure, one of"):
        parse_condition(text)


def test_unknown_figures_are_named() -> None:
    with pytest.raises(UnknownName, match="no finding has a figure 'fpdd'; did you mean 'fpd'"):
        parse_condition("fpdd>1")
    with pytest.raises(UnknownName, match="did you mean 'auc-observables-boosting'"):
        parse_condition("auc-observable-bosting>0.7")
    with pytest.raises(UnknownName, match="no metric 'auc_high'"):
        parse_condition("auc_high>0.7").holds(report(fpd=0.1))


def test_a_finding_that_is_registered_declares_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    class Halo(Finding):
        figures = ("halo-share", "halo-layer-*")

    monkeypatch.setattr(findings, "_entries", {**findings, "halo": Halo})
    assert parse_condition("halo-share<0.5").figure == "halo-share"
    assert parse_condition("halo-layer-12>0").figure == "halo-layer-12"
    with pytest.raises(UnknownName, match="did you mean 'halo-share'"):
        parse_condition("halo-shar<0.5")


@pytest.mark.slow
def test_findings_declare_every_metric_that_they_have() -> None:
    mini = samples.open("photons-mini")
    found = evaluate(mini[:500], mini[500:1000], classifier_seeds=1, threads=1)
    assert len(found.metrics) > 10
    for metric in found.metrics:
        assert parse_condition(f"{metric.name}>0").figure == metric.name
