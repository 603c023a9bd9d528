"""Several files as one: particles, or slices in pseudorapidity, of a published data set, for one model of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from moliere.detectors import Calorimeter, Detector, Layer, of_kind
from moliere.errors import InvalidEvents
from moliere.events.events import Events, EventSource
from moliere.seeding import derive_seed

#: about so many events are shuffled among each other
_PIECE = 2000


def join(sources: Sequence[EventSource], particles: Sequence[int | None], seed: int) -> Iterator[Events]:
    """All events of some sources, mixed, so that every part of the result holds some of each.

    Args:
        sources: of one detector.
        particles: of each source the PDG identifier of what came in; ``None`` keeps what the source itself says.
        seed: of the mixture.

    Yields:
        Pieces that hold every source's share, in random order. Columns and extras are those that all sources have.

    Raises:
        InvalidEvents: no events, other detectors, or a source whose particle nobody says while others have one.
    """
    total, first = sum(map(len, sources)), sources[0].detector
    if not total:
        raise InvalidEvents(f"none of the {len(sources)} files has an event; name files with events")
    for number, source in enumerate(sources, 1):
        if reason := first.incomparable_with(source.detector) or first.displaced_from(source.detector):
            raise InvalidEvents(
                f"file {number} is of another detector than file 1: {reason}; join files of one detector"
            )
    n_pieces = max(1, round(total / _PIECE))
    for piece in range(n_pieces):
        parts = [
            _with_particle(source.take(_share(len(source), piece, n_pieces)), particle)
            for source, particle in zip(sources, particles, strict=True)
        ]
        mixed = Events.concatenate(_alike(parts))
        rng = np.random.default_rng(derive_seed(seed, piece))
        yield replace(mixed[rng.permutation(len(mixed))], metadata={"joined": len(sources)})


def _share(n: int, piece: int, n_pieces: int) -> slice:
    return slice(n * piece // n_pieces, n * (piece + 1) // n_pieces)


def _with_particle(events: Events, particle: int | None) -> Events:
    """With a column that says what came in."""
    if particle is None:
        return events
    return replace(events, incident={**events.incident, "pdg_id": np.full(len(events), particle)})


def _alike(parts: Sequence[Events]) -> list[Events]:
    """The same detector object and columns: those that all have."""
    known = ["pdg_id" in part.incident for part in parts]
    if any(known) and not all(known):
        raise InvalidEvents(
            f"file {known.index(False) + 1} does not say which particles came in, while others do; name the particle "
            "of each file",
            options=("--particles e+,gamma,pi+",),
        )
    columns = [name for name in parts[0].incident if all(name in part.incident for part in parts)]
    return [
        replace(part, detector=parts[0].detector, incident={name: part.incident[name] for name in columns})
        for part in parts
    ]


_ETA = re.compile(r"eta[_-]?(\d{2,3})(?!\d)")


def eta_of(path: str | Path, source: EventSource) -> float:
    """The pseudorapidity that a file's name says, in hundredths (``eta_020``, ``eta-020``), else its detector's name.

    Raises:
        InvalidEvents: neither does.
    """
    for name in (Path(path).name, source.detector.name):
        if found := _ETA.search(name):
            return int(found[1]) / 100
    raise InvalidEvents(
        f"{path}: neither the file nor its detector {source.detector.name} says the slice's eta; name the file like "
        "eta-020.h5, or read it with the slice's detector",
        options=("--detector atlas-eta-020",),
    )


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
