"""The checks: each looks at the overview of a file and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, PhaseSpace
from moliere.detectors.base import Floats, Ints
from moliere.events.check.findings import Finding, Severity
from moliere.events.check.groups import energy_grid
from moliere.events.check.overview import Overview
from moliere.events.quality import UNIT_MIXUP
from moliere.units import format_energy

Check = Callable[[Overview], Iterator[Finding]]

#: a response is far out beyond so many widths of its energy's distribution (central 68 %, each side by itself) ...
_WIDTHS = 5.5
#: ... if that is also this far from the median: the core of a homogeneous calorimeter is narrow, its leakage is not
_FAR = 0.25
#: groups of fewer events have no distribution to speak of
_FEWEST = 20
#: an energy fits an event if its response there would be within so many widths
_FITS = 3.0
#: an empty shower is strange where others have at least so many hits, and no more than this share is empty
_USUAL_HITS, _RARE = 10, 0.05
#: energies of a grid agree to single precision
_SAME_ENERGY = 1e-5
#: physical ranges: rad for angles; a pseudorapidity of 6 is half a degree from the beam
_ANGLES = {"theta": (0.0, np.pi), "phi": (-2 * np.pi, 2 * np.pi), "eta": (-6.0, 6.0)}
_DROP = "drop them with --fix"


def find_unreadable(view: Overview) -> Iterator[Finding]:
    """Signals and energies that are no numbers, or numbers that cannot be."""
    yield from _some("not-finite", "fault", view.not_finite, "hold NaN or infinite signals", _DROP)
    if not isinstance(view.detector, PhaseSpace):
        yield from _some("negative", "fault", view.negative, "hold negative signals", _DROP)
    for name, column in view.incident.items():
        yield from _some(
            "not-finite", "fault", ~np.isfinite(column), f"have an incident {name} that is no number", _DROP
        )
    if "energy" in view.incident:
        wrong = np.isfinite(view.incident["energy"]) & (view.incident["energy"] <= 0)
        yield from _some("energy-not-positive", "fault", wrong, "have an incident energy of 0 or less", _DROP)


def find_angles(view: Overview) -> Iterator[Finding]:
    """Directions outside what an angle can be; degrees among them."""
    for name, (low, high) in _ANGLES.items():
        if name in view.incident:
            column = view.incident[name]
            with np.errstate(invalid="ignore"):
                outside = (column < low) | (column > high)
            advice = "angles are in rad: divide degrees by 57.2958" if name != "eta" else _DROP
            yield from _some("angle", "fault", outside, f"have {name} outside {low:.3g} … {high:.3g}", advice)


def find_units(view: Overview) -> Iterator[Finding]:
    """GeV beside MeV: in the whole file, or in some of its events."""
    if not isinstance(view.detector, Calorimeter) or _has_muons(view) or not view.sound.any():
        return
    usual = float(np.nanmedian(view.response))
    low, high = UNIT_MIXUP
    if low < usual < high or 1 / high < usual < 1 / low:
        text = f"the median response is {usual:.4g}: GeV stand beside MeV"
        yield Finding("units", "fault", text, "bring energies and signals to MeV; nothing else can be judged before")
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = view.response / usual
        mixed = ((ratio > low) & (ratio < high)) | ((ratio > 1 / high) & (ratio < 1 / low) & (view.hits > 0))
    text = "have a response about a thousand times the others', or a thousandth: another unit"
    yield from _some("units", "fault", mixed, text, _DROP)


def find_bright_voxels(view: Overview) -> Iterator[Finding]:
    """Single cells above the incident energy, by layer and energy."""
    if not isinstance(view.detector, Calorimeter):
        return
    with np.errstate(invalid="ignore"):
        ratio = view.brightest / view.energy
    bright = np.isfinite(ratio) & (ratio > 1)
    if not bright.any():
        return
    layer = view.detector.layer_of_channel[view.where]
    worst = int(np.argmax(np.where(bright, ratio, 0)))
    labels = [view.detector.read_out[k].label for k in np.unique(layer[bright])]
    text = (
        f"hold a cell above the incident energy, in {', '.join(labels)}; worst: event {worst}, "
        f"cell {view.where[worst]}, {ratio[worst]:.3g} times {format_energy(float(view.energy[worst]))}"
    )
    yield from _some("voxel-above-incident", "fault", bright, text, _DROP)


def find_empty(view: Overview) -> Iterator[Finding]:
    """Showers without a signal, where others of their energy have many."""
    if isinstance(view.detector, PhaseSpace):
        return
    empty = view.sound & (view.hits == 0)
    strange = np.zeros(len(view), bool)
    for inside in _groups(view):
        usual = np.median(view.hits[inside])
        if usual >= _USUAL_HITS and empty[inside].mean() <= _RARE:
            strange[inside] = empty[inside]
    yield from _some("empty", "fault", strange, "have no signal at all, where others of their energy have many", _DROP)
    advice = "a threshold does this at low energy; a model has to learn it"
    yield from _some("empty", "note", empty & ~strange, "have no signal, as is usual for their energy", advice)


def find_duplicates(view: Overview) -> Iterator[Finding]:
    """Events whose signals and energy were there before."""
    _, first, back = np.unique(view.digest, return_index=True, return_inverse=True)
    repeated = (first[back] != np.arange(len(view))) & ((view.hits > 0) | isinstance(view.detector, PhaseSpace))
    if isinstance(view.detector, PhaseSpace):
        yield from _some("duplicate", "note", repeated, "are exact copies of earlier ones", "productions re-use muons")
    else:
        yield from _some("duplicate", "fault", repeated, "are exact copies of earlier ones", _DROP)


def find_energies_off_grid(view: Overview) -> Iterator[Finding]:
    """Energies beside the few that a file was simulated at."""
    known = view.energy[np.isfinite(view.energy)]
    grid = energy_grid(known)
    if not len(grid):
        return
    nearest = grid[np.abs(np.log(np.nan_to_num(view.energy, nan=1.0))[:, None] - np.log(grid)).argmin(axis=1)]
    off = np.isfinite(view.energy) & (np.abs(view.energy / nearest - 1) > _SAME_ENERGY)
    text = f"have an incident energy beside the {len(grid)} that the others have"
    yield from _some("energy-off-grid", "fault", off, text, f"{_DROP}, or keep them if they were meant")


def find_responses(view: Overview) -> Iterator[Finding]:
    """Responses far outside their energy's distribution, and whether another energy of the grid would fit."""
    if not isinstance(view.detector, Calorimeter):
        return
    far, spreads = np.zeros(len(view), bool), []
    for inside in _groups(view):
        low, median, high = np.quantile(view.response[inside], [0.16, 0.5, 0.84])
        width = np.where(view.response[inside] > median, high - median, median - low)
        distance = np.abs(view.response[inside] - median)
        far[inside] = (distance > _WIDTHS * width) & (distance > _FAR * median) & (view.hits[inside] > 0)
        spreads.append((float(np.median(view.energy[inside])), median, max(high - median, median - low)))
    fits = _fits_another(view, far, spreads)
    text = "have signals of another incident energy of the file: the label is wrong"
    yield from _some("label", "fault", far & fits, text, _DROP)
    text = f"have a response more than {_WIDTHS:g} widths and {_FAR:.0%} from the median of their energy"
    yield from _some("response", "fault", far & ~fits, text, _DROP)


def find_dead_layers(view: Overview) -> Iterator[Finding]:
    """Layers in which no event has a signal."""
    if not isinstance(view.detector, Calorimeter) or not view.sound.any():
        return
    dead = [
        layer.label
        for layer, energies in zip(view.detector.read_out, view.layer_energies.T, strict=True)
        if not energies[view.sound].any()
    ]
    if dead:
        text = f"{len(dead)} of {view.layer_energies.shape[1]} layers are always empty: {', '.join(dead)}"
        yield Finding("dead-layer", "warning", text, "take a detector without them, or look for a reading mistake")


def find_threshold(view: Overview) -> Iterator[Finding]:
    """The smallest signal that was seen, against the detector's threshold."""
    faintest = float(view.faintest[view.sound].min(initial=np.inf))
    if not isinstance(view.detector, Calorimeter) or not np.isfinite(faintest):
        return
    threshold = view.detector.threshold
    text = f"the smallest signal is {format_energy(faintest)}; the detector's threshold is {format_energy(threshold)}"
    below = faintest < threshold * (1 - 1e-3)
    advice = "signals below it are set to 0 before events are compared" if below else ""
    yield Finding("threshold", "note", text, advice)


#: in this order: the first check that faults an event gives the reason
CHECKS: tuple[Check, ...] = (
    find_unreadable,
    find_angles,
    find_units,
    find_bright_voxels,
    find_empty,
    find_duplicates,
    find_energies_off_grid,
    find_responses,
    find_dead_layers,
    find_threshold,
)


def _some(check: str, severity: Severity, mask: NDArray[np.bool_], text: str, advice: str) -> Iterator[Finding]:
    """A finding about the events of a mask, if there are any."""
    events = np.flatnonzero(mask)
    if len(events):
        yield Finding(check, severity, f"{len(events):,} of {len(mask):,} events {text}", advice, events)


def _groups(view: Overview) -> Iterator[Ints]:
    """Positions of the events of each group that has a distribution."""
    for number in range(view.group.max(initial=-1) + 1):
        inside = np.flatnonzero(view.group == number)
        if len(inside) >= _FEWEST:
            yield inside


def _fits_another(
    view: Overview, far: NDArray[np.bool_], spreads: list[tuple[float, Floats, Floats]]
) -> NDArray[np.bool_]:
    """Whether the total signal of a far event is usual at another energy of the grid."""
    fits = np.zeros(len(view), bool)
    if len(energy_grid(view.energy[view.sound])):
        for energy, median, width in spreads:
            with np.errstate(invalid="ignore"):
                other = np.abs(view.energy / energy - 1) > _SAME_ENERGY
                fits |= far & other & (np.abs(view.total / energy - median) < _FITS * width)
    return fits


def _has_muons(view: Overview) -> bool:
    """Muons leave next to nothing in a calorimeter, whatever the unit."""
    return bool((np.abs(view.incident.get("pdg_id", np.zeros(1))) == 13).any())
