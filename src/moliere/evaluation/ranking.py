"""Several samples against one reference: which of them is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moliere.evaluation.result import Figure, Report

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
        figures: column → the figure that stands there.
    """

    name: str
    report: Report
    figures: Mapping[str, Figure]

    @property
    def rank_key(self) -> tuple[float, ...]:
        """Smaller is better: the worst AUC decides, then FPD, then the mean separation power."""
        aucs = [self.figures[column].value for column in self.figures if column.startswith("AUC")]
        rest = [self.figures[column].value for column in ("FPD", "separation, mean") if column in self.figures]
        return (round(max(aucs, default=0.5), 2), *rest)


def rank(reports: Mapping[str, Report]) -> list[Row]:
    """Rows of several reports against the same reference, the best first.

    AUCs that agree to two digits count as equal, because that is how well they are known.
    """
    rows = [Row(name, report, _columns(report)) for name, report in reports.items()]
    return sorted(rows, key=lambda row: row.rank_key)


def _columns(report: Report) -> dict[str, Figure]:
    return {column: figure for column, start in _COLUMNS.items() if (figure := report.worst(start)) is not None}
