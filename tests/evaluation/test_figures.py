"""What an evaluation says of one fixed pair of samples, so that a change that moves a number is seen as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moliere.evaluation import Report, evaluate
from moliere.events import Events

#: value and floor of what is computed, for two halves and for a second half with 5 % more energy in every cell
_COMPUTED = {
    "halves": {
        "fpd": (0.01451, 0.02355),
        "precision": (0.948, 0.962),
        "coverage": (0.970, 0.980),
        "response-mean": (0.8162, 1.669),
        "separation-mean": (0.01887, 0.0157),
        "wasserstein-worst": (0.1255, 0.1003),
        "ks-worst": (0.05, 0.0613),
        "correlations": (0.05782, 0.05933),
    },
    "brighter": {
        "fpd": (0.01586, 0.02355),
        "response-mean": (5.636, 1.713),
        "separation-worst": (0.3325, 0.05971),
        "wasserstein-worst": (0.7728, 0.1003),
        "ks-worst": (0.534, 0.0613),
    },
}
#: AUC, which other versions of scikit-learn and torch learn a little differently
_LEARNED = {
    "halves": {"auc-observables-boosting": 0.517, "auc-observables-mlp": 0.516, "auc-voxels-boosting": 0.506},
    "brighter": {"auc-observables-boosting": 0.850, "auc-voxels-mlp": 0.668},
}
_VERDICTS = {"halves": "indistinguishable at this sample size", "brighter": "clearly different"}


@pytest.fixture(scope="module", params=_COMPUTED)
def compared(request: pytest.FixtureRequest, mini: Events) -> tuple[str, Report]:
    half = len(mini) // 2
    other = mini[half:]
    if request.param == "brighter":
        other = replace(other, signals=(other.signals * np.float32(1.05)).astype(np.float32))
    return request.param, evaluate(mini[:half], other, max_events=1000, classifier_seeds=1, threads=1)


def test_the_figures_of_a_fixed_pair_stay(compared: tuple[str, Report]) -> None:
    name, report = compared
    for figure, (value, floor) in _COMPUTED[name].items():
        metric = report.metric(figure)
        assert metric.value == pytest.approx(value, rel=0.01), figure
        assert metric.floor == pytest.approx(floor, rel=0.01), figure
    for figure, auc in _LEARNED[name].items():
        assert report.metric(figure).value == pytest.approx(auc, abs=0.04), figure
    assert report.verdict.startswith(_VERDICTS[name])
