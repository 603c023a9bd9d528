from __future__ import annotations

import pytest

from moliere import samples
from moliere.errors import ConfigError, UnknownName
from moliere.events import Events
from moliere.tuning.goals import check_figures, find_goals, judged, values_of


@pytest.fixture(scope="module")
def mini() -> Events:
    return samples.open("photons-mini").take(slice(0, 1000))


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (["fpdd"], "no finding has a figure 'fpdd'; did you mean 'fpd'"),
        (["mss"], "did you mean 'ms'"),
        (["auc_hihg"], "did you mean 'auc_high'"),
        (["fpd", "presicion"], "did you mean 'precision'"),
    ],
)
def test_a_figure_that_does_not_exist_is_refused_with_the_nearest_name(figures: list[str], message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        check_figures(figures)


def test_no_figure_and_one_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to judge by"):
        check_figures([])
    with pytest.raises(ConfigError, match="named twice"):
        check_figures(["fpd", "fpd"])
    check_figures(["fpd", "ms", "auc_high", "auc-voxels-mlp"])


def test_which_end_is_better_is_known_from_the_figure(mini: Events) -> None:
    goals = find_goals(mini[:600], ["fpd", "ms", "coverage", "response-mean"], 1)
    assert [goal.direction for goal in goals] == ["minimize", "minimize", "maximize", "minimize"]
    assert [goal.unit for goal in goals] == ["", "ms", "", "%"]
    assert goals[2].better(0.9, 0.8)
    assert goals[0].better(0.8, 0.9)


def test_what_these_events_do_not_give_is_said_before_a_training(mini: Events) -> None:
    with pytest.raises(ConfigError, match=r"fpd cannot be measured on the 100 events .* too few"):
        find_goals(mini[:100], ["fpd"], 1)
    with pytest.raises(ConfigError, match="auc-traces-mlp cannot be measured"):
        find_goals(mini[:600], ["auc-traces-mlp"], 1)


def test_only_what_has_the_figures_is_looked_at(mini: Events) -> None:
    report = judged(mini[:500], mini[500:], ["fpd", "ms", "separation-mean"], 1)
    assert {found.kind for found in report.findings} == {"distances", "observables"}
    values = values_of(report, ["fpd", "ms", "separation-mean"])
    assert set(values) == {"fpd", "separation-mean"}
    assert all(value is not None and value >= 0 for value in values.values())
