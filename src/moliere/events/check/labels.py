"""Energies that stand beside the signals of other events: rows shuffled, or files joined wrongly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from moliere.detectors.base import Ints
from moliere.events.check.findings import Finding, about_events
from moliere.events.check.overview import Overview

#: hadrons in a thin calorimeter correlate weakly (0.25 in 1,664 pions of calogan): fewer events say nothing certain
_CERTAIN = 1000
#: correlations below so many of their errors are none
_ERRORS = 4.0
#: events of a run, and the fewest that have a correlation to speak of
_RUN, _FEWEST = 500, 100
#: a run below the first value, where another run of the file is above the second, has lost its energies
_LOST, _KEPT = 0.2, 0.9
#: energies that are closer than this factor (5 % to 95 %) order nothing
_SPREAD = 4.0
_ADVICE = "look at how energies and signals were put together"


def find_unrelated(view: Overview) -> Iterator[Finding]:
    """Energies that say nothing about the total signal: in the whole file, or in runs of consecutive events."""
    if not view.detector.measures_energy or view.has_muons:
        return
    rows = np.flatnonzero(view.sound)
    overall = _rank_correlation(view, rows)
    if len(rows) >= _CERTAIN and overall * np.sqrt(len(rows) - 1) < _ERRORS:
        text = f"energies and total signals have nothing to do with each other (rank correlation {overall:.2f})"
        yield Finding("label", "fault", text, f"{_ADVICE}; nothing can be mended by dropping events")
        return
    runs = [rows[start : start + _RUN] for start in range(0, len(rows), _RUN)]
    related = [_rank_correlation(view, run) for run in runs]
    if not any(one > _KEPT for one in related):
        return
    lost = np.zeros(len(view), bool)
    for run, one in zip(runs, related, strict=True):
        lost[run] = one < _LOST
    text = "stand in runs in which energies and total signals have nothing to do with each other, unlike elsewhere"
    yield from about_events("label", "warning", lost, text, f"{_ADVICE}; other particles can do this, too")


def _rank_correlation(view: Overview, rows: Ints) -> float:
    """Spearman's, of energy and total signal; NaN where there is nothing to correlate."""
    energy, total = view.energy[rows], view.total[rows]
    if len(rows) < _FEWEST or np.ptp(total) == 0:
        return np.nan
    low, high = np.quantile(energy, [0.05, 0.95])
    return float(stats.spearmanr(energy, total).statistic) if high >= _SPREAD * low else np.nan
