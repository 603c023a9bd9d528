"""Incident particles to simulate: their names, and their energies drawn from a spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.errors import InvalidQuantity, UnknownName, did_you_mean
from moliere.registry import Registry

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
}

Spectrum = Callable[[int, float, float, np.random.Generator], Floats]

#: name → function (n, low, high, rng) → energies
spectra: Registry[Spectrum] = Registry("spectrum")


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


def sample_incident(
    n: int, energy_range: tuple[float, float], spectrum: str, pdg_id: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Incident columns of n particles of one kind.

    Args:
        n: number of particles.
        energy_range: lowest and highest energy in MeV.
        spectrum: ``flat``, ``log`` (flat in ln E), ``powers-of-2`` (steps of 2 from the lowest energy up,
            equally often) or ``fixed`` (all at one energy).
        pdg_id: of all of them.
        rng: source of randomness.

    Returns:
        Columns ``energy`` [MeV] and ``pdg_id``, each (n,).

    Raises:
        InvalidQuantity: energies that are not positive or out of order.
        UnknownName: no such spectrum.

    Example:
        >>> columns = sample_incident(3, (1000.0, 1000.0), "fixed", 11, np.random.default_rng(0))
        >>> columns["energy"].tolist(), columns["pdg_id"].tolist()
        ([1000.0, 1000.0, 1000.0], [11, 11, 11])
    """
    low, high = energy_range
    if not 0 < low <= high < np.inf:
        raise InvalidQuantity(f"energy range {low:g}:{high:g} MeV; expected 0 < lowest <= highest, finite")
    if n < 0:
        raise InvalidQuantity(f"{n} incident particles; expected 0 or more")
    energy = spectra[spectrum](n, low, high, rng)
    return {"energy": energy, "pdg_id": np.full(n, pdg_id, dtype=np.int64)}


@spectra.register("flat")
def _flat(n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    return rng.uniform(low, high, n)


@spectra.register("log")
def _log(n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    # exp(log(low)) may round below low, and a range of validity would then refuse it
    return np.clip(np.exp(rng.uniform(np.log(low), np.log(high), n)), low, high)


@spectra.register("powers-of-2")
def _powers_of_2(n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    steps = int(np.floor(np.log2(high / low) + 1e-9)) + 1
    return np.ldexp(low, rng.integers(steps, size=n))


@spectra.register("fixed")
def _fixed(n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    if low != high:
        raise InvalidQuantity(
            f"a fixed spectrum has one energy, got {low:g}:{high:g} MeV; give one, or choose another spectrum"
        )
    return np.full(n, low)
