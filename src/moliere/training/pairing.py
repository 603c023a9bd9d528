"""What two samples must have in common before a refiner learns from both: their incident energies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.errors import InvalidEvents
from moliere.events import EventSource
from moliere.events.events import energy_of
from moliere.events.resample import matching_weights, unweighted_rows
from moliere.events.split import Split
from moliere.seeding import Purpose, derive_seed
from moliere.units import format_energy

#: a smaller p-value says that energies differ; one in a thousand pairs of equal samples has one
_LEAST_P = 1e-3


def match_energies(split: Split, source: EventSource, second: EventSource, seed: int) -> Split:
    """Those events of training and validation that together have the second sample's incident energies.

    Raises:
        InvalidEvents: one of the samples has no energies, or they share none.
    """
    rng = np.random.default_rng(derive_seed(seed, Purpose.MATCHED_ENERGIES))
    weights = matching_weights(energy_of(source.incident), energy_of(second.incident))
    train, validation = (part[unweighted_rows(weights[part], rng)] for part in (split.train, split.validation))
    return Split(train, validation, split.test)


def check_same_energies(one: EventSource, rows: NDArray[np.int64], other: EventSource, like: NDArray[np.int64]) -> None:
    """Refuse two samples whose incident energies differ.

    Args:
        one: the recipe's first sample.
        rows: positions of its training events.
        other: the recipe's second sample.
        like: positions of its training events.

    Raises:
        InvalidEvents: they differ; how, and what to do.
    """
    from scipy.stats import ks_2samp

    first, second = _energies(one, rows), _energies(other, like)
    test = ks_2samp(first, second, method="asymp")
    if test.pvalue >= _LEAST_P:
        return
    raise InvalidEvents(
        f"data.events ({_span(first)}) and data.second ({_span(second)}) have different incident energies "
        f"(Kolmogorov-Smirnov distance {test.statistic:.2f}, p = {test.pvalue:.0e}): a refiner would learn them as if "
        "they were the detector's doing. Set data.match_incident = true, which takes those events that have the data's "
        "energies, or simulate the data's spectrum; data without energies are trained on with data.condition = []"
    )


def _energies(source: EventSource, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Incident energies of some events; weighted events are first selected by their weight."""
    if source.weights is not None:
        rows = rows[unweighted_rows(source.weights[rows], np.random.default_rng(0))]
    return energy_of(source.incident)[rows]


def _span(energy: NDArray[np.float64]) -> str:
    return f"{format_energy(energy.min())} – {format_energy(energy.max())}, mean {format_energy(energy.mean())}"
