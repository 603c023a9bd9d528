"""Several pseudorapidity slices of a calorimeter as one sample, each event with its slice's eta."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from moliere.detectors import Calorimeter, Detector, Layer, of_kind
from moliere.errors import InvalidEvents
from moliere.events.events import Events, EventSource

_ETA = re.compile(r"eta[_-]?(\d{2,3})(?!\d)")


def eta_of(path: str | Path, source: EventSource) -> float:
    """The pseudorapidity that a file's name says, in hundredths (``eta_020``, ``eta-020``), else its detector's name.

    Raises:
        InvalidEvents: neither does.
    """
    for name in (Path(path).name, source.detector.name):
        if found := _ETA.search(name):
            return int(found[1]) / 100
    raise InvalidEvents(f"{path}: neither the file nor its detector {source.detector.name} is named like eta-020")


def join_slices(slices: Sequence[tuple[float, EventSource]]) -> Iterator[Events]:
    """Events of slices whose layers agree, seen by the first slice's detector, with ``eta`` among the incident columns.

    Args:
        slices: eta and events of each.

    Yields:
        All events in pieces, slice after slice.

    Raises:
        InvalidEvents: slices with other layers, sectors or rings than the first, which no one model can make.

    Example:
        >>> import moliere
        >>> photons = moliere.samples.open("photons-mini")[:10]
        >>> pieces = list(join_slices([(0.2, photons), (0.25, photons)]))
        >>> pieces[1].incident["eta"][0]
        np.float64(0.25)
    """
    first = slices[0][1].detector
    for eta, source in slices[1:]:
        _check_layers(first, source.detector, eta)
    for eta, source in slices:
        for events in source.chunks():
            incident = {**events.incident, "eta": np.full(len(events), eta)}
            yield replace(events, detector=first, incident=incident)


def _check_layers(first: Detector, other: Detector, eta: float) -> None:
    one, two = ([(layer.id, layer.grid) for layer in _layers(detector)] for detector in (first, other))
    if one == two:
        return
    ids = [[number for number, _ in layers] for layers in (one, two)]
    differ = f"layers {ids[1]}, not {ids[0]}" if ids[0] != ids[1] else "the same layers in other cells"
    raise InvalidEvents(
        f"the slice at eta {eta:g} ({other.name}) has {differ} as {first.name} has; join slices whose layers agree, or "
        "read all of them with one detector",
        options=("--detector NAME",),
    )


def _layers(detector: Detector) -> Sequence[Layer]:
    return of_kind(detector, Calorimeter, "a join of slices in eta", InvalidEvents).read_out
