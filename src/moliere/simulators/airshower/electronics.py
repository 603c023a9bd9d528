"""What a station makes of its particles: noise, the time of arrival, and whether it triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats
from moliere.simulators.airshower.showers import AirShowers

Front = Literal["planar", "spherical"]

#: VEM that noise adds to a bin on average, and its scatter
PEDESTAL, _SCATTER = 1.2, 0.6
#: noise that goes with the signal of a bin
_RELATIVE = 0.05
#: a station triggers above so many times the noise
_TRIGGER = 1.2
#: in mm/ns, rounded as the published simulation rounds it
_LIGHT = 300.0
#: in ns: of a station with one decade of signal, and of the whole event's clock
_TIMING, _CLOCK = 60.0 * 8.0, 100.0
#: the front of a shower is curved as if it came from the point at this part of Xmax
_VIRTUAL_ORIGIN = 0.5


@dataclass(frozen=True)
class Recorded:
    """What is read out.

    Args:
        traces: in VEM, (n, n_stations, n_bins); 0 for silent stations.
        times: of arrival in ns, (n, n_stations); NaN for silent stations.
    """

    traces: NDArray[np.float32]
    times: Floats


def front_times(showers: AirShowers, stations: Floats, front: Front) -> Floats:
    """When the front of a shower passes stations, relative to its core.

    Args:
        showers: n of them.
        stations: in mm, (k, 3).
        front: ``planar``, or ``spherical`` around the point at half of Xmax.

    Returns:
        In ns, (n, k).
    """
    if front == "planar":
        return -showers.along_axis(stations) / _LIGHT
    origin = showers.point_at(_VIRTUAL_ORIGIN * showers.xmax)
    to_stations = np.linalg.norm(stations - origin[:, None], axis=2)
    to_core = np.linalg.norm(showers.core - origin, axis=1)
    return np.asarray((to_stations - to_core[:, None]) / _LIGHT)


def trigger_threshold(n_bins: int, noise_scale: float) -> float:
    """Total signal in VEM from which a station is read out: 1.2 times what noise adds.

    Example:
        >>> round(trigger_threshold(80, 1.0), 6)
        115.2
    """
    return n_bins * PEDESTAL * noise_scale * _TRIGGER


def record(
    traces: Floats, times: Floats, noise_scale: float, fluctuation_scale: float, rng: np.random.Generator
) -> Recorded:
    """Add noise to traces and times, and silence the stations that do not trigger.

    Args:
        traces: in VEM, (n, k, n_bins).
        times: of the front in ns, (n, k).
        noise_scale: of the noise in every bin (its mean, too, and with it the trigger) and of the times' errors.
        fluctuation_scale: of the shift that all times of an event have in common.
        rng: source of randomness.
    """
    n_events, _, n_bins = traces.shape
    error = _TIMING / (1 + np.log10(traces.sum(axis=2) + 1))
    times = times + noise_scale * error * rng.standard_normal(times.shape)
    times += fluctuation_scale * _CLOCK * rng.uniform(-0.5, 0.5, (n_events, 1))
    noisy = _add_noise(traces.astype(np.float32), noise_scale, rng)
    total = noisy.sum(axis=2, dtype=np.float64)
    silent = (total < trigger_threshold(n_bins, noise_scale)) | (total == 0)
    noisy[silent], times[silent] = 0, np.nan
    return Recorded(noisy, times)


def _add_noise(traces: NDArray[np.float32], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Two independent normal errors a bin, one of them relative, are one whose variances add; signals stay above 0."""
    width = np.float32(scale) * np.hypot(np.float32(_RELATIVE) * traces, np.float32(_SCATTER))
    noise = rng.standard_normal(traces.shape, dtype=np.float32)
    noise *= width
    noise += traces
    noise += np.float32(scale * PEDESTAL)
    return np.maximum(noise, 0, out=noise)
