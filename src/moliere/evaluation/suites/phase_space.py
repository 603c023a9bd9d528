"""Particle fluxes: their columns, momentum and angle; muons also behind a magnetised shield."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import PhaseSpace
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Paper
from moliere.evaluation.observables.base import Shown
from moliere.evaluation.observables.binning import Binning, log_bins, quantile_bins, span, whole_numbers
from moliere.evaluation.observables.phase_space import (
    SHIELD_LABELS,
    SHIP,
    behind_shield,
    kinematics,
    labels,
    polar_columns,
)
from moliere.evaluation.suites.base import Kept, Measured, Suite, suites
from moliere.events import Events
from moliere.units import GeV

_LOGARITHMIC = {"p", "pt"}
#: momenta above which users count events, in MeV
_THRESHOLDS = {"p": (50 * GeV, 100 * GeV, 200 * GeV), "pt": (1 * GeV, 2 * GeV, 3 * GeV)}
#: columns by whose neighbours muons are rare, as far as there are any
_QUANTITIES = ("r", "z", "pt", "pz")
#: more columns than this make too many pairs to be looked at
_MOST_COLUMNS = 8


def _measure(events: Events, threshold: float | None) -> Measured:
    """The columns and what is made of them; a flux has no threshold."""
    del threshold
    assert isinstance(events.detector, PhaseSpace)  # the suite says so
    observed = kinematics(events.detector, events.signals)
    features = np.stack(list(observed.values()), axis=1).astype(np.float32)
    scale = observed.get("p", np.ones(len(events)))
    behind = behind_shield(polar_columns(events.detector, events.signals))
    return Measured(np.asarray(scale, np.float64), events.signals, observed | behind, features, tuple(observed))


def _describe(detector: PhaseSpace) -> dict[str, Shown]:
    found = {
        name: Shown(label, unit, group, partial(log_bins, 0.0, n_edges=61) if name in _LOGARITHMIC else _column_bins)
        for name, (label, unit, group) in labels(detector).items()
    }
    bins = partial(span, low=-10e3, high=10e3, bins=60)
    return found | {name: Shown(*words, "shield", bins) for name, words in SHIELD_LABELS.items()}


def _column_bins(values: Floats) -> Binning:
    """Charges and other whole numbers have one bin each."""
    return whole_numbers(values) if len(np.unique(values[:1000])) < 10 else quantile_bins(values)


def _shares(observables: Mapping[str, Floats]) -> dict[str, NDArray[np.bool_]]:
    """Above thresholds, and on a detector behind a shield."""
    found = {
        f"{name} above {threshold / GeV:g} GeV": observables[name] > threshold
        for name, thresholds in _THRESHOLDS.items()
        if name in observables
        for threshold in thresholds
    }
    if "shield_x" in observables:
        hit = SHIP.is_hit(observables["shield_x"], observables["shield_y"])
        found["hits a detector behind a magnetised shield"] = hit
    return found


def _planes(detector: PhaseSpace) -> list[tuple[str, str]]:
    """Momentum against transverse momentum, then all pairs of columns."""
    columns = [column.name for column in detector.columns if column.name != "charge"]
    return [("p", "pt"), *combinations(columns[:_MOST_COLUMNS], 2)]


def _polar(kept: Kept) -> NDArray[np.float32]:
    """The columns in polar form, (n, d)."""
    columns = polar_columns(kept.detector, kept.signals)
    return np.stack([*columns.values()], axis=1).astype(np.float32) if columns else kept.signals


def _rare_by(kept: Kept) -> Floats:
    """(n, d); none where there are no such columns."""
    columns = polar_columns(kept.detector, kept.signals)
    found = [columns[name] for name in _QUANTITIES if name in columns]
    return np.stack(found, axis=1) if found else np.zeros((len(kept.signals), 0))


_PHASE_SPACE = Suite(
    detector=PhaseSpace,
    measure=_measure,
    describe=_describe,
    low_level={"polar": _polar},
    scale="momentum",
    shares=_shares,
    planes=_planes,
    rareness=_rare_by,
    citations=(
        Paper(
            "observables",
            "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks",
            "C. Ahdida",
            2019,
            "https://arxiv.org/abs/1909.04451",
        ),
    ),
)
suites.register("phase-space")(_PHASE_SPACE)
#: as the SHiP muon GANs are judged: one classifier, on the columns in polar form
suites.register("ship")(replace(_PHASE_SPACE, classifiers=("bdt",), inputs=("polar",)))
