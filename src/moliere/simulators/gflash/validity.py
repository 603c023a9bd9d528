"""For which incident particles the parametrisation holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints
from moliere.errors import UnsupportedIncident
from moliere.simulators.incident import particle_name
from moliere.units import GeV, TeV, format_energy

#: energies in MeV
ENERGY_RANGE = (0.1 * GeV, 10 * TeV)

#: electrons, positrons and photons
PDG_IDS = (11, -11, 22)


def check_incident(energy: Floats, pdg_id: Ints, incident: Mapping[str, NDArray[Any]]) -> None:
    """Refuse what GFLASH does not cover.

    Args:
        energy: in MeV, (n,).
        pdg_id: (n,).
        incident: all columns; ``theta`` must be 0 where it is given.

    Raises:
        UnsupportedIncident: another particle, an energy outside 100 MeV - 10 TeV, a direction off the axis.
    """
    _check_particles(pdg_id)
    _check_energies(energy)
    if np.any(incident.get("theta", 0.0)):
        raise UnsupportedIncident("gflash showers run along the axis, got theta other than 0; leave theta out")


def _check_particles(pdg_id: Ints) -> None:
    if len(strange := np.setdiff1d(pdg_id, PDG_IDS)):
        known, came = (", ".join(particle_name(int(i)) for i in ids) for ids in (PDG_IDS, strange))
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
