"""Refuses incident particles that a model has not learned: the model itself would generate something for any input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import InvalidEvents, MoliereError, UnsupportedIncident
from moliere.events.particles import particle_id, particle_names
from moliere.models import Bundle
from moliere.models.gaps import Gap, in_gaps
from moliere.units import format_incident

#: relative slack at both ends: files hold energies in float32
_SLACK = 1e-4
#: what else can be done with particles that a model has not learned
_OVERRIDE = "or pass outside='extrapolate', or 'gflash' to simulate these"
_OVERRIDES = ("--outside extrapolate", "--outside gflash")


def check_labels(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> None:
    """Refuse incident columns that have no influence on the generated events they would be written with.

    A column that the model is not conditioned on may only repeat the one value that all training events had.

    Raises:
        UnsupportedIncident: which column, and what the model knows.
    """
    fixed = fixed_columns(bundle)
    for name in incident:
        if name in bundle.columns or len(incident[name]) == 0:
            continue
        values, show = np.unique(np.asarray(incident[name], dtype=np.float64)), partial(format_incident, name)
        if name in fixed and np.allclose(values, fixed[name], rtol=_SLACK, atol=0):
            continue
        known = f"{name} is not among them"
        if name in fixed:
            known = f"all its training events have {name} {show(fixed[name])}"
        raise UnsupportedIncident(
            f"bundle {bundle.name!r} is conditioned on {' and '.join(bundle.columns) or 'nothing'}, and {known}; "
            f"got {name} {', '.join(map(show, values[:3].tolist()))}: leave {name} out, or use a model that is "
            "conditioned on it"
        )


def known_columns(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The incident columns of another sample that generated events may have; others are left out."""
    known = {*bundle.columns, *fixed_columns(bundle)}
    return {name: values for name, values in incident.items() if name in known}


def fixed_columns(bundle: Bundle) -> dict[str, float]:
    """Incident columns that had one value in all training events."""
    fixed = {name: float(value) for name, value in dict(bundle.provenance.get("fixed_columns", {})).items()}
    metadata = bundle.provenance.get("events_metadata", {})
    if "pdg_id" not in fixed and "particle" in metadata:  # simulators write the name where there is one particle
        try:
            fixed["pdg_id"] = particle_id(str(metadata["particle"]))
        except MoliereError:
            return fixed
    return fixed


def check_incident(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> None:
    """Refuse incident particles outside the range that the model was trained on.

    Raises:
        UnsupportedIncident: naming the range, what came, and how to override.
    """
    strange = _strange_particles(bundle, incident)
    if strange.any():
        kinds = bundle.model.context.particles, np.unique(incident["pdg_id"][strange])
        known, came = map(particle_names, kinds)
        raise UnsupportedIncident(
            f"bundle {bundle.name!r} knows the particles {known}, got {came}; choose among these, {_OVERRIDE}",
            options=_OVERRIDES,
        )
    for name, (low, high) in bundle.validity.items():
        values = np.asarray(incident[name], dtype=np.float64)
        outside = ~is_inside(values, (low, high), bundle.gaps.get(name, ()))
        if outside.any():
            worst = float(values[outside][0])
            show = partial(format_incident, name)
            nothing = [f"{show(a)} and {show(b)}" for a, b in bundle.gaps.get(name, ()) if a < worst < b]
            raise UnsupportedIncident(
                f"bundle {bundle.name!r} covers {name} {show(low)} – {show(high)}"
                f"{f', but learned nothing between {nothing[0]}' if nothing else ''}, got {show(worst)} "
                f"({int(outside.sum())} of {len(values)} events outside); choose particles "
                f"{'that it learned' if nothing else 'inside this range'}, {_OVERRIDE}",
                options=_OVERRIDES,
            )


def is_inside(values: NDArray[np.float64], ends: tuple[float, float], gaps: Sequence[Gap] = ()) -> NDArray[np.bool_]:
    """Which values lie in a range of validity and in none of its gaps; NaN does not."""
    low, high = ends
    # each end by its own size: a ten-thousandth of 4 TeV would let through anything below 256 MeV
    between = (values >= low - _SLACK * abs(low)) & (values <= high + _SLACK * abs(high))
    return between & ~in_gaps(values, gaps, _SLACK)


def outside_range(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which incident particles lie outside the range that the model was trained on, (n,)."""
    columns = {name: ends for name, ends in bundle.validity.items() if name in incident}
    found = [
        ~is_inside(np.asarray(incident[name], dtype=np.float64), ends, bundle.gaps.get(name, ()))
        for name, ends in columns.items()
    ]
    masks = [_strange_particles(bundle, incident), *found]
    # an event that begins with several particles is outside where one of them is
    flat = [mask if mask.ndim == 1 else mask.any(axis=1) for mask in masks]
    return np.asarray(np.logical_or.reduce(flat), dtype=np.bool_)


def clipped(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The incident columns with what the model has not learned moved to the nearest that it has."""
    nearest = {name: np.clip(incident[name], *ends) for name, ends in bundle.validity.items() if name in incident}
    if (strange := _strange_particles(bundle, incident)).any():
        nearest["pdg_id"] = np.where(strange, min(bundle.model.context.particles), incident["pdg_id"])
    return {**incident, **nearest}


def _strange_particles(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Particles that were not in the training, whose identifiers have no range, (n,)."""
    if "pdg_id" not in bundle.columns or "pdg_id" not in incident:
        return np.zeros(len(next(iter(incident.values()), ())), dtype=np.bool_)
    return np.asarray(~np.isin(incident["pdg_id"], bundle.model.context.particles))


def check_detector(bundle: Bundle, detector: Detector) -> None:
    """Refuse signals of another detector than a bundle was trained for, or traces with other time bins.

    Raises:
        InvalidEvents: both are described.
    """
    if reason := bundle.detector.incomparable_with(detector):
        raise InvalidEvents(f"bundle {bundle.name!r} takes events of {bundle.detector.name}: {reason}")
