"""CaloHadronic's HDF5, in either form: as clouds of points, or as cells in two parts of a calorimeter.

Points: ``events`` (n, 4, most points) are x in mm, number of the layer, z in mm and energy in GeV, 0 where there is no
point; ``energy`` (n,) or (n, 1) is in GeV. Layers are counted from the front; x and z lie across.

Cells, as ViT4HEP has them: ``events`` (n,) has fields ``energy`` (in GeV), ``ecal`` and ``hcal``, the layers of either
first. Cells are those of the detector, in their order; they are in GeV or in MeV, as the response tells.

References:
    CaloHadronic: a diffusion model for the generation of hadronic pion showers, T. Buss et al. 2025,
    https://github.com/FLC-QU-hep/CaloHadronic
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.formats.base import FileSource, Format, Rows, formats
from moliere.events.formats.hdf5 import column, compound_dataset, dataset, further, looks_like, read_rows_of, reading
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter, signal_unit
from moliere.events.voxelise import OUTSIDE, voxelise
from moliere.units import GeV

EVENTS, ENERGY, PARTS = "events", "energy", ("ecal", "hcal")
_FEATURES = 4
#: so many events tell the unit
_SAMPLE = 100


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with clouds of four numbers a point, or with cells of both calorimeters."""
    if not looks_like(path, EVENTS):
        return False
    with h5py.File(path) as file:
        events = file[EVENTS]
        if events.dtype.names:
            return {ENERGY, *PARTS} <= set(events.dtype.names)
        return ENERGY in file and events.ndim == 3 and events.shape[1] == _FEATURES


class CloudsFile(JointFile):
    """Point clouds put into a calorimeter; ``extras["outside"]`` (n,) is the energy in MeV of the points in no cell.

    Args:
        path: the file.
        detector: what the points are put into.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit each other, no detector named.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        self._calorimeter = calorimeter(path, detector)
        with reading(path) as file:
            shape = dataset(file, EVENTS).shape
            if len(shape) != 3 or shape[1] != _FEATURES:
                raise FormatError(f"{path}: {EVENTS} has shape {shape}, expected (n, 4, most points)")
            rest = further(file, shape[0], {EVENTS, ENERGY, "n_points"})
            incident = {"energy": column(file, ENERGY, shape[0]).astype(np.float64) * GeV}
        self._extras = rest.extras
        super().__init__(path, self._calorimeter, shape[0], rest.incident | incident, passed_over=rest.passed_over)

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals and ``outside`` in MeV, (n_rows, n_channels) and (n_rows,)."""
        with reading(self.path) as file:
            clouds = np.asarray(file[EVENTS][rows], np.float64)
        event, point = np.nonzero(clouds[:, 3])
        x, layer, z, energy = clouds[event, :, point].T
        voxels = voxelise(self._calorimeter, event, layer, x, z, energy * GeV, len(clouds))
        return voxels.signals, {OUTSIDE: voxels.outside, **read_rows_of(self.path, self._extras, rows)}


class CellsFile(FileSource):
    """Cells of both calorimeters.

    Args:
        path: the file.
        detector: with as many cells as both have.

    Raises:
        FormatError: not HDF5, truncated, fields missing, no detector that fits.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        own = calorimeter(path, detector)
        with reading(path) as file:
            events = compound_dataset(file, EVENTS, (ENERGY, *PARTS))
            kinds = {name: events.dtype[name] for name in (ENERGY, *PARTS)}
            cells = sum(int(np.prod(kinds[name].shape)) for name in PARTS)
            if own.n_channels != cells or int(np.prod(kinds[ENERGY].shape)) != 1:
                raise FormatError(
                    f"{path} has {cells} cells in {' and '.join(f'{kinds[p].shape} of {p}' for p in PARTS)}, but "
                    f"{own.name} has {own.n_channels}; name the detector of the file"
                )
            energy = np.asarray(events[ENERGY], np.float64).reshape(-1)
            unread = sorted(set(events.dtype.names) - set(kinds)) + sorted(set(file) - {EVENTS})
            super().__init__(path, own, len(events), {"energy": energy * GeV}, passed_over=unread)
            self._unit = 1.0
            sums = self.read_signals(slice(_SAMPLE)).sum(axis=1, dtype=np.float64)
            self._unit = signal_unit(sums, energy[:_SAMPLE])

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, n_channels)."""
        with reading(self.path) as file:
            events: NDArray[Any] = file[EVENTS][rows]
        cells = [np.asarray(events[part], np.float32) for part in PARTS]
        cells = [part.reshape(len(events), int(np.prod(part.shape[1:]))) for part in cells]
        return np.concatenate(cells, axis=1) * np.float32(self._unit)


def open_either(path: Path, detector: Detector | None = None) -> FileSource:
    """The reader of the form that a file has."""
    with reading(path) as file:
        compound = isinstance(file.get(EVENTS), h5py.Dataset) and bool(file[EVENTS].dtype.names)
    return CellsFile(path, detector) if compound else CloudsFile(path, detector)


formats.register("calohadronic")(
    Format(
        summary="CaloHadronic HDF5 (events: x, layer, z in mm, energy in GeV; or ecal and hcal), with a detector",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=open_either,
    )
)
