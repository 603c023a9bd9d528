"""The particles that events begin with: one an event, or several, as columns of numbers become what a gun shoots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.errors import InvalidEvents
from moliere.simulators.incident import directions_of

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Primaries:
    """Particles of n events, one after the other.

    Args:
        first: event k has the particles from ``first[k]`` up to ``first[k + 1]``; (n + 1,).
        pdg_id: (n_particles,).
        energy: kinetic, in MeV, (n_particles,).
        place: where they cross the front face, x and y in mm, (n_particles, 2).
        direction: unit vectors, (n_particles, 3).
    """

    first: Ints
    pdg_id: Ints
    energy: Floats
    place: Floats
    direction: Floats

    def __len__(self) -> int:
        """Number of events."""
        return len(self.first) - 1

    def of(self, event: int) -> range:
        """Positions of the particles of an event."""
        return range(int(self.first[event]), int(self.first[event + 1]))


def primaries_of(columns: Columns) -> Primaries:
    """Particles from columns (n,), or (n, m) where an event has up to m particles; energy 0 stands for none.

    Raises:
        InvalidEvents: an event without any particle, or columns of different shapes.
        UnsupportedIncident: a particle that flies elsewhere.

    Example:
        >>> primaries = primaries_of({"energy": np.array([[5.0, 6.0], [7.0, 0.0]]), "pdg_id": np.full((2, 2), 22)})
        >>> primaries.energy, [list(primaries.of(event)) for event in range(2)]
        (array([5., 6., 7.]), [[0, 1], [2]])
    """
    energy = np.asarray(columns["energy"], np.float64)
    there = _rows(energy) != 0
    if not there.any(axis=1).all():
        event = int(np.argmin(there.any(axis=1)))
        raise InvalidEvents(f"event {event} begins with no particle: all its energies are 0; leave the event out")
    flat = {name: _like(name, column, energy)[there] for name, column in columns.items() if name in _USED}
    zeros = np.zeros(len(flat["energy"]))
    return Primaries(
        first=np.cumsum([0, *there.sum(axis=1)]),
        pdg_id=flat["pdg_id"],
        energy=flat["energy"],
        place=np.stack([flat.get("x", zeros), flat.get("y", zeros)], axis=1),
        direction=directions_of(flat, len(zeros)),
    )


_USED = {"energy", "pdg_id", "x", "y", "theta", "phi"}


def _like(name: str, column: NDArray[Any], energy: Floats) -> NDArray[Any]:
    """A column with one number a particle, (n, m); one number an event counts for all its particles."""
    values = np.asarray(column)
    if values.shape[:1] != energy.shape[:1] or (values.ndim > 1 and values.shape != energy.shape):
        raise InvalidEvents(f"column {name!r} has shape {values.shape}, expected {energy.shape}, as the energies have")
    return np.broadcast_to(_rows(values), (len(energy), int(np.prod(energy.shape[1:]))))


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    """One column for each particle, of no events too: (n,) or (n, m) → (n, m)."""
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


def a_row_an_event(columns: Columns) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Incident columns and extras of events that begin with several particles.

    Returns:
        Columns (n,): the sum of energies, the kind where all particles are of one, and what was one number an event;
        extras (n, m), called ``primary_energy``, …: what each particle has of its own.

    Example:
        >>> incident, extras = a_row_an_event({"energy": np.array([[5.0, 6.0]]), "pdg_id": np.array([[22, 22]])})
        >>> incident["energy"], incident["pdg_id"], list(extras)
        (array([11.]), array([22]), ['primary_energy', 'primary_pdg_id'])
    """
    incident = {name: column for name, column in columns.items() if column.ndim == 1}
    several = {name: column for name, column in columns.items() if column.ndim > 1}
    if "energy" in several:
        incident["energy"] = several["energy"].sum(axis=1)
    if "pdg_id" in several and len(np.unique(several["pdg_id"])) == 1:
        incident["pdg_id"] = several["pdg_id"][:, 0]
    return incident, {f"primary_{name}": column for name, column in several.items()}
