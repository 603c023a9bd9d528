"""Units that are mixed up: the GeV of a whole file, of one of its columns, or of some of its events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moliere.detectors.base import Floats
from moliere.events.check.findings import Finding, about_events
from moliere.events.check.overview import Bools, Overview
from moliere.events.quality import UNIT_MIXUP

#: another unit leaves the number of hits; particles that pass through leave fewer than this share of the usual
_HITS = 0.5
#: as many cells as at a thousandfold energy, within this share; a larger share of all cells is no evidence
_ALIKE, _FULL = 0.8, 0.9
#: responses within this factor of the usual one are in one unit
_PLAUSIBLE = 30.0
#: so many events at the thousandfold energy say how many cells are usual there
_FEWEST = 20
#: energies of a grid, written in GeV in single precision, are a thousandth within this
_ROUNDING = 1e-3
_DROP = "write a file without them, or bring them to MeV"


def find_units(view: Overview) -> Iterator[Finding]:
    """GeV beside MeV: in the whole file, or in some of its events."""
    if not view.detector.measures_energy or view.has_muons or not view.sound.any():
        return
    usual = float(np.nanmedian(view.response))
    if _mixed_up(np.array([usual])).any():
        n = int(_mixed_up(view.response).sum())
        text = f"the median response is {usual:.4g}: GeV stand beside MeV in {n:,} of {len(view):,} events"
        yield Finding("units", "fault", text, "bring energies and signals to MeV; nothing else can be judged before")
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = view.response / usual
    mixed = _mixed_up(ratio) & ((ratio > 1) | (view.hits > _HITS * view.usual_hits))
    text = "have a response about a thousand times the others', or a thousandth: another unit"
    yield from about_events("units", "fault", mixed, text, _DROP)


def find_other_scale(view: Overview) -> Iterator[Finding]:
    """Events in GeV throughout among others in MeV.

    Their response is as it should be, but as many cells are lit as at the thousandfold energy. Not found where
    the energies of one unit alone span a factor of 1000.
    """
    if not view.detector.measures_energy or view.has_muons or not view.sound.any():
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(np.log(view.response / np.nanmedian(view.response)))
    plausible = (view.hits > 0) & (away < np.log(_PLAUSIBLE))
    thousandfold = 1000 * np.where(plausible, view.energy, np.nan)
    with np.errstate(invalid="ignore"):
        small = thousandfold <= view.energy[plausible].max(initial=0.0) * (1 + _ROUNDING)
        large = plausible & (view.energy >= thousandfold[small].min(initial=np.inf) * (1 - _ROUNDING))
    if not small.any() or large.sum() < _FEWEST:
        return
    lit, expected = np.median(view.hits[small]), np.median(view.hits[large])
    if _ALIKE * expected <= lit < _FULL * view.detector.n_channels:
        text = f"light as many cells ({lit:.0f}) as a thousandfold energy does ({expected:.0f}): they are in GeV"
        yield from about_events("units", "fault", small, text, _DROP)


def _mixed_up(response: Floats) -> Bools:
    """Whether a response, or its ratio to the usual one, is about 1000 or 1/1000."""
    low, high = UNIT_MIXUP
    with np.errstate(invalid="ignore"):
        return ((response > low) & (response < high)) | ((response > 1 / high) & (response < 1 / low))
