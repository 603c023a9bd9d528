"""How findings look: one file a finding that has more than words, metrics and tables."""

from __future__ import annotations

from collections.abc import Sequence

from moliere.detectors import Detector
from moliere.evaluation.findings.classifiers import Classifiers
from moliere.evaluation.findings.distances import Distances
from moliere.evaluation.findings.overlap import Overlap
from moliere.evaluation.result import Report
from moliere.registry import import_modules
from moliere.report.section import Section, draw

__all__ = ["draw"]

import_modules(__name__, __path__)


@draw.register
def _(finding: Classifiers | Distances | Overlap, report: Report, detector: Detector) -> Sequence[Section]:
    """The table of all metrics has the whole of them."""
    del finding, report, detector
    return ()
