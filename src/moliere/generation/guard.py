"""A model answers anything it is asked; this says no where it has not learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector, SurfaceArray
from moliere.errors import InvalidEvents, UnsupportedIncident
from moliere.models import Bundle
from moliere.units import format_energy

#: relative slack at both ends: files hold energies in float32
_SLACK = 1e-4


def check_incident(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> None:
    """Refuse incident particles outside the range that the model was trained on.

    Raises:
        UnsupportedIncident: naming the range, what came, and how to override.
    """
    _check_particles(bundle, incident)
    for name, (low, high) in bundle.validity.items():
        values = np.asarray(incident[name], dtype=np.float64)
        # each end by its own size: a ten-thousandth of 4 TeV would let through anything below 256 MeV
        outside = ~((values >= low - _SLACK * abs(low)) & (values <= high + _SLACK * abs(high)))
        if outside.any():
            worst = values[outside][0]
            show = format_energy if name == "energy" else "{:g}".format
            raise UnsupportedIncident(
                f"bundle {bundle.name!r} covers {name} {show(low)} – {show(high)}, got {show(float(worst))} "
                f"({int(outside.sum())} of {len(values)} events outside); pass --outside extrapolate to override"
            )


def _check_particles(bundle: Bundle, incident: Mapping[str, NDArray[Any]]) -> None:
    """A particle between two known ones is still unknown."""
    known = bundle.model.context.particles
    if "pdg_id" not in bundle.columns:
        return
    strange = sorted(set(np.unique(incident["pdg_id"]).tolist()) - set(known))
    if strange:
        raise UnsupportedIncident(
            f"bundle {bundle.name!r} knows particles with PDG identifiers {sorted(known)}, got {strange}; "
            "pass --outside extrapolate to override"
        )


def check_detector(bundle: Bundle, detector: Detector) -> None:
    """Refuse signals of another detector than a bundle was trained for, or traces with other time bins.

    Raises:
        InvalidEvents: both are described.
    """
    own = bundle.detector
    same = own.n_channels == detector.n_channels
    if same and isinstance(own, SurfaceArray) and isinstance(detector, SurfaceArray):
        same = (own.n_bins, own.bin_width) == (detector.n_bins, detector.bin_width)
    if not same:
        raise InvalidEvents(
            f"bundle {bundle.name!r} takes events of {own.describe().splitlines()[0]}, these are of "
            f"{detector.describe().splitlines()[0]}: stations and time bins must be the same"
        )
