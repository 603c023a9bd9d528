"""Arrays of stations: signals, trace shapes and arrival times of air showers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import SurfaceArray
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables.surface_array import LABELS, array_observables, ring_label, ring_signals
from moliere.evaluation.suites.base import Kept, Measured, Suite, Words, suites
from moliere.evaluation.suites.binning import Binning, log_bins, quantile_bins, whole_numbers
from moliere.events import Events
from moliere.events.events import ARRIVAL_TIMES

_SIGNALS = ("total_signal", "hottest_signal", "bin_signal")
_RING = "ring_signal["


def _is_signal(name: str) -> bool:
    """Whether an observable spans decades."""
    return name in _SIGNALS or name.startswith(_RING)


def _measure(events: Events, threshold: float | None) -> Measured:
    """Signals below the threshold count as zero; features are the observables, signals in logarithms."""
    assert isinstance(events.detector, SurfaceArray)  # the suite says so
    signals = events.signals if threshold is None else np.where(events.signals < threshold, 0, events.signals)
    observed = array_observables(events.detector, signals, events.extras.get(ARRIVAL_TIMES))
    observed |= ring_signals(events.detector, signals)
    columns = {name: np.log10(1 + values) if _is_signal(name) else values for name, values in observed.items()}
    columns |= _footprint(events.detector, signals)
    if "energy" in events.incident:
        columns["log_incident_energy"] = np.log10(events.energy)
    features = np.stack(list(columns.values()), axis=1).astype(np.float32)
    # data have no labels: they are binned by what they left on the ground
    scale = events.incident.get("energy", observed["total_signal"])
    return Measured(scale, signals, observed, features, tuple(columns), events.extras.get(ARRIVAL_TIMES))


def _footprint(detector: SurfaceArray, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """log10(1 + signal) of the stations, hottest first: what shape a footprint has, wherever its core is."""
    ordered = -np.sort(-detector.footprint(signals).astype(np.float64), axis=1)
    return {f"log_signal_of_station[{k}]": np.log10(1 + ordered[:, k]) for k in range(min(10, ordered.shape[1]))}


def _words(name: str, detector: SurfaceArray) -> Words:
    if name.startswith(_RING):
        return Words(ring_label(detector, int(name.removeprefix(_RING).rstrip("]"))), detector.unit, "signal")
    label, unit = LABELS[name]
    group: str = "signal" if name in (*_SIGNALS, "triggered_stations") else "timing"
    return Words(label, detector.unit if unit == "VEM" else unit, group)


def _binning(name: str, detector: SurfaceArray, values: Floats) -> Binning:
    if _is_signal(name):
        return log_bins(0.0, values, 41)
    return whole_numbers(values) if name == "triggered_stations" else quantile_bins(values)


def _traces(kept: Kept) -> NDArray[np.float32]:
    """log10 of 1 + energy, or total signal, and of 1 + every signal, (n, 1 + n_channels)."""
    head = np.log10(1 + kept.scale)[:, None].astype(np.float32)
    return np.concatenate([head, np.log10(1 + kept.signals)], axis=1)


suites.register("surface-array")(
    Suite(
        detector=SurfaceArray,
        measure=_measure,
        words=_words,
        binning=_binning,
        low_level={"traces": _traces},
        cells=("bin_signal", Words("signal in a time bin", "VEM", "signal")),
        inputs=("observables", "traces"),
        citations=(
            Paper(
                "observables",
                "Generating and refining particle detector simulations using the Wasserstein distance in adversarial "
                "networks",
                "M. Erdmann",
                2018,
                "https://arxiv.org/abs/1802.03325",
            ),
        ),
    )
)
