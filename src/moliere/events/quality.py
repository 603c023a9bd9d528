"""Checks of the values of events; each error names what is wrong, in which events, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Detector
from moliere.errors import InvalidEvents
from moliere.units import format_energy

#: A median response this far from 1 that is near 1000 or 1/1000 means GeV against MeV, not physics.
UNIT_MIXUP = (300.0, 3000.0)
#: muons leave next to nothing in a calorimeter, whatever the unit
MUON = 13
_LISTED = 5


#: as a share of the readout threshold, and in the signals' unit where there is no threshold
_NOISE, _ROUNDING = 1e-3, 1e-6
#: above this energy, which no accelerator reaches, MeV were read as GeV
_TOO_HIGH = 10e6


def noise_floor(detector: Detector) -> float:
    """Up to which size a negative amount is numerical noise, such as a generative network leaves: it counts as 0."""
    return max(_NOISE * detector.threshold, _ROUNDING)


def without_noise(detector: Detector, signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """The signals, negative ones that are noise set to 0; the array itself where there is no such signal.

    Args:
        detector: whose amounts cannot be negative, else nothing is done.
        signals: (n_events, n_channels); anything of another shape is left to the check of shapes.
    """
    if detector.signed or signals.ndim != 2 or signals.shape[1] != detector.n_channels:
        return signals
    amounts = detector.amounts(signals)
    if amounts.size == 0 or not amounts.min() < 0:
        return signals
    signals = signals.copy()
    amounts = detector.amounts(signals)
    amounts[(amounts < 0) & (amounts >= -noise_floor(detector))] = 0
    return signals


def check_events(
    detector: Detector,
    incident: Mapping[str, NDArray[Any]],
    signals: NDArray[np.float32],
    weights: NDArray[np.float64] | None,
    extras: Mapping[str, NDArray[Any]],
) -> None:
    """Validate shapes, values and units; extras may hold what they like, in one row an event.

    Raises:
        InvalidEvents: naming how many events are wrong, which ones, and what to do.
    """
    _check_shapes(detector, incident, signals, weights, extras)
    amounts = detector.amounts(signals)
    _check_values("signal", amounts, negative=detector.signed)
    if amounts.size < signals.size:
        _check_values("signal", signals, negative=True)
    for name, column in incident.items():
        _check_values(f"incident {name}", column[:, None], negative=name != "energy")
    if "energy" in incident and detector.measures_energy:
        _check_zero_energy(incident["energy"])
        if not (np.abs(incident.get("pdg_id", np.zeros(1))) == MUON).any():
            _check_unit(incident["energy"], amounts)


def _check_shapes(
    detector: Detector,
    incident: Mapping[str, NDArray[Any]],
    signals: NDArray[np.float32],
    weights: NDArray[np.float64] | None,
    extras: Mapping[str, NDArray[Any]],
) -> None:
    if signals.ndim != 2 or signals.shape[1] != detector.n_channels:
        raise InvalidEvents(
            f"signals have shape {signals.shape}, but {detector.name} has {detector.n_channels} channels: "
            f"expected (n_events, {detector.n_channels})"
        )
    columns = dict(incident) if weights is None else {**incident, "weights": weights}
    for name, column in columns.items():
        if column.shape != (len(signals),):
            raise InvalidEvents(
                f"column {name!r} has shape {column.shape}, expected ({len(signals)},) as there are signals"
            )
    for name, values in extras.items():
        if values.shape[:1] != (len(signals),):
            raise InvalidEvents(f"extra {name!r} has shape {values.shape}, expected {len(signals)} rows")


def list_events(events: NDArray[np.integer[Any]]) -> str:
    """The first events by number.

    Example:
        >>> list_events(np.arange(7))
        '0, 1, 2, 3, 4, …'
    """
    return ", ".join(map(str, events[:_LISTED])) + (", …" if len(events) > _LISTED else "")


def _check_values(what: str, values: NDArray[Any], *, negative: bool) -> None:
    """Look with two reductions first: minimum and maximum propagate NaN and infinity, and files are large."""
    if values.size == 0:
        return
    low, high = values.min(), values.max()
    if np.isfinite(low) and np.isfinite(high) and (negative or low >= 0):
        return
    bad = ~np.isfinite(values)
    words = "not finite" if bad.any() else "negative"
    events = np.flatnonzero((bad if bad.any() else values < 0).any(axis=1))
    clipped = words == "negative" and what == "signal"
    other = ", or one in which negative signals are clipped or kept" if clipped else ""
    raise InvalidEvents(
        f"{len(events)} of {len(values)} events hold a {what} that is {words} (events {list_events(events)}); "
        f"write a file without them{other}",
        options=(
            "moliere check FILE --fix CLEAN.h5",
            *(["moliere convert FILE CLEAN.h5 --negative clip"] if clipped else []),
        ),
    )


def _check_zero_energy(energy: NDArray[np.float64]) -> None:
    if (energy == 0).any():
        events = np.flatnonzero(energy == 0)
        raise InvalidEvents(
            f"{len(events)} events have incident energy 0 (first: event {events[0]}); expected MeV above 0"
        )


def _check_unit(energy: NDArray[np.float64], signals: NDArray[np.float32]) -> None:
    """Recognise GeV beside MeV by the response: no calorimeter answers a thousandfold.

    Which of the two is in the wrong unit is said by their size: above 10 TeV it is the larger one, else the smaller.
    """
    if len(energy) == 0:
        return
    sample = slice(None, None, max(1, len(energy) // 1000))
    totals = signals[sample].sum(axis=1, dtype=np.float64)
    response = float(np.median(totals / energy[sample]))
    low, high = UNIT_MIXUP
    head = f"the median response (total signal / incident energy) is {response:.4g}: "
    if low < response < high:
        if totals.max() > _TOO_HIGH:
            raise InvalidEvents(
                f"{head}signals of up to {format_energy(float(totals.max()))} an event look like MeV taken for "
                "GeV; divide the signals by 1000 (everything here is in MeV), or give the format that they are in"
            )
        raise InvalidEvents(
            f"{head}incident energies look like GeV beside signals in MeV; multiply the incident energies by 1000 "
            "(everything here is in MeV)"
        )
    if 1 / high < response < 1 / low:
        if energy.max() > _TOO_HIGH:
            raise InvalidEvents(
                f"{head}incident energies of up to {format_energy(float(energy.max()))} look like MeV that were taken "
                "for GeV; divide the incident energies by 1000 (everything here is in MeV), or give the format that "
                "they are in"
            )
        raise InvalidEvents(
            f"{head}signals look like GeV beside incident energies in MeV; multiply the signals by 1000 (everything "
            "here is in MeV)"
        )
