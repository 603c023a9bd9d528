"""Names of particles and their numbers in the PDG's scheme."""

from __future__ import annotations

from collections.abc import Iterable

from moliere.errors import UnknownName, did_you_mean

#: particle name → PDG identifier
PARTICLES = {
    "e-": 11,
    "e+": -11,
    "gamma": 22,
    "mu-": 13,
    "mu+": -13,
    "pi+": 211,
    "pi-": -211,
    "proton": 2212,
    "iron": 1000260560,
}


def particle_id(name: str) -> int:
    """PDG identifier of a particle.

    Args:
        name: such as ``e-``, ``gamma`` or ``pi+``.

    Raises:
        UnknownName: no such particle here.

    Example:
        >>> particle_id("e-"), particle_id("gamma")
        (11, 22)
    """
    if name not in PARTICLES:
        raise UnknownName(f"unknown particle {name!r}; {did_you_mean(name, PARTICLES)}")
    return PARTICLES[name]


def particle_name(pdg_id: int) -> str:
    """Name of a particle, or ``pdg 130`` for one that has none here.

    Example:
        >>> particle_name(-11)
        'e+'
    """
    return next((name for name, number in PARTICLES.items() if number == pdg_id), f"pdg {pdg_id}")


def particle_names(pdg_ids: Iterable[int]) -> str:
    """Names of some particles in a row.

    Example:
        >>> particle_names([-11, 22, 130])
        'e+, gamma, pdg 130'
    """
    return ", ".join(particle_name(int(number)) for number in pdg_ids)
