"""Single events of a comparison, for the display."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moliere.evaluation.collect import Collected
from moliere.evaluation.finding import Finding, findings
from moliere.evaluation.samples import Samples

#: events of each sample, and reference events whose nearest generated one is looked for
_EXAMPLES, _NEAREST = 6, 4


@dataclass(frozen=True)
class ExampleEvent:
    """One event for the display, sparse.

    Args:
        sample: which of the two it is from.
        energy: incident energy in MeV.
        channels: those above the threshold.
        signals: theirs, in MeV.
        nearest: of a reference event and the generated one that lies nearest to it, cell by cell.
        times: arrival times of all stations in ns, ``None`` for silent ones; empty where there are no stations.
    """

    sample: Literal["reference", "generated"]
    energy: float
    channels: tuple[int, ...]
    signals: tuple[float, ...]
    nearest: bool = False
    times: tuple[float | None, ...] = ()


@findings.register("examples")
@dataclass(frozen=True)
class Examples(Finding):
    """Single events of both samples.

    Args:
        events: spread over the energies, then neighbours.
    """

    events: tuple[ExampleEvent, ...]
    title = "Single events"
    place = 36

    @classmethod
    def look(cls, samples: Samples) -> Examples:
        """Some events of every sample."""
        return cls(example_events(samples.reference, samples.generated, samples.bins))


def example_events(
    reference: Collected, generated: Collected, bins: Sequence[tuple[float, float]]
) -> tuple[ExampleEvent, ...]:
    """Events of both samples spread over the bins, then some of the reference with their nearest generated ones."""
    spread = (*_spread("reference", reference, bins), *_spread("generated", generated, bins))
    return (*spread, *_nearest(reference, generated))


def short(values: NDArray[np.floating]) -> tuple[float, ...]:
    """Four digits are enough to draw, and a page is read over networks."""
    return tuple(float(f"{value:.4g}") for value in values)


def _spread(
    sample: Literal["reference", "generated"], used: Collected, bins: Sequence[tuple[float, float]]
) -> Iterator[ExampleEvent]:
    """The most energetic last."""
    chosen = np.linspace(0, len(bins) - 1, min(_EXAMPLES, len(bins))).astype(int)
    for low, high in (bins[k] for k in chosen):
        inside = np.flatnonzero((used.kept.scale >= low) & (used.kept.scale <= high))
        for row in inside[: max(1, _EXAMPLES // len(bins))]:
            yield _event(sample, used, int(row))


def _nearest(reference: Collected, generated: Collected) -> Iterator[ExampleEvent]:
    """Whether a generator that averages or repeats is seen at once: CaloGAN's panels of nearest neighbours."""
    cells = generated.kept.signals
    squares = np.einsum("nc,nc->n", cells, cells, dtype=np.float64)
    for row in range(min(_NEAREST, len(reference.kept.signals))):
        distances = squares - 2 * (cells @ reference.kept.signals[row])
        yield _event("reference", reference, row, nearest=True)
        yield _event("generated", generated, int(np.argmin(distances)), nearest=True)


def _event(
    sample: Literal["reference", "generated"], used: Collected, row: int, *, nearest: bool = False
) -> ExampleEvent:
    signals = used.kept.signals[row]
    channels = np.flatnonzero(signals)
    energy = float(used.kept.scale[row])
    return ExampleEvent(sample, energy, tuple(channels.tolist()), short(signals[channels]), nearest, _times(used, row))


def _times(used: Collected, row: int) -> tuple[float | None, ...]:
    if used.kept.times is None:
        return ()
    return tuple(None if np.isnan(time) else round(time, 1) for time in used.kept.times[row].tolist())
