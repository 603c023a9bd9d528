"""What is searched for: the smallest, or the largest, of the evaluation's own figures, on the validation part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from moliere.errors import ConfigError, UnknownName
from moliere.evaluation import Report, evaluate
from moliere.evaluation.reading import kinds_of, metric_of
from moliere.events import Events

#: milliseconds a generated event, which is no finding
TIME = "ms"


@dataclass(frozen=True)
class Goal:
    """One figure that trials are judged by.

    Args:
        figure: its name.
        label: for people.
        unit: of its values.
        direction: which end is better.
    """

    figure: str
    label: str
    unit: str = ""
    direction: Literal["minimize", "maximize"] = "minimize"

    def better(self, one: float, other: float) -> bool:
        """Whether the first of two values is better."""
        return one < other if self.direction == "minimize" else one > other


def check_figures(figures: Sequence[str]) -> None:
    """Refuse figures that nobody measures, before anything is read.

    Raises:
        UnknownName: no finding has such a figure; the nearest name is given.
        ConfigError: none, or one that is named twice.
    """
    if not figures:
        raise ConfigError("nothing to judge by; name a figure, such as fpd", options=("--metric fpd",))
    if len(set(figures)) < len(figures):
        raise ConfigError(f"a figure is named twice: {', '.join(figures)}")
    for figure in figures:
        kinds_of(figure, more=(TIME,))


def judged(reference: Events, made: Events, figures: Sequence[str], threads: int, classifier_seeds: int = 1) -> Report:
    """An evaluation that looks at nothing but what has the figures."""
    kinds = {kind for figure in figures if figure != TIME for kind in kinds_of(figure)}
    names = ("validation part", "generated")
    return evaluate(reference, made, names=names, classifier_seeds=classifier_seeds, threads=threads, only=kinds)


def values_of(report: Report, figures: Sequence[str]) -> Mapping[str, float | None]:
    """The figures of a report; ``None`` where one could not be measured."""
    return {figure: _value(report, figure) for figure in figures if figure != TIME}


def _value(report: Report, figure: str) -> float | None:
    try:
        value = metric_of(report, figure).value
    except UnknownName:
        return None
    return value if value is not None and math.isfinite(value) else None


def find_goals(events: Events, figures: Sequence[str], threads: int) -> tuple[Goal, ...]:
    """What the figures are called and which end is better, from the events against themselves.

    So it is known before the first training that every figure can be measured.

    Args:
        events: of the validation part.
        figures: that were asked for.
        threads: CPU threads.

    Raises:
        ConfigError: a figure that these events do not give.
    """
    report = judged(events, events, figures, threads)
    return tuple(_goal(report, figure, len(events)) for figure in figures)


def _goal(report: Report, figure: str, n_events: int) -> Goal:
    if figure == TIME:
        return Goal(TIME, "milliseconds an event", "ms")
    if _value(report, figure) is None:
        known = sorted(metric.name for metric in report.metrics)
        # not that both samples are the same, which is our doing
        few = [warning for warning in report.warnings if "too few" in warning]
        why = "; ".join((*few, f"what was measured: {', '.join(known) or 'nothing'}"))
        raise ConfigError(f"{figure} cannot be measured on the {n_events} events of the validation part: {why}")
    metric = metric_of(report, figure)
    # of several classifiers the worst one's label would say which it was this time
    label = metric.label if metric.name == figure else figure
    return Goal(figure, label, metric.unit, "maximize" if metric.larger_is_better else "minimize")
