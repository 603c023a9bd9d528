"""What is read off reports: a ranking of several samples, conditions that a report meets, the community's table."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from moliere.errors import ConfigError, UnknownName, did_you_mean
from moliere.evaluation.finding import Metric, findings, largest
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.result import Report

#: columns of the table, in order; of several classifiers the worst stands for all
_COLUMNS = {
    "AUC, observables": "auc-observables-",
    "AUC, voxels": "auc-voxels-",
    "AUC, traces": "auc-traces-",
    "FPD": "fpd",
    "KPD": "kpd",
    "separation, mean": "separation-mean",
    "separation, worst": "separation-worst",
    "mean response": "response-mean",
    "width of the response": "response-width",
}


@dataclass(frozen=True)
class Row:
    """One sample of a comparison.

    Args:
        name: of the sample.
        report: all about it.
        metrics: column → the metric that stands there.
    """

    name: str
    report: Report
    metrics: Mapping[str, Metric]

    @property
    def rank_key(self) -> tuple[float, ...]:
        """Smaller is better: the worst AUC decides, then FPD, then the mean separation power."""
        values = {column: metric.value for column, metric in self.metrics.items() if metric.value is not None}
        aucs = [value for column, value in values.items() if column.startswith("AUC")]
        rest = [values[column] for column in ("FPD", "separation, mean") if column in values]
        return (round(max(aucs, default=0.5), 2), *rest)


def rank(reports: Mapping[str, Report]) -> list[Row]:
    """Rows of several reports against the same reference, the best first.

    AUCs that agree to two digits count as equal, because that is how well they are known.
    """
    rows = [Row(name, report, _columns(report)) for name, report in reports.items()]
    return sorted(rows, key=lambda row: row.rank_key)


def _columns(report: Report) -> dict[str, Metric]:
    return {column: metric for column, start in _COLUMNS.items() if (metric := report.worst(start)) is not None}


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
        metric = metric_of(report, self.figure)
        if metric.value is None:
            raise ConfigError(
                f"the condition on {self.figure!r} cannot be judged: it was not measured, because {metric.reason}"
            )
        return _OPERATORS[self.compare](metric.value, self.limit)


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConfigError: not of the form ``figure > number``.
        UnknownName: no finding has such a figure.

    Example:
        >>> condition = parse_condition("auc_high > 0.7")
        >>> condition.figure, condition.compare, condition.limit
        ('auc_high', '>', 0.7)
    """
    match = _CONDITION.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        condition = Condition(text, match[1], match[2], float(match[3]))
    except ValueError:
        raise ConfigError(
            f"condition {text!r}; write a figure, one of > < >= <=, and a number, such as auc_high>0.7"
        ) from None
    kinds_of(condition.figure)
    return condition


def kinds_of(figure: str, more: Iterable[str] = ()) -> list[str]:
    """The kinds of findings that have a figure, as far as this is known before anything is measured.

    Args:
        figure: its name, or ``auc_high``, ``auc_low``: the worst of the classifiers.
        more: names that may stand there, too, and that no finding has.

    Raises:
        UnknownName: no finding has such a figure.

    Example:
        >>> kinds_of("fpd"), kinds_of("auc_high")
        (['distances'], ['classifiers'])
    """
    starts = _WORST_OF.get(figure)
    known = {kind.kind: list(kind.figures) for kind in findings.values()}
    found = [
        kind
        for kind, names in known.items()
        if any(name.startswith(starts) if starts else fnmatchcase(figure, name) for name in names)
    ]
    if not found and figure not in more:
        names = {*_WORST_OF, *more, *(name for names in known.values() for name in names)}
        raise UnknownName(f"no finding has a figure {figure!r}; {did_you_mean(figure, names)}")
    return found


def metric_of(report: Report, name: str) -> Metric:
    """The metric that a figure's name means: of ``auc_high`` and ``auc_low`` the worst of several.

    Raises:
        UnknownName: the report has no such metric.
    """
    worst = [found for start in _WORST_OF.get(name, ()) if (found := report.worst(start)) is not None]
    metrics = {metric.name: metric for metric in report.metrics}
    found = largest(worst) or metrics.get(name)
    if found is None:
        raise UnknownName(f"the report has no metric {name!r}; {did_you_mean(name, [*metrics, *_WORST_OF])}")
    return found


#: the community's name → observables whose separation powers are averaged
_SEPARATIONS = {
    "E_tot / E_inc": "response",
    "E_layer": "layer_energy",
    "EC_eta": "centre_eta",
    "EC_phi": "centre_phi",
    "width_eta": "width_eta",
    "width_phi": "width_phi",
    "EC_r": "centre_r",
    "width_r": "width_r",
    "sparsity": "sparsity",
    "voxel energy": "voxel_energy",
}
_CLASSIFIERS = {"cls-low": "voxels", "cls-low-normed": "normed-voxels", "cls-high": "observables"}


def community_table(report: Report) -> Iterator[tuple[str, str]]:
    """Rows of name and value; what the report does not have is left out.

    Separation powers are means over the layers, as the community's summary has them.
    """
    observed = report.find(Observables)
    histograms = () if observed is None else observed.histograms
    for name, observable in _SEPARATIONS.items():
        found = [pair.separation for pair in histograms if pair.name.partition("[")[0] == observable]
        if measured := [value for value in found if value is not None]:
            yield f"separation power {name}", f"{np.mean(measured):.5f}"
    metrics = {metric.name: metric for metric in report.metrics}
    for name, what in _CLASSIFIERS.items():
        kinds = [kind for kind in ("calochallenge", "mlp") if f"auc-{what}-{kind}" in metrics]
        if kinds:
            auc, jsd = (metrics[f"{score}-{what}-{kinds[0]}"] for score in ("auc", "jsd"))
            yield f"{name} AUC / JSD ({kinds[0]})", f"{_plain(auc)} / {_plain(jsd)}"
    for name in ("fpd", "kpd"):
        if name in metrics:
            yield f"{name.upper()} x 1e3", _plain(metrics[name], 1e3, 3)


def _plain(metric: Metric, factor: float = 1.0, digits: int = 4) -> str:
    if metric.value is None:
        return "not measured"
    return f"{factor * metric.value:.{digits}f} ± {factor * (metric.error or 0.0):.{digits}f}"
