"""The one system of units used inside the package: MeV, mm, ns and rad are 1.

Multiply by a unit to come in, divide by it to go out; other units live only in ``cli/`` and ``events/formats/``.

>>> 10 * GeV
10000.0
>>> round(1500 * MeV / GeV, 3)
1.5
"""

from __future__ import annotations

import re

from moliere.errors import InvalidQuantity

MeV = 1.0
eV = 1e-6
keV = 1e-3
GeV = 1e3
TeV = 1e6
EeV = 1e12
mm = 1.0
um = 1e-3
cm = 10.0
m = 1e3
ns = 1.0
rad = 1.0
deg = 0.017453292519943295

ENERGIES = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV, "EeV": EeV}

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")


def parse_energy(text: str) -> float:
    """Read an energy with its unit; a bare number is refused, because GeV and MeV are the field's oldest mix-up.

    Args:
        text: a number followed by one of eV, keV, MeV, GeV, TeV, EeV.

    Returns:
        The energy in MeV.

    Raises:
        InvalidQuantity: the text is not a number with a known energy unit.

    Example:
        >>> parse_energy("65.5 GeV")
        65500.0
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in ENERGIES:
        raise InvalidQuantity(
            f"energy {text!r} is not a number with a unit; write for example 512MeV or 50GeV "
            f"(units: {', '.join(ENERGIES)})"
        )
    return float(match[1]) * ENERGIES[match[2]]


def format_energy(energy: float) -> str:
    """An energy in the unit that reads best.

    Args:
        energy: in MeV.

    Example:
        >>> format_energy(256.0), format_energy(65536.0), format_energy(4.194304e6)
        ('256 MeV', '65.5 GeV', '4.19 TeV')
    """
    for name in ("EeV", "TeV", "GeV", "MeV", "keV"):
        if abs(energy) >= ENERGIES[name]:
            return f"{energy / ENERGIES[name]:.3g} {name}"
    return f"{energy / eV:.3g} eV"
