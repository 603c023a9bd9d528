from __future__ import annotations

import pytest

from moliere.errors import ConfigError, UnknownName
from moliere.evaluation.finding import Metric
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
    with pytest.raises(UnknownName, match="did you mean 'fpd'"):
        parse_condition("fpdd>1").holds(report(fpd=0.1))
    with pytest.raises(UnknownName, match="no metric 'auc_high'"):
        parse_condition("auc_high>0.7").holds(report(fpd=0.1))
