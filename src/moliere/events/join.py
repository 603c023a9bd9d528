"""Several files as one: the particles of a published data set, each in a file of its own, for one model of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

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
    total = sum(map(len, sources))
    if not total or len({source.detector.n_channels for source in sources}) > 1:
        raise InvalidEvents(
            f"expected events of one detector, got {[f'{len(s)} of {s.detector.name}' for s in sources]}"
        )
    n_pieces = max(1, round(total / _PIECE))
    for piece in range(n_pieces):
        parts = [
            _told(source.take(_share(len(source), piece, n_pieces)), particle)
            for source, particle in zip(sources, particles, strict=True)
        ]
        mixed = Events.concatenate(_alike(parts))
        rng = np.random.default_rng(derive_seed(seed, piece))
        yield replace(mixed[rng.permutation(len(mixed))], metadata={"joined": len(sources)})


def _share(n: int, piece: int, n_pieces: int) -> slice:
    return slice(n * piece // n_pieces, n * (piece + 1) // n_pieces)


def _told(events: Events, particle: int | None) -> Events:
    """With a column that says what came in."""
    if particle is None:
        return events
    return replace(events, incident={**events.incident, "pdg_id": np.full(len(events), particle)})


def _alike(parts: Sequence[Events]) -> list[Events]:
    """The same detector object and columns: those that all have."""
    told = ["pdg_id" in part.incident for part in parts]
    if any(told) and not all(told):
        raise InvalidEvents(
            f"file {told.index(False) + 1} does not say which particles came in, while others do; name the particle "
            "of each file",
            options=("--particles e+,gamma,pi+",),
        )
    columns = [name for name in parts[0].incident if all(name in part.incident for part in parts)]
    return [
        replace(part, detector=parts[0].detector, incident={name: part.incident[name] for name in columns})
        for part in parts
    ]
