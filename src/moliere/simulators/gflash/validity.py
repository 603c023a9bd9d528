"""For which incident particles and which plates the parametrisation holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.errors import UnsupportedIncident
from moliere.events.particles import particle_names
from moliere.simulators.gflash.tuning import FITTED_PERIOD, FITTED_THICKNESS
from moliere.units import GeV, TeV, format_energy

#: energies in MeV
ENERGY_RANGE = (0.1 * GeV, 10 * TeV)

#: straight in: a quarter turn from the beam line
_ON_AXIS = {"theta": np.pi / 2, "phi": 0.0, "x": 0.0, "y": 0.0}

#: electrons, positrons and photons
PDG_IDS = (11, -11, 22)


def check_incident(energy: Floats, pdg_id: Ints, incident: Mapping[str, NDArray[Any]]) -> None:
    """Refuse what GFLASH does not cover.

    Args:
        energy: in MeV, (n,).
        pdg_id: (n,).
        incident: all columns; a direction or a place, where given, must be straight in on the axis.

    Raises:
        UnsupportedIncident: another particle, an energy outside 100 MeV - 10 TeV, a direction off the axis.
    """
    _check_particles(pdg_id)
    _check_energies(energy)
    for name, value in _ON_AXIS.items():
        if name in incident and not np.allclose(incident[name], value):
            raise UnsupportedIncident(
                f"gflash showers run along the axis ({name} = {value:.4g}), got another {name}; leave it out, or "
                "simulate with geant4"
            )


def warning_for(period: float, thickness: float) -> str:
    """What must be said of a sampling calorimeter that is unlike those which the corrections were fitted in.

    Args:
        period: depth of an active plate with its absorber, in X0.
        thickness: of an active plate in g/cm².

    Returns:
        A sentence; empty where the corrections hold.
    """
    outside = [
        f"{what} {value:.3g} {unit} (tested: {low:g} – {high:g})"
        for what, value, unit, (low, high) in (
            ("one active plate with its absorber is", period, "X0", FITTED_PERIOD),
            ("an active plate is", thickness, "g/cm²", FITTED_THICKNESS),
        )
        if not low <= value <= high
    ]
    if not outside:
        return ""
    return (
        f"gflash was not tested in such plates: {' and '.join(outside)}; response, resolution and the first layers may "
        "be far off. Compare a few hundred showers with geant4"
    )


def _check_particles(pdg_id: Ints) -> None:
    if len(strange := np.setdiff1d(pdg_id, PDG_IDS)):
        known, came = particle_names(PDG_IDS), particle_names(strange)
        raise UnsupportedIncident(f"gflash simulates {known}, got {came}; choose one of these, or another simulator")


def _check_energies(energy: Floats) -> None:
    low, high = ENERGY_RANGE
    outside = energy[~((energy >= low) & (energy <= high))]
    if len(outside):
        first, bounds = format_energy(float(outside[0])), f"{format_energy(low)} – {format_energy(high)}"
        raise UnsupportedIncident(
            f"gflash covers {bounds}, got {first} ({len(outside)} of {len(energy)} events are outside); "
            "incident energies are in MeV"
        )
