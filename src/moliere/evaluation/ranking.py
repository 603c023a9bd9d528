"""Several samples against one reference: which of them is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moliere.evaluation.finding import Metric
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
