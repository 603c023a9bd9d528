"""How well each kind of particle agrees, where the sum over several kinds may hide a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.evaluation.collect import Collected
from moliere.evaluation.distances import Agreement, agreement
from moliere.evaluation.finding import Finding, Listing, Quantity, findings
from moliere.evaluation.findings.conditional import AGREEMENT, LEAST, agreement_cells, only
from moliere.evaluation.observables.base import Shown
from moliere.evaluation.response import moments, name_of_response
from moliere.evaluation.samples import Samples
from moliere.events.particles import particle_name


@dataclass(frozen=True)
class ResponseOf:
    """Response of one kind of particle.

    Args:
        mean: over all its energies.
        mean_error: standard error.
        width: standard deviation over events.
        width_error: standard error.
    """

    mean: float
    mean_error: float
    width: float
    width_error: float


@dataclass(frozen=True)
class ParticleRow:
    """Agreement of one kind of particle.

    Args:
        pdg_id: of the particle.
        n_reference: events.
        n_generated: events.
        agreement: of all observables.
        label: of the one that agrees least, for people.
        reference: its response, where events have one.
        generated: of the generated events.
    """

    pdg_id: int
    n_reference: int
    n_generated: int
    agreement: Agreement
    label: str
    reference: ResponseOf | None = None
    generated: ResponseOf | None = None


@findings.register("particles")
@dataclass(frozen=True)
class Particles(Finding):
    """Agreement of all observables for each kind of particle.

    Args:
        rows: one a kind.
    """

    rows: tuple[ParticleRow, ...]
    title = "Particle by particle"
    place = 26

    @classmethod
    def look(cls, samples: Samples) -> Particles | None:
        """Where the reference holds several kinds and the generated events say theirs."""
        samples.step("particle by particle")
        one, other = samples.reference, samples.generated
        if one.particles is None or other.particles is None or len(np.unique(one.particles)) < 2:
            return None
        shown = samples.suite.shown(one.kept.detector)
        pairs = ((number, _of(one, number), _of(other, number)) for number in _commonest_first(one.particles))
        rows = tuple(row for pair in pairs if (row := _row(*pair, shown)) is not None)
        return cls(rows) if rows else None

    @property
    def listings(self) -> tuple[Listing, ...]:
        """One row a kind; two columns more where events have a response."""
        header: tuple[str, ...] = ("particle", *AGREEMENT)
        if any(row.reference for row in self.rows):
            header = (*header, "mean response", "its width")
        return (Listing(header, tuple(_cells(row) for row in self.rows)),)


def _cells(row: ParticleRow) -> tuple[str | Quantity, ...]:
    found = row.agreement
    cells = (
        particle_name(row.pdg_id),
        *agreement_cells(row.n_reference, row.n_generated, found.p_value, found.worst_p_value, row.label),
    )
    if row.reference is None or row.generated is None:
        return cells
    one, other = row.reference, row.generated
    return (
        *cells,
        f"{one.mean:.4f} ± {one.mean_error:.4f} | {other.mean:.4f} ± {other.mean_error:.4f}",
        f"{one.width:.4f} ± {one.width_error:.4f} | {other.width:.4f} ± {other.width_error:.4f}",
    )


def _commonest_first(particles: NDArray[np.int64]) -> list[int]:
    numbers, counts = np.unique(particles, return_counts=True)
    return [int(number) for number in numbers[np.argsort(-counts, kind="stable")]]


def _of(sample: Collected, number: int) -> dict[str, Floats]:
    """Observables of one kind of particle, name → (n,)."""
    assert sample.particles is not None
    return only(sample.observables, sample.particles == number)


def _row(
    number: int, reference: dict[str, Floats], generated: dict[str, Floats], shown: Mapping[str, Shown]
) -> ParticleRow | None:
    """``None`` where there are too few events, or nothing varies."""
    n, m = (len(next(iter(observables.values()))) for observables in (reference, generated))
    if min(n, m) < LEAST or (found := agreement(reference, generated)) is None:
        return None
    label = shown[found.worst].label
    return ParticleRow(number, n, m, found, label, _response(reference), _response(generated))


def _response(observables: dict[str, Floats]) -> ResponseOf | None:
    name = name_of_response(observables)
    return None if name is None else ResponseOf(*moments(observables[name]))
