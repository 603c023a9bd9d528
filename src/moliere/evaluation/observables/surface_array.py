"""Observables of air showers: signal, stations, rings around the hottest one, trace shape, arrival times.

Silent stations have signals of 0, as the file format leaves them. Times in a trace are counted from its own start.

References:
    "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import SurfaceArray
from moliere.detectors.base import Floats
from moliere.units import m

_FRACTIONS = (0.1, 0.5, 0.9)
_TRACES = {"summed": "summed trace", "hottest": "hottest station's trace"}
#: rings around the hottest station whose signals are observables; farther out hardly any station triggers
_RINGS = 5

#: name → label and unit; the last one needs arrival times
LABELS: dict[str, tuple[str, str]] = {
    "total_signal": ("total signal", "VEM"),
    "triggered_stations": ("triggered stations", ""),
    "hottest_signal": ("hottest station's signal", "VEM"),
    **{
        f"{key}_t{round(100 * part)}": (f"time of {part:.0%} of the {words}", "ns")
        for key, words in _TRACES.items()
        for part in _FRACTIONS
    },
    **{f"{key}_rise": (f"rise time (10 % to 50 %) of the {words}", "ns") for key, words in _TRACES.items()},
    "arrival_spread": ("spread of the stations' arrival times", "ns"),
}


def array_observables(
    detector: SurfaceArray,
    signals: NDArray[np.float32],
    arrival_times: NDArray[np.floating] | None = None,
    trigger: float = 0.0,
) -> dict[str, Floats]:
    """One number an event and observable; events without signal have 0 everywhere.

    Args:
        detector: stations and time bins.
        signals: in VEM, (n, n_channels).
        arrival_times: of the stations in ns, NaN for silent ones, (n, n_stations); without them there is no
            ``arrival_spread``.
        trigger: in VEM; a station above it counts as triggered. Generated traces are rarely exactly 0: the published
            simulation asks for 115.2.

    Returns:
        Name → (n,), in the order of :data:`LABELS`.
    """
    traces = detector.traces(signals)
    footprint = traces.sum(axis=2, dtype=np.float64)
    hottest = footprint.argmax(axis=1)
    rows = np.arange(len(footprint))
    shapes = {"summed": traces.sum(axis=1, dtype=np.float64), "hottest": traces[rows, hottest]}
    observed = {
        "total_signal": footprint.sum(axis=1),
        "triggered_stations": (footprint > trigger).sum(axis=1, dtype=np.float64),
        "hottest_signal": footprint[rows, hottest],
    }
    for key, trace in shapes.items():
        observed |= _trace_shape(key, trace, detector.bin_width)
    if arrival_times is not None:
        observed["arrival_spread"] = arrival_spread(arrival_times)
    return {name: observed[name] for name in LABELS if name in observed}


def quantile_times(traces: NDArray[np.floating], bin_width: float, fractions: tuple[float, ...] = _FRACTIONS) -> Floats:
    """When a trace has collected given parts of its signal; within a bin the signal comes evenly.

    Args:
        traces: non-negative signals in time bins, (n, n_bins).
        bin_width: in ns.
        fractions: between 0 and 1.

    Returns:
        In ns from the start of the trace, (n, n_fractions); 0 for traces without signal.

    Example:
        >>> quantile_times(np.array([[0.0, 4.0, 4.0, 0.0]]), 25.0)
        array([[30., 50., 70.]])
    """
    collected = np.cumsum(traces, axis=1, dtype=np.float64)
    rows, total = np.arange(len(collected)), collected[:, -1]
    times = []
    for fraction in fractions:
        target = fraction * total
        position = (collected < target[:, None]).sum(axis=1)
        signal = traces[rows, position].astype(np.float64)
        missing = target - (collected[rows, position] - signal)
        within = np.divide(missing, signal, out=np.zeros_like(signal), where=signal > 0)
        times.append((position + within) * bin_width)
    return np.stack(times, axis=1)


def arrival_spread(arrival_times: NDArray[np.floating]) -> Floats:
    """Standard deviation of the arrival times of the stations that have one.

    Args:
        arrival_times: in ns, NaN for silent stations, (n, n_stations).

    Returns:
        In ns, (n,); 0 with fewer than two stations.
    """
    present = np.isfinite(arrival_times)
    count = np.maximum(present.sum(axis=1, keepdims=True), 1)
    times = np.where(present, arrival_times, 0).astype(np.float64)
    offsets = np.where(present, times - times.sum(axis=1, keepdims=True) / count, 0)
    return np.asarray(np.sqrt((offsets**2).sum(axis=1) / count[:, 0]))


def ring_boundaries(detector: SurfaceArray) -> Floats:
    """Distances that part the rings of a lateral distribution: half a spacing, then a spacing each.

    Stations of a square or triangular array are never half-integer spacings apart, so none lies on a boundary as seen
    from another one.

    Returns:
        In mm, (n_rings - 1,), up to the two stations farthest apart; empty for a single station.
    """
    offsets = detector.stations[:, None, :2] - detector.stations[None, :, :2]
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    apart = distances[distances > 0]
    return np.arange(apart.min() / 2, apart.max(), apart.min()) if len(apart) else np.zeros(0)


def ring_signals(detector: SurfaceArray, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """Mean signal of the stations in each of the inner rings around the hottest one, itself the first of them.

    Args:
        detector: stations and time bins.
        signals: in VEM, (n, n_channels).

    Returns:
        ``ring_signal[0]``, ``ring_signal[1]``, … → (n,) in VEM; 0 where the array has no station in a ring.
    """
    footprint = detector.footprint(signals).astype(np.float64)
    x, y = detector.stations[:, :2].T
    ring = np.searchsorted(_inner_boundaries(detector), np.hypot(x - x[:, None], y - y[:, None]), side="right")
    around = ring[footprint.argmax(axis=1)]
    found = {}
    for k in range(len(_inner_boundaries(detector))):
        inside = around == k
        found[f"ring_signal[{k}]"] = (footprint * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return found


def ring_labels(detector: SurfaceArray) -> dict[str, str]:
    """Name of what :func:`ring_signals` returns → where the ring is, in words."""
    ends = np.concatenate([[0.0], _inner_boundaries(detector)]) / m
    return {
        f"ring_signal[{k}]": f"signal at {low:,.0f} – {high:,.0f} m from the hottest station"
        for k, (low, high) in enumerate(pairwise(ends.tolist()))
    }


def _inner_boundaries(detector: SurfaceArray) -> Floats:
    return ring_boundaries(detector)[:_RINGS]


def _trace_shape(key: str, traces: NDArray[np.floating], bin_width: float) -> dict[str, Floats]:
    times = quantile_times(traces, bin_width)
    named = {f"{key}_t{round(100 * part)}": times[:, k] for k, part in enumerate(_FRACTIONS)}
    return {**named, f"{key}_rise": times[:, 1] - times[:, 0]}
