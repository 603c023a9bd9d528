"""Where showers come from: axis, core, depth and place of the maximum; and how stations lie to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.detectors.surface_array import SurfaceArray
from moliere.errors import DetectorError, UnsupportedIncident
from moliere.simulators.airshower.atmosphere import height_at, vertical_depth
from moliere.simulators.airshower.xmax import HadronicModel, draw_xmax, xmax_law
from moliere.units import m

#: in mm: so far above the highest station a shower has its maximum at least
_CLEARANCE = 200 * m
#: beyond 60 degrees the flat atmosphere is too thick
MAX_ZENITH = float(np.radians(60.0))


@dataclass(frozen=True)
class AirShowers:
    """Geometry of n showers; positions as the stations', directions towards the source.

    Args:
        theta: zenith angle of the axis in rad, (n,).
        phi: its azimuth in rad, (n,).
        core: where it meets the ground in mm, (n, 3).
        xmax: slant depth of the maximum in g/cm², (n,).
    """

    theta: Floats
    phi: Floats
    core: Floats
    xmax: Floats

    def __getitem__(self, rows: slice) -> Self:
        """Some of the showers."""
        return type(self)(self.theta[rows], self.phi[rows], self.core[rows], self.xmax[rows])

    @cached_property
    def axis(self) -> Floats:
        """Unit vectors (n, 3), upwards."""
        sine = np.sin(self.theta)
        return np.stack([sine * np.cos(self.phi), sine * np.sin(self.phi), np.cos(self.theta)], axis=1)

    @cached_property
    def maximum(self) -> Floats:
        """Place of the maximum in mm, (n, 3)."""
        return self.point_at(self.xmax)

    def point_at(self, slant_depth: Floats) -> Floats:
        """Points of the axes [mm], (n, 3), behind so much air [g/cm²], (n,)."""
        cosine = np.cos(self.theta)
        along = (height_at(slant_depth * cosine) - self.core[:, 2]) / cosine
        return np.asarray(self.core + self.axis * along[:, None])

    def along_axis(self, stations: Floats) -> Floats:
        """How far up the axis the stations are, counted from the core.

        Args:
            stations: in mm, (k, 3).

        Returns:
            In mm, (n, k); negative for stations that the shower meets after the core.
        """
        return np.asarray(self.axis @ stations.T - (self.axis * self.core).sum(axis=1, keepdims=True))

    def distances(self, stations: Floats) -> Floats:
        """From the axis to the stations: (k, 3) → (n, k), in mm."""
        offset = stations - self.core[:, None]
        square = (offset**2).sum(axis=2) - self.along_axis(stations) ** 2
        # rounding leaves a little less than nothing for a station on the axis
        return np.asarray(np.sqrt(np.maximum(square, 0.0)))

    def depths(self, stations: Floats) -> Floats:
        """Air between the maximum and the stations, on the straight line: (k, 3) in mm → (n, k) in g/cm²."""
        line = self.maximum[:, None] - stations
        cosine = line[..., 2] / np.linalg.norm(line, axis=2)
        return np.asarray((vertical_depth(stations[:, 2]) - vertical_depth(self.maximum[:, 2:])) / cosine)


def draw_showers(
    detector: SurfaceArray,
    model: HadronicModel,
    max_zenith: float,
    incident: Mapping[str, NDArray[Any]],
    mass_number: Floats,
    rng: np.random.Generator,
) -> AirShowers:
    """One shower a primary; what the incident columns say (``theta``, ``phi``, ``xmax``, ``core_x``, ``core_y``) stays.

    Args:
        detector: cores lie in a disc of half the spacing around its middle station.
        model: of hadronic interactions, for Xmax.
        max_zenith: in rad; directions below it hit a flat ground evenly.
        incident: columns (n,), ``energy`` among them.
        mass_number: of the primaries, (n,).
        rng: source of randomness; it gives the same directions and cores whatever columns there are.

    Raises:
        DetectorError: an array of one station.
        UnsupportedIncident: directions or depths that are not covered, or no room for the maximum.
    """
    energy = incident["energy"]
    theta, phi = _draw_directions(len(energy), max_zenith, rng)
    theta, phi = incident.get("theta", theta), incident.get("phi", phi)
    _check_zenith(theta)
    core = _draw_cores(detector, len(energy), rng)
    for axis, name in enumerate(("core_x", "core_y")):
        core[:, axis] = incident.get(name, core[:, axis])
    limit = vertical_depth(detector.stations[:, 2].max() + _CLEARANCE) / np.cos(theta)
    if "xmax" in incident:
        _check_xmax(incident["xmax"], limit)
        return AirShowers(theta, phi, core, incident["xmax"])
    return AirShowers(theta, phi, core, draw_xmax(xmax_law(model, energy, mass_number), energy, limit, rng))


def _draw_directions(n: int, max_zenith: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Zenith angles with a density of sin(theta) cos(theta), and azimuths; each (n,), in rad."""
    theta = np.arcsin(np.sqrt(rng.random(n)) * np.sin(max_zenith))
    return theta, rng.uniform(-np.pi, np.pi, n)


def _draw_cores(detector: SurfaceArray, n: int, rng: np.random.Generator) -> Floats:
    """Points (n, 3) of a disc around the station nearest to the array's middle, at its height."""
    stations = detector.stations
    middle = stations[np.argmin(np.linalg.norm(stations - stations.mean(axis=0), axis=1))]
    radius, turn = np.sqrt(rng.random(n)) * spacing(detector) / 2, rng.uniform(0, 2 * np.pi, n)
    return np.asarray(middle + np.stack([radius * np.cos(turn), radius * np.sin(turn), np.zeros(n)], axis=1))


def spacing(detector: SurfaceArray) -> float:
    """Smallest distance between two stations in mm.

    Raises:
        DetectorError: there is only one.
    """
    if detector.n_stations < 2:
        raise DetectorError(f"air showers need an array of two stations or more, and {detector.name!r} has one")
    offsets = detector.stations[:, None] - detector.stations
    distances = np.linalg.norm(offsets, axis=2)
    return float(distances[np.triu_indices(detector.n_stations, 1)].min())


def _check_zenith(theta: Floats) -> None:
    outside = theta[~((theta >= 0) & (theta <= MAX_ZENITH + 1e-9))]
    if len(outside):
        raise UnsupportedIncident(
            f"air showers come from zenith angles of 0 to 60 degrees, got theta = {np.degrees(outside[0]):.1f} "
            f"degrees ({len(outside)} of {len(theta)} events are outside); theta = 0 is vertical"
        )


def _check_xmax(xmax: Floats, limit: Floats) -> None:
    outside = np.flatnonzero(~((xmax > 0) & (xmax <= limit)))
    if len(outside):
        row = int(outside[0])
        raise UnsupportedIncident(
            f"{len(outside)} of {len(xmax)} events have an xmax below ground or less than 200 m above it (event {row}: "
            f"{xmax[row]:.0f} g/cm², at most {limit[row]:.0f})"
        )
