"""The one system of units used inside the package: MeV, mm, ns and rad are 1.

Multiply by a unit to come in, divide by it to go out; other units live only in ``cli/`` and ``events/formats/``.

>>> 10 * GeV
10000.0
>>> round(1500 * MeV / GeV, 3)
1.5
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

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
#: megavolt nanoseconds a square millimetre: with it p = q c B R is in MeV
tesla = 1e-3
c_light = 299.792458  # mm / ns
rad = 1.0
deg = 0.017453292519943295

ENERGIES = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV, "EeV": EeV}

LENGTHS = {"um": um, "mm": mm, "cm": cm, "m": m}
ANGLES = {"deg": deg, "rad": rad}

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
    return _parse(text, "energy", ENERGIES, "512MeV or 50GeV")


def parse_length(text: str) -> float:
    """Read a length with its unit (um, mm, cm, m), in mm; raises :class:`InvalidQuantity` as energies do.

    Example:
        >>> parse_length("-2.5cm")
        -25.0
    """
    return _parse(text, "length", LENGTHS, "0.7mm or -2cm")


def parse_angle(text: str) -> float:
    """Read an angle with its unit (deg, rad), in rad; raises :class:`InvalidQuantity` as energies do.

    Example:
        >>> round(parse_angle("90deg"), 4)
        1.5708
    """
    return _parse(text, "angle", ANGLES, "60deg or 1.57rad")


#: a number in MeV, mm or rad; a text with a unit, of one value or of a range "1GeV:100GeV"; or both ends of a range
Quantity = float | str | tuple[float | str, float | str]


def span(quantity: Quantity, parse: Callable[[str], float]) -> tuple[float, float]:
    """Both ends of a quantity in MeV, mm or rad; a single value is both.

    Args:
        quantity: as a user gives it; numbers, such as ``50 * hepunits.GeV``, are in MeV, mm or rad already.
        parse: reads a text with its unit.

    Raises:
        InvalidQuantity: a text without a known unit, or something that is neither a number nor a text.

    Example:
        >>> span("1GeV:100GeV", parse_energy), span("50 GeV", parse_energy), span((1000, "2 GeV"), parse_energy)
        ((1000.0, 100000.0), (50000.0, 50000.0), (1000.0, 2000.0))
    """
    if isinstance(quantity, str):
        low, _, high = quantity.partition(":")
        return parse(low), parse(high or low)
    ends = tuple(quantity) if isinstance(quantity, tuple | list) else (quantity, quantity)
    if len(ends) != 2:
        raise InvalidQuantity(f"{quantity!r} has {len(ends)} values; give one, or both ends of a range")
    low_end, high_end = (_number(end, parse) for end in ends)
    return low_end, high_end


def _number(value: float | str, parse: Callable[[str], float]) -> float:
    if isinstance(value, str):
        return parse(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidQuantity(f"{value!r} is no number and no text with a unit; write for example '50 GeV'") from None


def _parse(text: str, noun: str, units: Mapping[str, float], examples: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        raise InvalidQuantity(
            f"{noun} {text!r} is not a number with a unit; write for example {examples} (units: {', '.join(units)})"
        )
    return float(match[1]) * units[match[2]]


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


def format_incident(column: str, value: float) -> str:
    """A value of an incident column with its unit.

    Args:
        column: its name.
        value: in moliere's unit: MeV, rad, mm.

    Example:
        >>> format_incident("energy", 1000.0), format_incident("theta", 1.0472), format_incident("eta", 0.2)
        ('1 GeV', '60 deg', '0.2')
    """
    if column == "energy":
        return format_energy(value)
    if column in ("theta", "phi"):
        return f"{value / ANGLES['deg']:.4g} deg"
    return f"{value:.4g} mm" if column in ("x", "y") else f"{value:g}"
