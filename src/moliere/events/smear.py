"""Making a continuous spectrum of a few energies: E → E exp(U), signals scaled alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from moliere.errors import InvalidEvents, InvalidQuantity
from moliere.events.events import Events, EventSource
from moliere.seeding import derive_seed

#: events with one random stream, so that the result does not depend on the size of the pieces they are read in
_BLOCK = 1000


def smear(source: EventSource, seed: int, width: float = 0.5) -> Iterator[Events]:
    """Multiply energies and signals of each event by exp(U), U uniform between ±width.

    Samples at discrete energies teach a model only those; within half a natural logarithm a shower's shape changes
    little, so that scaled showers stand in for those in between.

    Args:
        source: events at discrete energies.
        seed: the same seed gives the same factors.
        width: largest change of ln E; 0.5 leaves no gaps between energies a factor of 2 apart (ln 2 is 0.69).

    Yields:
        All events, in pieces; extras are passed on as they are.

    Raises:
        InvalidEvents: of a detector whose signals are not amounts that grow with the energy.
        InvalidQuantity: a width that is not positive.
    """
    if names := source.detector.column_names:
        raise InvalidEvents(
            f"{source.detector.name} records {', '.join(names)}, which do not grow with the incident energy; smear the "
            "showers of a calorimeter or of a surface array"
        )
    if not 0 < width < np.inf:
        raise InvalidQuantity(f"width {width:g}; expected the largest change of ln E, above 0")
    # a file of no events becomes one, too
    for block, start in enumerate(range(0, max(len(source), 1), _BLOCK)):
        events = source.take(slice(start, start + _BLOCK))
        rng = np.random.default_rng(derive_seed(seed, block))
        factor = np.exp(rng.uniform(-width, width, len(events)))
        yield replace(
            events,
            incident={**events.incident, "energy": events.energy * factor},
            signals=(events.signals * factor[:, None]).astype(np.float32),
            metadata={**events.metadata, "smeared_width": width, "smeared_seed": seed},
        )
