"""Particle fluxes: their columns, momentum and angle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import PhaseSpace
from moliere.evaluation.observables.phase_space import kinematics, labels
from moliere.evaluation.result import Group
from moliere.evaluation.suites.base import Measured, Suite, Words, suites
from moliere.evaluation.suites.binning import Binning, log_bins, quantile_bins, whole_numbers
from moliere.events import Events

Floats = NDArray[np.float64]

_LOGARITHMIC = {"p", "pt"}


def _measure(events: Events, threshold: float | None) -> Measured:
    """The columns and what is made of them; a flux has no threshold."""
    del threshold
    assert isinstance(events.detector, PhaseSpace)  # the suite says so
    observed = kinematics(events.detector, events.signals)
    features = np.stack(list(observed.values()), axis=1).astype(np.float32)
    scale = events.incident.get("energy", observed.get("p", np.ones(len(events))))
    return Measured(np.asarray(scale, np.float64), events.signals, observed, features, tuple(observed))


def _words(name: str, detector: PhaseSpace) -> Words:
    label, unit = labels(detector)[name]
    group: Group = "momentum" if name.startswith("p") else "position"
    return Words(label, unit, group)


def _binning(name: str, detector: PhaseSpace, values: Floats) -> Binning:
    if name in _LOGARITHMIC:
        return log_bins(0.0, values, 61)
    return whole_numbers(values) if len(np.unique(values[:1000])) < 10 else quantile_bins(values)


suites.register("phase-space")(
    Suite(detector=PhaseSpace, measure=_measure, words=_words, binning=_binning, scale="momentum")
)
