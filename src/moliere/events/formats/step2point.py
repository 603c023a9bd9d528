"""step2point's HDF5: the steps of a simulation as one long list, and what came in.

``steps`` holds an entry a step: ``event_id``, ``position`` (x, y, z) in mm and ``energy`` in GeV. ``primary`` holds an
entry an event: ``event_id``, ``momentum`` (x, y, z) in GeV, ``pdg`` and ``vertex`` in mm. Here z runs along the shower
axis from the calorimeter's face, x and y across; the incident energy is the momentum, which it is for photons and
electrons.

References:
    step2point, https://github.com/fast-sim/step2point
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.directions import to_angles
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.hdf5 import column, dataset, looks_like, reading
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter
from moliere.events.voxelise import OUTSIDE, layers_at, voxelise
from moliere.units import GeV

STEPS, PRIMARY = "steps", "primary"
_READ = {"event_id", "energy", "position"}
VERTEX = "vertex"


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with steps of events."""
    if not looks_like(path, STEPS):
        return False
    with h5py.File(path) as file:
        return isinstance(file[STEPS], h5py.Group) and set(file[STEPS]) >= _READ


class StepsFile(JointFile):
    """Steps put into a calorimeter; ``extras["outside"]`` (n,) is the energy in MeV of the steps in no cell.

    Args:
        path: the file.
        detector: what the steps are put into.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit, no detector named, events of which
            nobody says what came in.
        DetectorError: the detector does not say at which depth its layers lie.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self._calorimeter = calorimeter(path, detector)
        layers_at(self._calorimeter, np.empty(0))  # a detector without depths is refused now, not at the first event
        with reading(path) as file:
            of = column(file, f"{STEPS}/event_id")
            for key, shape in {"energy": (len(of),), "position": (len(of), 3)}.items():
                if dataset(file, f"{STEPS}/{key}").shape != shape:
                    raise FormatError(f"{path}: {STEPS}/{key} has shape {file[STEPS][key].shape}, expected {shape}")
            ids, incident, self._vertices = _read_primaries(file)
            unread = [f"{STEPS}/{name}" for name in sorted(set(file[STEPS]) - _READ)]
            unread += sorted(set(file) - {STEPS, PRIMARY})
        if len(strangers := np.setdiff1d(of, ids)):
            raise FormatError(f"{path}: {PRIMARY} does not say what came in in event {strangers[0]}, which has steps")
        order = np.argsort(ids, kind="stable")
        event = order[np.searchsorted(ids[order], of)]
        #: steps of an event stand together, unless a file was merged from several threads
        self._order = None if (np.diff(event) >= 0).all() else np.argsort(event, kind="stable")
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=len(ids)))])
        super().__init__(path, self._calorimeter, len(ids), incident, passed_over=unread)

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals and ``outside`` in MeV, (n_rows, n_channels) and (n_rows,)."""
        wanted = np.arange(len(self))[rows]
        first, end = self._ends[wanted], self._ends[wanted + 1]
        with reading(self.path) as file:
            energy, position = (self._read(file[STEPS][key], first, end) for key in ("energy", "position"))
        event = np.repeat(np.arange(len(wanted)), end - first)
        x, y, z = np.asarray(position, np.float64).reshape(-1, 3).T
        layer = np.where(np.isfinite(z), layers_at(self._calorimeter, z), np.nan)
        voxels = voxelise(self._calorimeter, event, layer, x, y, energy.astype(np.float64) * GeV, len(wanted))
        vertices = {} if self._vertices is None else {VERTEX: self._vertices[wanted]}
        return voxels.signals, {OUTSIDE: voxels.outside, **vertices}

    def _read(self, steps: h5py.Dataset, first: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
        """Entries of some events, each from its first to its end."""
        if self._order is not None:
            found = steps[...]
            return np.concatenate([found[:0], *(found[self._order[a:b]] for a, b in zip(first, end, strict=True))])
        starts = np.flatnonzero(np.append(True, first[1:] != end[:-1]))[: len(first)]
        stops = [*starts[1:], len(first)]
        return np.concatenate([steps[:0], *(steps[first[a] : end[b - 1]] for a, b in zip(starts, stops, strict=False))])


def _read_primaries(file: h5py.File) -> tuple[NDArray[Any], dict[str, NDArray[Any]], NDArray[Any] | None]:
    """Identifiers, incident columns and vertices of the events."""
    ids = column(file, f"{PRIMARY}/event_id")
    vectors = {name: dataset(file, f"{PRIMARY}/{name}") for name in ("momentum", VERTEX) if name in file[PRIMARY]}
    wrong = [name for name, found in vectors.items() if found.shape != (len(ids), 3)]
    if wrong or "momentum" not in vectors or len(np.unique(ids)) < len(ids):
        raise FormatError(
            f"{file.filename}: {PRIMARY} should hold one momentum (x, y, z) for each of {len(ids)} events; it holds "
            f"{', '.join(sorted(file[PRIMARY]))}"
        )
    momentum = np.asarray(vectors["momentum"], np.float64)
    incident: dict[str, NDArray[Any]] = {"energy": np.linalg.norm(momentum, axis=1) * GeV}
    if momentum[:, :2].any():
        incident["theta"], incident["phi"] = to_angles(momentum)
    if "pdg" in file[PRIMARY]:
        incident["pdg_id"] = column(file, f"{PRIMARY}/pdg", len(ids))
    return ids, incident, vectors[VERTEX][...] if VERTEX in vectors else None


formats.register("step2point")(
    Format(
        summary="step2point HDF5 (steps: x, y, z in mm, energy in GeV; primary), with a detector",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=StepsFile,
    )
)
