"""ShowerData's HDF5: showers as clouds of points of different sizes, both ways.

``showers`` (n,) holds a list an event, its points one after the other: x and y in mm, the number of the layer, the
energy in GeV and in some files the time. ``energies`` (n, 1) in GeV, ``pdg`` (n,) and ``directions`` (n, 3), unit
vectors, say what came in; ``num_points`` (n,), ``shape`` (n, most points, 4 or 5) and ``shower_ids`` (n,) help
readers. Written points lie in the middle of their cells. This is the layout of version 0.6 of the package.

References:
    ShowerData, FLC group, University of Hamburg and DESY, 2025, https://github.com/FLC-QU-hep/ShowerData
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.detectors.base import Floats
from moliere.errors import FormatError
from moliere.events.directions import to_angles, to_vectors
from moliere.events.events import Events, EventSource
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.growing import GrowingFile, growing
from moliere.events.formats.hdf5 import dataset, further, looks_like, read_rows_of, reading
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter, left_out
from moliere.events.voxelise import OUTSIDE, voxelise
from moliere.units import GeV

SHOWERS, ENERGIES, PDG, DIRECTIONS, SHAPE = "showers", "energies", "pdg", "directions", "shape"
NUM_POINTS, IDS = "num_points", "shower_ids"
_KNOWN = {SHOWERS, ENERGIES, PDG, DIRECTIONS, SHAPE, NUM_POINTS, IDS}
_FEATURES = (4, 5)
#: stands for no direction too
_STRAIGHT = np.array([0.0, 0.0, 1.0])


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with showers, energies and the shape of the point clouds."""
    return looks_like(path, SHOWERS, ENERGIES, SHAPE)


class ShowerDataFile(JointFile):
    """Point clouds put into a calorimeter; ``extras["outside"]`` (n,) is the energy in MeV of the points in no cell.

    Columns theta and phi are there when any particle came in at an angle, pdg_id when the file knows the particles.

    Args:
        path: the file.
        detector: what the points are put into; by default the detector that moliere recorded.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit, no detector named.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            self._calorimeter = calorimeter(path, detector or recorded_detector(file))
            n_events, self._n_features = _check_shapes(file)
            rest = further(file, n_events, _KNOWN)
            self._extras = rest.extras
            times = ["times of the points"] if self._n_features > _FEATURES[0] else []
            super().__init__(
                path,
                self._calorimeter,
                n_events,
                rest.incident | _read_incident(file, n_events),
                metadata=recorded_provenance(file),
                passed_over=[*rest.passed_over, *times],
            )

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals and ``outside`` in MeV, (n_rows, n_channels) and (n_rows,)."""
        with reading(self.path) as file:
            clouds = [np.asarray(cloud, np.float64) for cloud in file[SHOWERS][rows]]
        for row, cloud in zip(np.arange(len(self))[rows], clouds, strict=True):
            if len(cloud) % self._n_features:
                raise FormatError(
                    f"{self.path}: shower {row} holds {len(cloud)} numbers, no multiple of {self._n_features} a point"
                )
        x, y, layer, energy = np.concatenate([np.empty(0), *clouds]).reshape(-1, self._n_features).T[:4]
        event = np.repeat(np.arange(len(clouds)), [len(cloud) // self._n_features for cloud in clouds])
        voxels = voxelise(self._calorimeter, event, layer, x, y, energy * GeV, len(clouds))
        return voxels.signals, {OUTSIDE: voxels.outside, **read_rows_of(self.path, self._extras, rows)}


def _check_shapes(file: h5py.File) -> tuple[int, int]:
    """Number of events and of numbers a point."""
    if not isinstance(file.get(SHOWERS), h5py.Dataset) or h5py.check_vlen_dtype(file[SHOWERS].dtype) is None:
        raise FormatError(f"{file.filename} has no dataset {SHOWERS!r} of lists of numbers; it holds {sorted(file)}")
    n = file[SHOWERS].shape[0] if file[SHOWERS].ndim == 1 else -1
    shape = dataset(file, SHAPE)[...].ravel()
    if len(shape) != 3 or shape[0] != n or shape[2] not in _FEATURES:
        raise FormatError(
            f"{file.filename}: {SHAPE} is {shape.tolist()}, expected [{n}, most points, 4 or 5] for {n} showers"
        )
    for key, n_columns in {ENERGIES: 1, PDG: 1, DIRECTIONS: 3}.items():
        if (key in file or key == ENERGIES) and dataset(file, key).size != n * n_columns:
            raise FormatError(f"{file.filename}: {key} has shape {file[key].shape}, expected {(n, n_columns)}")
    return n, int(shape[2])


def _read_incident(file: h5py.File, n: int) -> dict[str, NDArray[Any]]:
    incident: dict[str, NDArray[Any]] = {"energy": np.asarray(file[ENERGIES], np.float64).reshape(-1) * GeV}
    pdg = np.asarray(file[PDG]).reshape(-1) if PDG in file else np.zeros(n)
    if pdg.any():
        incident["pdg_id"] = pdg
    vectors = np.asarray(file[DIRECTIONS], np.float64).reshape(-1, 3) if DIRECTIONS in file else _STRAIGHT[None]
    if (vectors != _STRAIGHT).any():
        incident["theta"], incident["phi"] = to_angles(vectors)
    return incident


def _datasets(events: Events) -> dict[str, NDArray[Any]]:
    clouds = _point_clouds(events)
    return {
        SHOWERS: clouds,
        NUM_POINTS: np.array([len(cloud) // 4 for cloud in clouds], np.int32),
        # double precision where the package itself writes single: it reads either
        ENERGIES: events.energy[:, None] / GeV,
        PDG: events.incident.get("pdg_id", np.zeros(len(events))).astype(np.int32),
        DIRECTIONS: _directions(events),
    }


def _point_clouds(events: Events) -> NDArray[Any]:
    """An array of lists, which HDF5 stores without padding."""
    detector = calorimeter("format 'showerdata'", events.detector)
    x, y = np.concatenate([grid.centres for grid in detector.grids]).T
    points = np.stack([x, y, detector.layer_of_channel, np.zeros(len(x))], axis=1)
    clouds = np.empty(len(events), h5py.vlen_dtype(np.float32))
    for row, signals in enumerate(events.signals):
        hit = np.flatnonzero(signals)
        cloud = points[hit].astype(np.float32)
        cloud[:, 3] = signals[hit] / GeV
        clouds[row] = cloud.ravel()
    return clouds


def _directions(events: Events) -> Floats:
    straight = np.full(len(events), np.pi / 2), np.zeros(len(events))
    vectors = to_vectors(*(events.incident.get(*pair) for pair in zip(("theta", "phi"), straight, strict=True)))
    # exactly straight, so that no angle is read where none was given
    return np.where(np.abs(vectors - _STRAIGHT).max(axis=1, keepdims=True) < 1e-12, _STRAIGHT, vectors)


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[GrowingFile]:
    """A writer whose file appears, whole, when the block ends well.

    Raises:
        FormatError: the detector is no calorimeter.
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    calorimeter("format 'showerdata'", detector)
    with growing(path, detector, _datasets, overwrite=overwrite) as writer:
        yield writer
        n_points = writer.file[NUM_POINTS][...]
        writer.file[SHAPE] = np.array([len(n_points), n_points.max(initial=0), 4], np.int32)
        writer.file[IDS] = np.arange(len(n_points), dtype=np.int32)


def losses(source: EventSource) -> list[str]:
    """What would not come back."""
    words = left_out(source, ("energy", "pdg_id", "theta", "phi"))
    return [*words, "the last bit of the signals (single precision in GeV)"]


formats.register("showerdata")(
    Format(
        summary="ShowerData HDF5 (point clouds of x, y in mm, layer, energy in GeV)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=ShowerDataFile,
        create=create,
        losses=losses,
    )
)
