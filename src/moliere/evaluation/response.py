"""Response and resolution against incident energy."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats

#: more distinct energies than this are grouped into quantile bins
_MAX_POINTS = 20
_BINS = 10
_LEAST = 10  # events a point
#: what total over incident energy is called
_RESPONSES = ("response", "sampling_fraction")


@dataclass(frozen=True)
class ResponsePoint:
    """Response (total signal / incident energy) at one incident energy, or in one bin of it.

    Args:
        energy: mean incident energy in MeV.
        n_reference: reference events.
        n_generated: generated events.
        reference_mean: mean response.
        reference_width: its standard deviation over events.
        generated_mean: of the generated events.
        generated_width: of the generated events.
        reference_mean_error: standard error of the mean; the other three errors are those of their quantities.
    """

    energy: float
    n_reference: int
    n_generated: int
    reference_mean: float
    reference_mean_error: float
    reference_width: float
    reference_width_error: float
    generated_mean: float
    generated_mean_error: float
    generated_width: float
    generated_width_error: float


def response_points(
    reference_energy: Floats, reference: Floats, generated_energy: Floats, generated: Floats
) -> tuple[ResponsePoint, ...]:
    """Mean and width of the response of both samples at each incident energy.

    Points with fewer than ten events of either sample are left out.

    Args:
        reference_energy: incident energies in MeV.
        reference: responses of the same events.
        generated_energy: incident energies of the generated events in MeV.
        generated: responses of the generated events.
    """
    points = []
    for low, high in energy_bins(reference_energy):
        one = reference[(reference_energy >= low) & (reference_energy <= high)]
        other = generated[(generated_energy >= low) & (generated_energy <= high)]
        if min(len(one), len(other)) >= _LEAST:
            centre = float(reference_energy[(reference_energy >= low) & (reference_energy <= high)].mean())
            points.append(ResponsePoint(centre, len(one), len(other), *moments(one), *moments(other)))
    return tuple(points)


def name_of_response(observables: Container[str]) -> str | None:
    """Which observable is the total over the incident energy, if one is."""
    return next((name for name in _RESPONSES if name in observables), None)


def energy_bins(energy: Floats) -> list[tuple[float, float]]:
    """Closed intervals: one an energy where there are few, quantiles where they are continuous."""
    distinct = np.unique(energy)
    if len(distinct) <= _MAX_POINTS:
        return [(float(e) * (1 - 1e-6), float(e) * (1 + 1e-6)) for e in distinct]
    edges = np.quantile(energy, np.linspace(0, 1, _BINS + 1))
    highest = np.append(np.nextafter(edges[1:-1], 0), edges[-1])
    return list(zip(edges[:-1].tolist(), highest.tolist(), strict=True))


def ratio_of(one: Sequence[float], other: Sequence[float]) -> tuple[float, float] | None:
    """A generated value over the reference's, with its error.

    Args:
        one: the reference's value and its error.
        other: the generated value and its error.

    Returns:
        ``None`` where the reference's value is 0, or the ratio is too large for a number.

    Example:
        >>> ratio_of((2.0, 0.0), (1.0, 0.1)), ratio_of((0.0, 0.0), (0.0, 0.0))
        ((0.5, 0.05), None)
    """
    if one[0] == 0:
        return None
    ratio = other[0] / one[0]
    error = float(np.hypot(other[1] / one[0], ratio * one[1] / one[0]))
    return (ratio, error) if np.isfinite([ratio, error]).all() else None


def moments(values: Floats) -> tuple[float, float, float, float]:
    """Mean, its error, standard deviation, its error (from the fourth moment: responses have tails)."""
    n, std = len(values), float(values.std(ddof=1))
    scaled = (values - values.mean()) / (std or 1.0)
    kurtosis = float((scaled**4).mean())
    return float(values.mean()), std / n**0.5, std, std * max(kurtosis - 1, 0.0) ** 0.5 / (2 * n**0.5)
