"""How well observables agree energy by energy, where an average over energies may hide a difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.evaluation.distances import agreement
from moliere.evaluation.finding import Finding, Listing, Quantity, findings, interval_words
from moliere.evaluation.samples import Samples

#: fewer events of either sample say nothing
LEAST = 30
#: columns of :func:`agreement_cells`
AGREEMENT = ("events", "all observables, p", "worst observable", "its p, corrected")


@dataclass(frozen=True)
class ConditionalRow:
    """Agreement of all observables at one incident energy.

    Args:
        energy: ends of the interval in MeV.
        n_reference: events.
        n_generated: events.
        p_value: of all observables together.
        worst: the observable that agrees least.
        worst_p_value: its Kolmogorov-Smirnov p-value times the number of observables.
        label: of that observable, for people.
    """

    energy: tuple[float, float]
    n_reference: int
    n_generated: int
    p_value: float
    worst: str
    worst_p_value: float
    label: str = ""


@findings.register("conditional")
@dataclass(frozen=True)
class Conditional(Finding):
    """Agreement of all observables at each incident energy.

    Args:
        binned_by: what the intervals are intervals of, in words.
        rows: one an interval.
    """

    binned_by: str
    rows: tuple[ConditionalRow, ...]
    title = "Energy by energy"
    place = 25

    @classmethod
    def look(cls, samples: Samples) -> Conditional | None:
        """In all bins of the incident energy, or of what stands for it."""
        samples.step("energy by energy")
        one, other = samples.reference, samples.generated
        rows = tuple(conditional_rows(one.observables, other.observables, (one.scale, other.scale), samples.bins))
        shown = samples.suite.shown(one.kept.detector)
        rows = tuple(replace(row, label=shown[row.worst].label) for row in rows)
        return cls(samples.suite.scale, rows) if rows else None

    @property
    def listings(self) -> tuple[Listing, ...]:
        """One row an interval."""
        header = (self.binned_by, *AGREEMENT)
        rows = tuple(
            (
                interval_words(row.energy),
                *agreement_cells(
                    row.n_reference, row.n_generated, row.p_value, row.worst_p_value, row.label or row.worst
                ),
            )
            for row in self.rows
        )
        return (Listing(header, rows),)


def agreement_cells(
    n_reference: int, n_generated: int, p_value: float, worst_p_value: float, label: str
) -> tuple[str | Quantity, ...]:
    """How well some events agree, in a table: all observables, and the one of this label that agrees least."""
    return f"{n_reference} | {n_generated}", Quantity(p_value, p_value=p_value), label, Quantity(worst_p_value)


def conditional_rows(
    reference: Mapping[str, Floats],
    generated: Mapping[str, Floats],
    energies: tuple[Floats, Floats],
    bins: Sequence[tuple[float, float]],
) -> Iterator[ConditionalRow]:
    """How well the observables agree at each incident energy, where an average over energies may hide it.

    Args:
        reference: name → values, (n,).
        generated: name → values, (m,).
        energies: incident energies of both in MeV.
        bins: closed intervals of the incident energy.
    """
    for low, high in bins:
        one, other = ((energy >= low) & (energy <= high) for energy in energies)
        if min(one.sum(), other.sum()) < LEAST:
            continue
        if (found := agreement(only(reference, one), only(generated, other))) is None:
            continue
        yield ConditionalRow(
            energy=(low, high),
            n_reference=int(one.sum()),
            n_generated=int(other.sum()),
            p_value=found.p_value,
            worst=found.worst,
            worst_p_value=found.worst_p_value,
        )


def only(observables: Mapping[str, Floats], events: NDArray[np.bool_]) -> dict[str, Floats]:
    """The observables of some events."""
    return {name: values[events] for name, values in observables.items()}
