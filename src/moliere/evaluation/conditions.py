"""Conditions on figures, so that a pipeline stops when a model has become worse: ``auc_high>0.7``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from moliere.errors import ConfigError, UnknownName, did_you_mean
from moliere.evaluation.finding import largest
from moliere.evaluation.result import Report

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*([\w.-]+)\s*(>=|<=|>|<)\s*([-+.\deE]+)\s*")
#: the community's words for the worst classifier on observables and on single signals
_WORST_OF = {"auc_high": ("auc-observables-",), "auc_low": ("auc-voxels-", "auc-traces-")}


@dataclass(frozen=True)
class Condition:
    """A figure, how it is compared, and with what.

    Args:
        text: as the user wrote it.
        figure: name of a figure, or ``auc_high``, ``auc_low``: the worst of the classifiers.
        compare: one of the four operators.
        limit: the number.
    """

    text: str
    figure: str
    compare: str
    limit: float

    def holds(self, report: Report) -> bool:
        """Whether a report meets the condition.

        Raises:
            UnknownName: the report has no such metric.
            ConfigError: the metric could not be measured.
        """
        return _OPERATORS[self.compare](_value(report, self.figure), self.limit)


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConfigError: not of the form ``figure > number``.

    Example:
        >>> condition = parse_condition("auc_high > 0.7")
        >>> condition.figure, condition.compare, condition.limit
        ('auc_high', '>', 0.7)
    """
    match = _CONDITION.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return Condition(text, match[1], match[2], float(match[3]))
    except ValueError:
        raise ConfigError(
            f"condition {text!r}; write a figure, one of > < >= <=, and a number, such as auc_high>0.7"
        ) from None


def _value(report: Report, name: str) -> float:
    worst = [found for start in _WORST_OF.get(name, ()) if (found := report.worst(start)) is not None]
    metrics = {metric.name: metric for metric in report.metrics}
    found = largest(worst) or metrics.get(name)
    if found is None:
        raise UnknownName(f"the report has no metric {name!r}; {did_you_mean(name, [*metrics, *_WORST_OF])}")
    if found.value is None:
        raise ConfigError(f"the condition on {name!r} cannot be judged: it was not measured, because {found.reason}")
    return found.value
