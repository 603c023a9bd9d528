"""Every published layout by name."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from moliere.detectors.atlas import eta_slice
from moliere.detectors.base import Detector
from moliere.detectors.toml import read_toml
from moliere.errors import UnknownName, did_you_mean

_ETA_SLICES = {f"atlas-eta-{k:03d}": k / 100 for k in (0, 20, 55, 60, 85, 95)}


def _folder() -> Path:
    return Path(str(resources.files("moliere.detectors") / "data"))


@cache
def names() -> tuple[str, ...]:
    """All names, in alphabetical order."""
    return tuple(sorted([*(path.stem for path in _folder().glob("*.toml")), *_ETA_SLICES]))


@cache
def get(name: str) -> Detector:
    """The detector of that name.

    Raises:
        UnknownName: with the nearest name.

    Example:
        >>> get("calochallenge-2").n_channels
        6480
    """
    if name in _ETA_SLICES:
        return eta_slice(_ETA_SLICES[name])
    if name not in names():
        raise UnknownName(f"unknown detector {name!r}; {did_you_mean(name, names())}")
    return read_toml(_folder() / f"{name}.toml")


def matching(n_channels: int) -> list[str]:
    """Names of the detectors that have exactly so many channels.

    Where two layouts share a number, the one with measured data comes alone: the inference meshes of Par04 have the
    sizes of CaloChallenge's datasets 2 and 3, but other files; and the ATLAS-like stand-ins those of ATLAS slices.
    """
    found = [name for name in names() if get(name).n_channels == n_channels]
    published = [name for name in found if name.startswith(("calochallenge", "atlas-eta"))]
    return published or found


def nearest(n_channels: int) -> list[str]:
    """All names, those with the most similar number of channels first."""
    return sorted(names(), key=lambda name: abs(get(name).n_channels - n_channels))
