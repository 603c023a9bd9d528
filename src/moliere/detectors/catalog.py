"""Every published layout by name, and those that plugins and scripts register."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib import resources
from pathlib import Path

from moliere.detectors.atlas import eta_slice
from moliere.detectors.base import Detector
from moliere.detectors.toml import read_toml
from moliere.errors import DetectorError
from moliere.registry import Registry

#: name → what makes the detector, which is called once: when somebody asks for it
layouts: Registry[Callable[[], Detector]] = Registry("detector")

for _path in Path(str(resources.files("moliere.detectors") / "data")).glob("*.toml"):
    layouts.register(_path.stem)(partial(read_toml, _path))
for _eta in (0, 20, 55, 60, 85, 95):
    layouts.register(f"atlas-eta-{_eta:03d}")(partial(eta_slice, _eta / 100))


def names() -> tuple[str, ...]:
    """All names, in alphabetical order."""
    return tuple(layouts)


@cache
def get(name: str) -> Detector:
    """The detector of that name.

    Raises:
        UnknownName: with the nearest name.
        DetectorError: what is registered under the name is no detector of that name.

    Example:
        >>> get("calochallenge-2").n_channels
        6480
    """
    made: object = layouts[name]()  # a plugin's function may return anything
    if not isinstance(made, Detector) or made.name != name:
        own = f"a detector called {made.name!r}" if isinstance(made, Detector) else f"a {type(made).__name__}"
        raise DetectorError(
            f"what is registered as detector {name!r} makes {own}; files name their detector, so both names must agree"
        )
    return made


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
