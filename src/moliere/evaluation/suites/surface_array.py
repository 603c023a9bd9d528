"""Arrays of stations: signals, trace shapes and arrival times of air showers."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import SurfaceArray
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables.base import Shown
from moliere.evaluation.observables.binning import log_bins, quantile_bins, whole_numbers
from moliere.evaluation.observables.surface_array import LABELS, array_observables, ring_labels, ring_signals
from moliere.evaluation.suites.base import Kept, Measured, Suite, suites
from moliere.events import Events
from moliere.events.events import ARRIVAL_TIMES

#: what the spectrum of single time bins is called
_CELLS = "bin_signal"


def _measure(events: Events, threshold: float | None) -> Measured:
    """Signals below the threshold count as zero; features are the observables, signals in logarithms."""
    assert isinstance(events.detector, SurfaceArray)  # the suite says so
    signals = events.signals if threshold is None else np.where(events.signals < threshold, 0, events.signals)
    observed = array_observables(events.detector, signals, events.extras.get(ARRIVAL_TIMES))
    observed |= ring_signals(events.detector, signals)
    signal = {name for name, (_, unit) in LABELS.items() if unit == "VEM"} | ring_labels(events.detector).keys()
    columns = {name: np.log10(1 + values) if name in signal else values for name, values in observed.items()}
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


def _describe(detector: SurfaceArray) -> dict[str, Shown]:
    """Signals span decades, stations are counted, times are neither."""
    decades = partial(log_bins, 0.0, n_edges=41)
    shown = {
        "VEM": lambda label: Shown(label, detector.unit, "signal", decades),
        "": lambda label: Shown(label, "", "signal", whole_numbers),
        "ns": lambda label: Shown(label, "ns", "timing", quantile_bins),
    }
    found = {name: shown[unit](label) for name, (label, unit) in LABELS.items()}
    found |= {name: shown["VEM"](label) for name, label in ring_labels(detector).items()}
    return found | {_CELLS: shown["VEM"]("signal in a time bin")}


def _traces(kept: Kept) -> NDArray[np.float32]:
    """log10 of 1 + energy, or total signal, and of 1 + every signal, (n, 1 + n_channels)."""
    head = np.log10(1 + kept.scale)[:, None].astype(np.float32)
    return np.concatenate([head, np.log10(1 + kept.signals)], axis=1)


suites.register("surface-array")(
    Suite(
        detector=SurfaceArray,
        measure=_measure,
        describe=_describe,
        low_level={"traces": _traces},
        cells=_CELLS,
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
