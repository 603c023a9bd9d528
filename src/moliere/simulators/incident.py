"""Incident particles to simulate: their directions, and their energies drawn from a spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.errors import InvalidQuantity, UnsupportedIncident
from moliere.events.directions import to_vectors
from moliere.registry import Registry
from moliere.seeding import derive_rng

#: cosine of the angle to the axis, below which a particle never gets into the detector
_GRAZING = 1e-6

Spectrum = Callable[[int, float, float, np.random.Generator], Floats]

#: name → function (n, low, high, rng) → energies
spectra: Registry[Spectrum] = Registry("spectrum")


def directions_of(incident: Mapping[str, NDArray[Any]], n: int) -> Floats:
    """Unit vectors (n, 3) of incident particles, from the columns ``theta`` and ``phi`` where they are given.

    See :mod:`moliere.events.directions`; without columns particles fly straight in.

    Raises:
        UnsupportedIncident: a particle that does not fly towards the detector.
    """
    theta, phi = incident.get("theta", np.full(n, np.pi / 2)), incident.get("phi", np.zeros(n))
    vectors = to_vectors(theta, phi)
    if (vectors[:, 2] < _GRAZING).any():
        row = int(np.argmin(vectors[:, 2]))
        raise UnsupportedIncident(
            f"event {row} with theta {theta[row]:.3f} and phi {phi[row]:.3f} rad does not fly into the detector; theta "
            "is the angle from the beam line, so that pi/2 points straight in"
        )
    return vectors


def sample_incident(
    n: int,
    energy_range: tuple[float, float],
    spectrum: str,
    pdg_id: int | None,
    rng: np.random.Generator,
    spreads: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, NDArray[Any]]:
    """Incident columns of n particles of one kind.

    Args:
        n: number of particles.
        energy_range: lowest and highest energy in MeV.
        spectrum: ``flat``, ``log`` (flat in ln E), ``powers-of-2`` (steps of 2 from the lowest energy up,
            equally often) or ``fixed`` (all at one energy).
        pdg_id: of all of them; ``None`` leaves the column out, and the simulator decides.
        rng: source of randomness. Every further column has a stream of its own, so that the first particles are the
            same whatever their number and the other columns are.
        spreads: further columns, uniform between two ends: ``x`` and ``y`` in mm, ``theta`` and ``phi`` in rad.

    Returns:
        Columns ``energy`` [MeV], ``pdg_id`` and those of ``spreads``, each (n,).

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
    columns: dict[str, NDArray[Any]] = {"energy": spectra[spectrum](n, low, high, rng)}
    if pdg_id is not None:
        columns["pdg_id"] = np.full(n, pdg_id, dtype=np.int64)
    for name, (first, last) in (spreads or {}).items():
        if not first <= last:
            raise InvalidQuantity(f"{name} from {first:g} to {last:g}; expected the lower end first")
        columns[name] = derive_rng(rng, name).uniform(first, last, n)
    return columns


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
