"""Muons as arrays: what every muon source hands over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Floats, Ints

#: where a muon comes from; the last two are prompt, born where the proton interacts
FAMILIES = ("pion", "kaon", "light-meson", "charm")
PROMPT = frozenset({"light-meson", "charm"})

#: lowest momentum of the flux, in MeV
MOMENTUM_CUT = 10e3
#: of a muon, in MeV
MUON_MASS = 105.6583755


@dataclass(frozen=True)
class Flux:
    """n muons at one place each.

    Args:
        charge: 1 or -1, (n,).
        position: x, y, z in mm, (n, 3).
        momentum: px, py, pz in MeV, (n, 3).
        weight: above 0, (n,).
        family: position in :data:`FAMILIES`, (n,).
    """

    charge: Ints
    position: Floats
    momentum: Floats
    weight: Floats
    family: Ints

    def __len__(self) -> int:
        """Number of muons."""
        return len(self.charge)

    def __getitem__(self, index: NDArray[Any] | slice) -> Flux:
        """Some of the muons."""
        return Flux(
            charge=self.charge[index],
            position=self.position[index],
            momentum=self.momentum[index],
            weight=self.weight[index],
            family=self.family[index],
        )

    @property
    def p(self) -> Floats:
        """Momentum in MeV, (n,)."""
        return np.asarray(np.linalg.norm(self.momentum, axis=1))

    @property
    def pt(self) -> Floats:
        """Transverse momentum in MeV, (n,)."""
        return np.hypot(self.momentum[:, 0], self.momentum[:, 1])

    def column(self, name: str) -> Floats:
        """One of :data:`COLUMNS`, (n,)."""
        return COLUMNS[name](self)


#: column of a phase space → muons' values in mm, MeV and rad; angles are those of the published flux, from the y axis
COLUMNS: dict[str, Callable[[Flux], Floats]] = {
    "charge": lambda muons: muons.charge.astype(np.float64),
    "x": lambda muons: muons.position[:, 0],
    "y": lambda muons: muons.position[:, 1],
    "z": lambda muons: muons.position[:, 2],
    "px": lambda muons: muons.momentum[:, 0],
    "py": lambda muons: muons.momentum[:, 1],
    "pz": lambda muons: muons.momentum[:, 2],
    "r": lambda muons: np.hypot(muons.position[:, 0], muons.position[:, 1]),
    "theta": lambda muons: np.arctan2(muons.position[:, 0], muons.position[:, 1]),
    "pt": lambda muons: muons.pt,
    "theta_pt": lambda muons: np.arctan2(muons.momentum[:, 0], muons.momentum[:, 1]),
}


def join(parts: Sequence[Flux]) -> Flux:
    """One flux of several, in their order.

    Args:
        parts: at least one.
    """
    return Flux(
        charge=np.concatenate([part.charge for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        momentum=np.concatenate([part.momentum for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        family=np.concatenate([part.family for part in parts]),
    )
