"""Tables of a calorimeter: a row an event and a column a cell, or a row a hit.

Cells are columns named ``cell_0``, ``cell_1``, … (or voxel, channel, pixel), counted from 0 or 1 in the order of the
detector. Hits have a column ``event`` and columns of the names that ROOT hits have: their energy, and a channel or x, y
and z. The incident energy, directions and particles stand in every row, under the names of ROOT hits. Energies are in
MeV, lengths in mm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector, catalog
from moliere.errors import FormatError
from moliere.events.events import Events
from moliere.events.formats.published import calorimeter
from moliere.events.formats.root_hits import HitBranches, find_branches, incident_branches
from moliere.events.voxelise import OUTSIDE, collect, layers_at, voxelise

Columns = Mapping[str, NDArray[Any]]

_CELL = re.compile(r"(?:cell|voxel|channel|pixel)_?(\d{1,7})", re.IGNORECASE)
_EVENTS = ("event", "event_id", "eventID", "evt", "entry")


def is_calorimeter(names: Collection[str]) -> bool:
    """Whether columns of these names are cells or hits of a calorimeter.

    Example:
        >>> is_calorimeter(["energy", "cell_0", "cell_1"]), is_calorimeter(["event", "energy", "e", "channel"])
        (True, True)
    """
    return bool(_cells(names) or _hits(names))


def cell_names(detector: Detector) -> list[str]:
    """Names of the columns that the cells of a calorimeter are written in."""
    return [f"cell_{k}" for k in range(detector.n_channels)]


def read_calorimeter(path: Path, columns: Columns, detector: Detector | None, about: Mapping[str, Any]) -> Events:
    """Events of a table.

    Args:
        path: for messages.
        columns: all of the table's, of one length.
        detector: the calorimeter; for cells, the only one of the catalogue with as many by default.
        about: may hold provenance.

    Raises:
        FormatError: columns that are not numbers, or that do not fit the detector.
    """
    if wrong := [name for name, values in columns.items() if values.dtype.kind not in "fiub" or values.ndim != 1]:
        raise FormatError(f"{path}: column {wrong[0]!r} holds {columns[wrong[0]].dtype}, expected a number a row")
    metadata, cells = about.get("provenance", {}), _cells(columns)
    if not cells:
        return _read_hits(path, columns, calorimeter(path, detector), metadata)
    if detector is None and len(fitting := catalog.matching(len(cells))) == 1:
        detector = catalog.get(fitting[0])
    own = calorimeter(path, detector)
    if len(cells) != own.n_channels:
        raise FormatError(f"{path} has {len(cells)} columns of cells, but {own.name} has {own.n_channels} cells")
    signals = np.stack([columns[name] for name in cells], axis=1).astype(np.float32)
    usual = incident_branches(columns)
    rest = {name: values for name, values in columns.items() if name not in {*cells, *usual.values(), "weight"}}
    weights = columns["weight"].astype(np.float64) if "weight" in columns else None
    return Events(own, rest | {key: columns[name] for key, name in usual.items()}, signals, weights, metadata)


def _cells(names: Collection[str]) -> list[str]:
    """The columns of cells in order; none where their numbers have gaps."""
    found = sorted((int(match[1]), name) for name in names if (match := _CELL.fullmatch(name)))
    numbers = [number for number, _ in found]
    whole = len(found) > 1 and numbers == list(range(numbers[0], numbers[0] + len(found))) and numbers[0] in {0, 1}
    return [name for _, name in found] if whole and "energy" in incident_branches(names) else []


def _hits(names: Collection[str]) -> tuple[str, HitBranches] | None:
    """The column that numbers events, and those of hits."""
    event, branches = next((name for name in _EVENTS if name in names), None), find_branches(names)
    return (event, branches) if event and branches else None


def _read_hits(path: Path, columns: Columns, own: Calorimeter, metadata: Mapping[str, Any]) -> Events:
    found = _hits(columns)
    if found is None:
        raise FormatError(f"{path} has no columns of cells or hits; it has {', '.join(columns)}")
    name, branches = found
    _, first, event = np.unique(columns[name], return_index=True, return_inverse=True)
    incident = {}
    for key, column in incident_branches(columns).items():
        incident[key] = columns[column][first]
        if (incident[key][event] != columns[column]).any():
            raise FormatError(f"{path}: hits of one event have different values of {column!r}; expected the same")
    energy, *where = (columns[branch].astype(np.float64) for branch in branches.hits)
    if len(where) == 3:
        x, y, z = where
        layer = np.where(np.isfinite(z), layers_at(own, z), np.nan)
        voxels = voxelise(own, event, layer, x, y, energy, len(first))
    else:
        wrong = where[0][~((where[0] >= 0) & (where[0] < own.n_channels))]
        if len(wrong):
            raise FormatError(f"{path} has hits in channel {wrong[0]:g}, but {own.name} has {own.n_channels} channels")
        voxels = collect(own, event, where[0].astype(np.int64), energy, len(first))
    return Events(own, incident, voxels.signals, metadata=metadata, extras={OUTSIDE: voxels.outside})
