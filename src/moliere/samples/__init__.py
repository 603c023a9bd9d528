"""Real samples that come with the package, so that the first minute needs no download.

``photons-mini``: 5,000 photons of 256 MeV to 32.8 GeV in ``calochallenge-1-photons``, simulated with Geant4 11.4.1
(option 0, 0.7 mm production cut); signals rounded to 12 significant bits (relative 1.2e-4) to stay small.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from moliere.detectors import load
from moliere.errors import UnknownName, did_you_mean
from moliere.events import Events, EventSource
from moliere.events.formats import open_events, read_events


def _paths() -> dict[str, Path]:
    folder = Path(str(resources.files("moliere.samples")))
    return {path.stem: path for path in sorted(folder.glob("*.h5"))}


def names() -> list[str]:
    """Names of the shipped samples."""
    return list(_paths())


def open(name: str) -> Events:
    """Read a shipped sample into memory.

    Raises:
        UnknownName: with the nearest name.

    Example:
        >>> len(open("photons-mini"))
        5000
    """
    paths = _paths()
    if name not in paths:
        raise UnknownName(f"no sample {name!r}; {did_you_mean(name, paths)}")
    return read_events(paths[name])


def open_source(name: str, detector: str | None = None) -> EventSource:
    """The events that a user names: a shipped sample, or a file whose signals are read when asked for.

    Args:
        name: of a sample, or path of a file.
        detector: catalogue name or file, where the events do not say it.
    """
    if name in names():
        return open(name)
    return open_events(name, load(detector) if detector else None)
