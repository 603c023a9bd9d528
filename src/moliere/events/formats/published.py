"""Formats of a published layout: the detector that they are made for, and what they have no place for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from moliere.detectors import Calorimeter, Detector, catalog
from moliere.detectors.base import Floats
from moliere.errors import FormatError
from moliere.events.events import EventSource, provenance_of
from moliere.units import GeV, MeV


def calorimeter(where: str | Path, detector: Detector | None) -> Calorimeter:
    """The detector, if it is a calorimeter.

    Raises:
        FormatError: it is none, or nobody said which.
    """
    if isinstance(detector, Calorimeter):
        return detector
    words = "no detector was named" if detector is None else f"{detector.name} is none"
    raise FormatError(
        f"{where} holds energies in the cells of a calorimeter, and {words}; name one", options=("--detector NAME",)
    )


def of_layout(where: str | Path, detector: Detector | None, name: str) -> Calorimeter:
    """A catalogue detector, or a user's own with the same cells.

    Args:
        where: file or format, for the message.
        detector: the user's; ``None`` takes the catalogue's.
        name: catalogue name of the layout.

    Raises:
        FormatError: the user's detector has other cells.
    """
    published = calorimeter(where, catalog.get(name))
    own = calorimeter(where, detector or published)
    shapes = [grid.shape for grid in own.grids]
    if shapes != [grid.shape for grid in published.grids]:
        raise FormatError(
            f"{where} holds the cells of {name} ({_describe(published)}), but detector {own.name} has "
            f"{_describe(own)}; take another format, such as calochallenge (.h5), or another detector"
        )
    return own


#: no calorimeter answers so many times what it gets: signals are in MeV, and incident energies in GeV
_MOST = 2.0


def signal_unit(sums: Floats, energies: Floats) -> float:
    """The unit of signals beside incident energies in GeV: GeV or, where a response would be impossible, MeV.

    Args:
        sums: (n,) of a few events' signals.
        energies: (n,) incident, in GeV.
    """
    response = np.median(sums / np.maximum(energies, 1e-30)) if len(sums) else 0.0
    return MeV if response > _MOST else GeV


def left_out(
    source: EventSource,
    columns: Collection[str] = ("energy",),
    extras: Collection[str] = (),
    *,
    weights: bool = False,
    provenance: bool = True,
) -> list[str]:
    """What a format has no place for, in words.

    Args:
        source: the events that are to be written.
        columns: incident columns that come back.
        extras: extras that come back.
        weights: whether weights come back.
        provenance: whether provenance comes back.
    """
    words = []
    if lost := sorted(set(source.incident) - set(columns)):
        words.append(f"incident columns {', '.join(lost)}")
    if source.weights is not None and not weights:
        words.append("weights")
    # a source of no events still knows its extras
    if lost := sorted(set(source.take(slice(0)).extras) - set(extras)):
        words.append(f"extras {', '.join(lost)}")
    if not provenance and provenance_of(source.metadata):
        words.append("provenance")
    return words


def _describe(detector: Calorimeter) -> str:
    shapes = [f"{rows} x {columns}" for rows, columns in (grid.shape for grid in detector.grids)]
    return f"{len(shapes)} of {shapes[0]}" if len(set(shapes)) == 1 else ", ".join(shapes)
