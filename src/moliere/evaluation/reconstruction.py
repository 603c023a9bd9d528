"""How well incident quantities are reconstructed: bias and resolution, with errors, as a function of energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents

#: fewest events that say something of a bin
_LEAST = 20


@dataclass(frozen=True)
class Quality:
    """Deviations of reconstructed from true values.

    Args:
        bias: their mean.
        bias_error: its standard error.
        resolution: their standard deviation.
        resolution_error: its standard error, fat tails included.
        n_events: how many there are.
    """

    bias: float
    bias_error: float
    resolution: float
    resolution_error: float
    n_events: int


@dataclass(frozen=True)
class QualityPoint:
    """Quality in one bin of the true energy.

    Args:
        energy: mean of the bin in MeV.
        quality: of the events in it.
    """

    energy: float
    quality: Quality


def quality_of(deviations: Floats) -> Quality:
    r"""Mean and standard deviation of some deviations, with errors.

    The error of the standard deviation is :math:`\sqrt{(m_4 - m_2^2) / n} / (2 \sqrt{m_2})` with the central moments
    :math:`m_k`, which holds for any distribution.

    Args:
        deviations: (n,), n at least 2.

    Example:
        >>> found = quality_of(np.random.default_rng(0).normal(0.1, 0.5, 10_000))
        >>> round(found.bias, 2), round(found.bias_error, 3)
        (0.1, 0.005)
        >>> round(found.resolution, 2), round(found.resolution_error, 4)
        (0.5, 0.0035)
    """
    n = len(deviations)
    if n < 2:
        raise InvalidEvents(f"{n} events say nothing about a resolution; expected at least 2")
    centred = deviations - deviations.mean()
    second, fourth = float(np.mean(centred**2)), float(np.mean(centred**4))
    width = float(deviations.std(ddof=1))
    error = np.sqrt(max(fourth - second**2, 0) / n) / (2 * width) if width > 0 else 0.0
    return Quality(float(deviations.mean()), width / math.sqrt(n), width, float(error), n)


def energy_quality(true: Floats, reconstructed: Floats, n_bins: int = 8) -> tuple[Quality, tuple[QualityPoint, ...]]:
    """Relative bias and resolution of the energy, over all events and in equally filled bins of the true energy.

    Args:
        true: in MeV, (n,).
        reconstructed: in MeV, (n,).
        n_bins: most bins; fewer where there are few events.

    Returns:
        Of all events, and of the bins in order.

    Raises:
        InvalidEvents: fewer than two events.
    """
    deviations = np.asarray(reconstructed, np.float64) / true - 1
    whole = quality_of(deviations)
    order = np.argsort(true, kind="stable")
    parts = np.array_split(order, max(1, min(n_bins, len(true) // _LEAST)))
    return whole, tuple(QualityPoint(float(true[rows].mean()), quality_of(deviations[rows])) for rows in parts)


def deviations_of(true: Mapping[str, Floats], reconstructed: Mapping[str, Floats]) -> dict[str, tuple[Floats, str]]:
    """Deviations of everything that is reconstructed and known: energies relative, others in their own unit.

    An axis is one quantity: the angle between the two directions. Angles around the beam are differences within ±π.

    Args:
        true: incident columns, (n,) each.
        reconstructed: predicted columns, (n,) each; columns that are not among the true ones are left out.

    Returns:
        Name → deviations (n,) and their unit, empty for relative ones.
    """
    known = [name for name in reconstructed if name in true]
    found: dict[str, tuple[Floats, str]] = {}
    if {"theta", "phi"} <= set(known):
        found["axis"] = (_angle_between(true, reconstructed), "rad")
        known = [name for name in known if name not in ("theta", "phi")]
    for name in known:
        difference = np.asarray(reconstructed[name], np.float64) - true[name]
        if name == "energy":
            found[name] = (difference / true[name], "")
        elif name in ("theta", "phi"):
            found[name] = (np.remainder(difference + np.pi, 2 * np.pi) - np.pi, "rad")
        else:
            found[name] = (difference, _UNITS.get(name, ""))
    return found


_UNITS = {"core_x": "mm", "core_y": "mm", "core_z": "mm", "xmax": "g/cm²"}


def _angle_between(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> Floats:
    """By the chord, which keeps small angles that a cosine loses."""
    chord = np.linalg.norm(_direction(one) - _direction(other), axis=1)
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def _direction(columns: Mapping[str, Floats]) -> Floats:
    theta, phi = (np.asarray(columns[name], np.float64) for name in ("theta", "phi"))
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
