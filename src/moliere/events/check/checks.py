"""The checks: each looks at the overview of a file and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from moliere.detectors import Detector
from moliere.detectors.base import Floats, Ints
from moliere.events.check.beside import find_all_in_gev, find_beyond, find_directions, find_noise, find_outside
from moliere.events.check.findings import Finding, about_events
from moliere.events.check.labels import find_unrelated
from moliere.events.check.overview import Bools, Overview, energy_grid
from moliere.events.check.units import find_other_scale, find_units
from moliere.units import format_energy

Check = Callable[[Overview], Iterator[Finding]]

#: a response is far out beyond so many widths of its energy's distribution (central 68 %, each side by itself) ...
_WIDTHS = 5.5
_CORE = (0.16, 0.5, 0.84)
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
#: layers of a finding that are listed
_LAYERS = 5
_DROP = "write a file without them"
_NEGATIVE = f"{_DROP}, or clip or keep negative signals where the file is opened"


def find_unreadable(view: Overview) -> Iterator[Finding]:
    """Signals, incident columns and weights that are no numbers, or numbers that cannot be."""
    yield from about_events("not-finite", "fault", view.not_finite, "hold NaN or infinite signals", _DROP)
    if not view.detector.signed:
        yield from about_events("negative", "fault", view.negative, "hold negative signals", _NEGATIVE)
    columns = {f"an incident {name}": column for name, column in view.incident.items()}
    for name, column in (columns if view.weights is None else {**columns, "a weight": view.weights}).items():
        yield from about_events("not-finite", "fault", ~np.isfinite(column), f"have {name} that is no number", _DROP)
    if "energy" in view.incident:
        wrong = np.isfinite(view.incident["energy"]) & (view.incident["energy"] <= 0)
        yield from about_events("energy-not-positive", "fault", wrong, "have an incident energy of 0 or less", _DROP)


def find_angles(view: Overview) -> Iterator[Finding]:
    """Directions outside what an angle can be; degrees among them."""
    for name, (low, high) in _ANGLES.items():
        if name in view.incident:
            column = view.incident[name]
            with np.errstate(invalid="ignore"):
                outside = (column < low) | (column > high)
            advice = "angles are in rad: divide degrees by 57.2958" if name != "eta" else _DROP
            yield from about_events("angle", "fault", outside, f"have {name} outside {low:.3g} … {high:.3g}", advice)


def find_bright_voxels(view: Overview) -> Iterator[Finding]:
    """Single cells above the incident energy, by layer and energy.

    Signals are visible energies over the layer's sampling fraction, so that a nuclear fragment in an active plate may
    exceed the incident energy. Such an event is no fault where its response is usual.
    """
    if not view.detector.measures_energy:
        return
    with np.errstate(invalid="ignore"):
        ratio = view.brightest / view.energy
    bright = np.isfinite(ratio) & (ratio > 1)
    if not bright.any():
        return
    judged, far = _compare_responses(view)
    fractions = np.broadcast_to(view.detector.sampling_fractions, view.detector.n_channels)
    possible = judged & ~far & (ratio * fractions[view.where] <= 1)
    text = _bright_cells(view.detector, view, ratio, bright & ~possible)
    yield from about_events("voxel-above-incident", "fault", bright & ~possible, text, _DROP)
    text = _bright_cells(view.detector, view, ratio, bright & possible)
    advice = "a sampling calorimeter may do this where a nuclear fragment stops in an active plate: look at them"
    yield from about_events("voxel-above-incident", "warning", bright & possible, text, advice)


def find_empty(view: Overview) -> Iterator[Finding]:
    """Showers without a signal, where others of their energy have many."""
    if view.detector.signed:
        return
    readable = ~view.not_finite
    if readable.any() and not view.hits[readable].any():
        yield Finding("empty", "fault", "no event has a signal", "look for a reading mistake, or make the file again")
        return
    empty = view.sound & (view.hits == 0)
    strange = np.zeros(len(view), bool)
    for inside in _groups(view):
        usual = np.median(view.hits[inside])
        if usual >= _USUAL_HITS and empty[inside].mean() <= _RARE:
            strange[inside] = empty[inside]
    yield from about_events(
        "empty", "fault", strange, "have no signal at all, where others of their energy have many", _DROP
    )
    advice = "a threshold does this at low energy; a model has to learn it"
    yield from about_events("empty", "note", empty & ~strange, "have no signal, as is usual for their energy", advice)


def find_duplicates(view: Overview) -> Iterator[Finding]:
    """Events whose signals and energy were there before."""
    _, first, back = np.unique(view.digest, return_index=True, return_inverse=True)
    repeated = (first[back] != np.arange(len(view))) & ((view.hits > 0) | view.detector.repeats)
    if view.detector.repeats:
        yield from about_events(
            "duplicate", "note", repeated, "are exact copies of earlier ones", "productions re-use muons"
        )
    else:
        yield from about_events("duplicate", "fault", repeated, "are exact copies of earlier ones", _DROP)


def find_energies_off_grid(view: Overview) -> Iterator[Finding]:
    """Energies beside the few that a file was simulated at."""
    known = view.energy[np.isfinite(view.energy)]
    grid = energy_grid(known)
    if not len(grid):
        return
    nearest = grid[np.abs(np.log(np.nan_to_num(view.energy, nan=1.0))[:, None] - np.log(grid)).argmin(axis=1)]
    off = np.isfinite(view.energy) & (np.abs(view.energy / nearest - 1) > _SAME_ENERGY)
    text = f"have an incident energy beside the {len(grid)} that the others have"
    yield from about_events("energy-off-grid", "fault", off, text, f"{_DROP}, or keep them if they were meant")


def find_responses(view: Overview) -> Iterator[Finding]:
    """Responses far outside their energy's distribution, and whether another energy of the grid would fit."""
    if not view.detector.measures_energy:
        return
    _, far = _compare_responses(view)
    far &= view.hits > 0
    fits = _fits_another(view, far)
    text = "have signals of another incident energy of the file: the label is wrong"
    yield from about_events("label", "fault", far & fits, text, _DROP)
    text = f"have a response more than {_WIDTHS:g} widths and {_FAR:.0%} from the median of their energy"
    yield from about_events("response", "fault", far & ~fits, text, _DROP)


def find_dead_layers(view: Overview) -> Iterator[Finding]:
    """Layers in which no event has a signal."""
    if not view.sound.any():
        return
    dead = [
        label
        for label, energies in zip(view.detector.layer_labels, view.layer_energies.T, strict=True)
        if not energies[view.sound].any()
    ]
    if dead:
        text = f"{len(dead)} of {view.layer_energies.shape[1]} layers are always empty: {', '.join(dead)}"
        yield Finding("dead-layer", "warning", text, "take a detector without them, or look for a reading mistake")


def find_threshold(view: Overview) -> Iterator[Finding]:
    """The smallest signal that was seen, against the detector's threshold."""
    faintest = float(view.faintest[view.sound].min(initial=np.inf))
    if not view.detector.measures_energy or not np.isfinite(faintest):
        return
    threshold = view.detector.threshold
    text = f"the smallest signal is {format_energy(faintest)}; the detector's threshold is {format_energy(threshold)}"
    below = faintest < threshold * (1 - 1e-3)
    advice = "signals below it are set to 0 before events are compared" if below else ""
    yield Finding("threshold", "note", text, advice)


#: in this order: the first check that faults an event gives the reason
CHECKS: tuple[Check, ...] = (
    find_unreadable,
    find_noise,
    find_outside,
    find_angles,
    find_directions,
    find_beyond,
    find_all_in_gev,
    find_units,
    find_other_scale,
    find_bright_voxels,
    find_empty,
    find_duplicates,
    find_energies_off_grid,
    find_unrelated,
    find_responses,
    find_dead_layers,
    find_threshold,
)


def _bright_cells(detector: Detector, view: Overview, ratio: Floats, bright: Bools) -> str:
    """A sentence that names the bright cells and the worst of them."""
    worst = int(np.argmax(np.where(bright, ratio, 0)))
    return (
        f"hold a cell above the incident energy ({_by_layer(detector, view, bright)}); worst: event {worst}, "
        f"cell {view.where[worst]}, {ratio[worst]:.3g} times {format_energy(float(view.energy[worst]))}"
    )


def _by_layer(detector: Detector, view: Overview, bright: Bools) -> str:
    """In which layers and at which energies the brightest cells are, the most affected layer first."""
    layer = np.searchsorted([part.stop for part in detector.slices], view.where, side="right")
    hit, counts = np.unique(layer[bright], return_counts=True)
    words = []
    for k, count in sorted(zip(hit, counts, strict=True), key=lambda pair: -pair[1])[:_LAYERS]:
        energy = view.energy[bright & (layer == k)]
        low, high = format_energy(float(energy.min())), format_energy(float(energy.max()))
        label = detector.layer_labels[k] if detector.slices else "all"
        words.append(f"{label}: {count:,} at {low if low == high else f'{low} – {high}'}")
    return "; ".join(words) + (f"; {len(hit) - _LAYERS} more layers" if len(hit) > _LAYERS else "")


def _compare_responses(view: Overview) -> tuple[Bools, Bools]:
    """Which events have a group to be compared with, and which of these have a response far outside it."""
    judged, far = np.zeros(len(view), bool), np.zeros(len(view), bool)
    for inside in _groups(view):
        low, median, high = np.quantile(view.response[inside], _CORE)
        width = np.where(view.response[inside] > median, high - median, median - low)
        distance = np.abs(view.response[inside] - median)
        judged[inside] = True
        far[inside] = (distance > _WIDTHS * width) & (distance > _FAR * median)
    return judged, far


def _groups(view: Overview) -> Iterator[Ints]:
    """Positions of the events of each group that has a distribution."""
    for number in range(view.group.max(initial=-1) + 1):
        inside = np.flatnonzero(view.group == number)
        if len(inside) >= _FEWEST:
            yield inside


def _fits_another(view: Overview, far: Bools) -> Bools:
    """Whether the total signal of a far event is usual at another energy of the grid."""
    fits = np.zeros(len(view), bool)
    if not len(energy_grid(view.energy[view.sound])):
        return fits
    for inside in _groups(view):
        energy = float(np.median(view.energy[inside]))
        low, median, high = np.quantile(view.response[inside], _CORE)
        with np.errstate(invalid="ignore"):
            other = np.abs(view.energy / energy - 1) > _SAME_ENERGY
            near = np.abs(view.total / energy - median) < _FITS * max(high - median, median - low)
        fits |= far & other & near
    return fits
