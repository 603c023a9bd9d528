"""Which particles start an air shower here: protons, and nuclei up to iron."""

from __future__ import annotations

import numpy as np

from moliere.detectors.base import Floats, Ints
from moliere.errors import UnsupportedIncident
from moliere.simulators.airshower.xmax import ENERGY_RANGE
from moliere.units import EeV

PROTON, IRON = 2212, 1000260560
#: PDG numbers nuclei 10LZZZAAAI
_NUCLEI = 1_000_000_000


def mass_numbers(pdg_id: Ints) -> Floats:
    """Number of nucleons of each primary.

    Args:
        pdg_id: 2212 for protons, 100ZZZAAA0 for nuclei, (n,).

    Returns:
        From 1 to 56, (n,).

    Raises:
        UnsupportedIncident: no nucleus, or one heavier than iron.

    Example:
        >>> mass_numbers(np.array([2212, 1000260560])).tolist()
        [1.0, 56.0]
    """
    nucleons = np.where(pdg_id == PROTON, 1, pdg_id // 10 % 1000)
    nucleus = (pdg_id > _NUCLEI) & (pdg_id <= IRON) & (nucleons >= 1) & (nucleons <= 56)
    strange = np.unique(pdg_id[~nucleus & (pdg_id != PROTON)])
    if len(strange):
        raise UnsupportedIncident(
            "air showers start from protons (2212) and nuclei up to iron (1000260560), got PDG identifier "
            f"{', '.join(map(str, strange[:5]))}"
        )
    return nucleons.astype(np.float64)


def check_energies(energy: Floats) -> None:
    """Refuse energies for which the depth of the maximum is not parametrised.

    Args:
        energy: in MeV, (n,).

    Raises:
        UnsupportedIncident: an energy outside :data:`~moliere.simulators.airshower.xmax.ENERGY_RANGE`.
    """
    low, high = ENERGY_RANGE
    outside = energy[~((energy >= low) & (energy <= high))]
    if len(outside):
        raise UnsupportedIncident(
            f"air showers cover {low / EeV:g} – {high / EeV:g} EeV, got {outside[0] / EeV:g} EeV ({len(outside)} of "
            f"{len(energy)} events are outside); choose energies between these",
            options=("--energy 1EeV:100EeV",),
        )
