"""Which particles come in: what a user writes, with units, as incident columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.errors import ConfigError, InvalidQuantity
from moliere.events import EventSource
from moliere.events.particles import particle_id, particle_names
from moliere.generation.guard import known_columns
from moliere.models import Bundle
from moliere.seeding import derive_seed
from moliere.simulators import Simulator, simulators
from moliere.simulators.incident import sample_incident
from moliere.units import Quantity, format_incident, parse_angle, parse_energy, parse_length, span

#: what a derived seed is for: the energies; chunks and blocks of events count up from 0
_ENERGIES = 2**20
#: events: more than fit on any disk
_MOST = 10**12
#: columns that are given under another name
_WORDS = {"pdg_id": "particle"}
_PARSERS = {"x": parse_length, "y": parse_length, "theta": parse_angle, "phi": parse_angle}

Incident = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Particles:
    """Which particles :func:`~moliere.simulate` is asked for, whoever does it; its words are explained there."""

    n: int = 1000
    particle: str | None = None
    energy: Quantity | None = None
    spectrum: str | None = None
    x: Quantity | None = None
    y: Quantity | None = None
    theta: Quantity | None = None
    phi: Quantity | None = None
    multiplicity: int = 1

    def draw(self, simulator: Simulator, seed: int) -> Incident:
        """Incident columns of all events, (n,) or, with several particles an event, (n, multiplicity).

        Raises:
            ConfigError: the simulator cannot do so many particles an event.
        """
        check_multiplicity(simulator, self.multiplicity)
        places = {"x": self.x, "y": self.y, "theta": self.theta, "phi": self.phi}
        energy, spectrum = self.energy or simulator.default_energies, self.spectrum or simulator.default_spectrum
        incident = draw(self.n * self.multiplicity, energy, spectrum, seed, self.particle, **places)
        if self.multiplicity == 1:
            return incident
        return {name: column.reshape(self.n, self.multiplicity) for name, column in incident.items()}


def draw(
    n: int, energy: Quantity, spectrum: str, seed: int, particle: str | None, **spreads: Quantity | None
) -> dict[str, NDArray[Any]]:
    """Incident columns of n particles.

    Args:
        n: how many.
        energy: one energy or a range.
        spectrum: how energies are drawn from a range.
        seed: of the draw.
        particle: name, or ``None``.
        spreads: ``x``, ``y``, ``theta``, ``phi``: one value or a range.
    """
    _check_count(n)
    ends = span(energy, parse_energy)
    rng = np.random.default_rng(derive_seed(seed, _ENERGIES))
    given = {name: span(value, _PARSERS[name]) for name, value in spreads.items() if value is not None}
    kind = particle_id(particle) if particle else None
    try:
        return sample_incident(n, ends, spectrum if ends[0] < ends[1] else "fixed", kind, rng, given)
    except (MemoryError, OverflowError, ValueError) as error:
        if isinstance(error, InvalidQuantity):
            raise
        raise InvalidQuantity(f"{n:.4g} events do not fit in memory; ask for fewer, in several files") from error


def particles_for(
    bundle: Bundle,
    n: int | None,
    energy: Quantity | None,
    spectrum: str,
    seed: int,
    particle: str | None = None,
    **spreads: Quantity | None,
) -> tuple[Incident, int]:
    """Incident columns drawn for a bundle, and how many events that makes.

    Raises:
        ConfigError: the number, the energy or another column is missing, or is given to a model that is conditioned
            on nothing.
    """
    if bundle.columns:
        if n is None or energy is None:
            raise ConfigError(
                "say which incident particles: their number and their energy, or events whose particles are taken",
                options=("-n 1000 --energy 1GeV:100GeV", "--like FILE"),
            )
        incident = draw(n, energy, spectrum, seed, particle, **spreads)
        if missing := [name for name in bundle.columns if name not in incident]:
            raise ConfigError(
                f"bundle {bundle.name!r} is conditioned on {' and '.join(missing)}, too; it knows "
                f"{', '.join(_known(bundle, name) for name in missing)}: say which, or take particles of other events",
                options=(*(f"--{_WORDS.get(name, name)}" for name in missing), "--like FILE"),
            )
        return incident, n
    if any(given is not None for given in (energy, particle, *spreads.values())):
        raise ConfigError(
            f"bundle {bundle.name!r} knows no incident particles; leave out energies, particles, places and angles"
        )
    if n is None:
        raise ConfigError("say how many events are to be generated", options=("-n 1000000",))
    _check_count(n)
    return {}, n


def _known(bundle: Bundle, column: str) -> str:
    """Which values of a column a bundle knows, in words."""
    if column == "pdg_id":
        return "the particles " + particle_names(bundle.model.context.particles)
    ends = bundle.validity.get(column, (-np.inf, np.inf))
    return f"{column} from {' to '.join(format_incident(column, end) for end in ends)}"


def check_multiplicity(simulator: Simulator, multiplicity: int) -> None:
    """Refuse events that begin with several particles where a simulator can only do one, and with none anywhere.

    Raises:
        ConfigError: either.
    """
    if multiplicity < 1:
        raise ConfigError(f"{multiplicity} particles an event; expected 1 or more")
    if multiplicity > 1 and not simulator.several:
        able = ", ".join(name for name in simulators if simulators[name].several)
        raise ConfigError(
            f"{type(simulator).__name__} simulates one particle an event, not {multiplicity}; simulators that can do "
            f"several: {able}"
        )


def _check_count(n: int) -> None:
    if not 0 <= n <= _MOST:
        raise InvalidQuantity(f"{n:.4g} events; expected 0 to {_MOST:.0e}")


def particles_like(bundle: Bundle, source: EventSource, part: str) -> tuple[Incident, int]:
    """Those incident columns of a sample that a bundle knows, or of one part of it, and how many events that makes."""
    incident = known_columns(bundle, source.incident)
    if part == "all":
        return incident, len(source)
    index = bundle.rows_of(source, part)
    return {name: column[index] for name, column in incident.items()}, len(index)
