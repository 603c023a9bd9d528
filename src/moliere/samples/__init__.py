"""Real samples that come with the package, so that the first minute needs no download.

``photons-mini``: 5,000 photons of 256 MeV to 32.8 GeV in ``calochallenge-1-photons``, simulated with Geant4 11.4.1
(option 0, 0.7 mm production cut); signals rounded to 12 significant bits (relative 1.2e-4) to stay small.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from moliere.detectors import Detector, load
from moliere.errors import UnknownName, did_you_mean
from moliere.events import Events, EventSource
from moliere.events.formats import Files, open_events, read_events


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


def open_source(name: Files, detector: str | Detector | None = None, **how: Any) -> EventSource:
    """The events that a user names: a shipped sample, or files whose signals are read when asked for.

    Args:
        name: of a sample, or path of a file; several files are one sample.
        detector: the detector, its catalogue name or its file, where the events do not say it.
        how: ``format``, ``negative`` and ``branches``, as of :func:`moliere.events.formats.open_events`.

    Raises:
        UnknownName: a name without an ending that is neither a file nor a sample.
    """
    name = name[0] if isinstance(name, list | tuple) and len(name) == 1 else name
    if isinstance(name, str) and name in names() and how.get("format") is None:
        return open(name)
    if isinstance(name, str) and name.replace("-", "_").isidentifier() and not Path(name).exists():
        raise UnknownName(f"there is no file and no sample {name!r}; {did_you_mean(name, names())}")
    return open_events(name, load(detector) if isinstance(detector, str) else detector, **how)
