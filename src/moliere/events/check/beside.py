"""Checks of what lies outside the detector: hits in no cell, directions that miss it, quantities beyond its limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from moliere.events.check.findings import Finding, about_events
from moliere.events.check.overview import Overview
from moliere.events.directions import to_vectors
from moliere.units import GeV, format_energy

#: share of the energy in no cell that a leaking shower may have, and with which a file cannot have been read rightly
_LEAKS, _LOST = 0.1, 0.5
#: depth that a unit vector gains at least; pi/2 is not exact
_SIDEWAYS = 1e-6
#: single events with wrong directions are broken; more are in another frame
_FEW = 0.05
#: with less than this share of the energy in signals above the threshold, signals are in another unit
_SEEN = 0.5
#: a shower of an energy below this does not light so many cells for each MeV
_LOW, _CELLS_PER_MEV, _CELLS = 0.1 * GeV, 3.0, 20


def find_outside(view: Overview) -> Iterator[Finding]:
    """Energy that the reader found in no cell, and hits whose position or energy is no number."""
    unknown = ~np.isfinite(view.outside)
    text = "have hits whose position or energy is no number, so that they lie in no cell"
    yield from about_events("outside", "fault", unknown, text, "write a file without them, or make the file again")
    outside, total = (np.where(unknown | ~np.isfinite(view.total), 0.0, x) for x in (view.outside, view.total))
    deposited = outside + np.maximum(total, 0)
    if not deposited.sum() > 0:
        return
    share = float(outside.sum() / deposited.sum())
    if share > _LEAKS:
        text = f"{share:.0%} of the energy lies outside the detector, in no cell"
        severity, advice = "warning", "a shower may leak; else take the detector that the hits are of"
        if share > _LOST:
            severity, advice = "fault", "hits in cm read as mm, or another detector? Bring positions to mm, or name it"
        yield Finding("outside", severity, text, advice)  # type: ignore[arg-type]
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        most = outside > _LOST * deposited
    yield from about_events(
        "outside", "warning", most, "have most of their energy outside the detector, in no cell", "look at them"
    )


def find_directions(view: Overview) -> Iterator[Finding]:
    """Particles that do not fly into the detector; simulators refuse them, too."""
    if not view.detector.measures_energy or "theta" not in view.incident:
        return
    theta = np.asarray(view.incident["theta"], np.float64)
    phi = np.asarray(view.incident.get("phi", np.zeros(len(theta))), np.float64)
    known = np.isfinite(theta) & np.isfinite(phi)
    depth = to_vectors(np.where(known, theta, np.pi / 2), np.where(known, phi, 0.0))[:, 2]
    wrong = known & (depth < _SIDEWAYS)
    if not wrong.any():
        return
    text = "do not fly into the detector: their direction (theta, phi) points sideways or back"
    if wrong.mean() <= _FEW:
        yield from about_events("direction", "fault", wrong, text, "write a file without them")
        return
    advice = "directions of another frame? Here theta is counted from the detector's y axis, (pi/2, 0) is straight in"
    yield from about_events("direction", "warning", wrong, text, advice)


def find_beyond(view: Overview) -> Iterator[Finding]:
    """Signals beyond the limits that the detector itself gives to its channels."""
    text = f"hold quantities beyond the limits of {view.detector.name}"
    yield from about_events("beyond", "warning", view.beyond > 0, text, "another unit? Compare them with the detector")


def find_all_in_gev(view: Overview) -> Iterator[Finding]:
    """A file in GeV throughout: responses are right, but signals and energies are a thousand times too small."""
    if not view.detector.measures_energy or not (lit := view.sound & (view.hits > 0)).any():
        return
    threshold, advice = view.detector.threshold, "if so, multiply energies and signals by 1000: here they are in MeV"
    seen = float(view.above[lit].sum() / view.total[lit].sum())
    energy, hits = float(np.median(view.energy[lit])), float(np.median(view.hits[lit]))
    if threshold > 0 and seen < _SEEN:
        text = (
            f"only {seen:.0%} of the energy is in signals above the threshold of {format_energy(threshold)}: signals "
            "and incident energies look like GeV throughout"
        )
        yield Finding("units", "warning", text, advice)
    elif energy < _LOW and hits > max(_CELLS, _CELLS_PER_MEV * energy):
        text = f"{hits:.0f} cells are lit at {format_energy(energy)}: signals and incident energies look like GeV"
        yield Finding("units", "warning", text, advice)


def find_noise(view: Overview) -> Iterator[Finding]:
    """Negative signals that are so small that they are numerical noise."""
    if not view.detector.signed:
        text = "hold negative signals far below the threshold: numerical noise, which counts as 0"
        yield from about_events(
            "noise", "note", view.noisy, text, "nothing is to be done; the clean copy holds 0 there"
        )
