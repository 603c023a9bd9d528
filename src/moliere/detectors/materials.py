"""Materials of calorimeter stacks: what a parametrised shower needs to know of them.

References:
    Atomic and Nuclear Properties of Materials, Particle Data Group, 2024, https://pdg.lbl.gov/AtomicNuclearProperties
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moliere.errors import UnknownName, did_you_mean
from moliere.units import cm


@dataclass(frozen=True)
class Material:
    """One material; compounds have effective, mass-weighted numbers.

    Args:
        name: NIST name as Geant4 uses it.
        z: charge number.
        a: mass number in g/mol.
        density: in g/cm³.
        radiation_length: in g/cm².
        critical_energy: of electrons, Rossi's definition, in MeV.
    """

    name: str
    z: float
    a: float
    density: float
    radiation_length: float
    critical_energy: float

    @property
    def radiation_length_mm(self) -> float:
        """Radiation length in mm."""
        return self.radiation_length / self.density * cm


_TABLE = (
    #        name              Z      A        g/cm³     g/cm²    MeV
    Material("G4_AIR", 7.31, 14.74, 1.205e-3, 36.62, 87.92),
    Material("G4_Al", 13, 26.982, 2.699, 24.01, 42.70),
    Material("G4_Cu", 29, 63.546, 8.960, 12.86, 19.42),
    Material("G4_Fe", 26, 55.845, 7.874, 13.84, 21.68),
    Material("G4_Pb", 82, 207.2, 11.350, 6.37, 7.43),
    Material("G4_PbWO4", 68.36, 170.9, 8.300, 7.39, 9.64),
    Material("G4_POLYSTYRENE", 5.61, 11.16, 1.060, 43.79, 93.11),
    Material("G4_Si", 14, 28.085, 2.329, 21.82, 40.19),
    Material("G4_W", 74, 183.84, 19.300, 6.76, 7.97),
    Material("G4_WATER", 7.22, 14.32, 1.000, 36.08, 78.33),
    Material("G4_lAr", 18, 39.948, 1.396, 19.55, 32.84),
)
ALIASES = {"LAr": "G4_lAr"}
#: what people write, in lower-case letters → the name that is meant
_WORDS = {
    **dict.fromkeys(("air",), "G4_AIR"),
    **dict.fromkeys(("al", "aluminium", "aluminum"), "G4_Al"),
    **dict.fromkeys(("cu", "copper"), "G4_Cu"),
    **dict.fromkeys(("fe", "iron", "steel", "stainlesssteel"), "G4_Fe"),
    **dict.fromkeys(("pb", "lead"), "G4_Pb"),
    **dict.fromkeys(("pbwo4", "leadtungstate"), "G4_PbWO4"),
    **dict.fromkeys(("polystyrene", "scintillator", "plastic", "plasticscintillator", "ps"), "G4_POLYSTYRENE"),
    **dict.fromkeys(("si", "silicon"), "G4_Si"),
    **dict.fromkeys(("w", "tungsten", "wolfram"), "G4_W"),
    **dict.fromkeys(("water", "h2o"), "G4_WATER"),
    **dict.fromkeys(("ar", "lar", "argon", "liquidargon"), "G4_lAr"),
}
_MATERIALS = {material.name: material for material in _TABLE}


def get(name: str) -> Material:
    """The material of that name; ``LAr`` is short for ``G4_lAr``.

    Raises:
        UnknownName: with the nearest name.

    Example:
        >>> round(get("G4_Pb").radiation_length_mm, 2)
        5.61
    """
    try:
        return _MATERIALS[ALIASES.get(name, name)]
    except KeyError:
        known = [*_MATERIALS, *ALIASES]
        meant = _WORDS.get(re.sub(r"^g4_|[^a-z0-9]", "", name.lower()))
        advice = f"did you mean {meant!r}?" if meant else did_you_mean(name, known)
        raise UnknownName(f"unknown material {name!r}; {advice}") from None


def names() -> list[str]:
    """All names, aliases included."""
    return sorted([*_MATERIALS, *ALIASES])
