"""3DGAN's HDF5: ``ECAL`` (n, 51, 51, 25) in GeV x 50, ``energy`` (n,) in GeV, angles in rad.

``theta`` is the angle of incidence, ``mtheta`` the one measured from the image, ``eta`` the pseudorapidity; files hold
what their production had. ``ECAL`` runs over x, y and depth; channels here run over depth, x and y.

References:
    Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak et al. 2022,
    https://arxiv.org/abs/2109.07388
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.events import Events, EventSource
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.growing import writer_of
from moliere.events.formats.hdf5 import Hdf5Source, column, dataset, further, looks_like, reading
from moliere.events.formats.published import left_out, of_layout
from moliere.units import GeV

ECAL, ENERGY, TARGET = "ECAL", "energy", "target"
#: what a shower may leave, as a share of its energy, where nothing but the response tells the unit; of so many events
_RESPONSES, _SAMPLE = (0.1, 10.0), 100
#: incident columns beside the energy
ANGLES = ("theta", "mtheta", "eta")
#: the published images are in fiftieths of a GeV
_CELL_UNIT = GeV / 50

_SHAPE = (51, 51, 25)


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with an image and an energy, under today's key or the first production's."""
    return looks_like(path, ECAL, ENERGY) or looks_like(path, ECAL, TARGET)


class ThreeDGanFile(Hdf5Source):
    """Events in an HDF5 file.

    Args:
        path: the file.
        detector: the user's own with the same cells; by default the one that the file names, else ``3dgan``.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that are not 3DGAN's.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            detector = of_layout(path, detector or recorded_detector(file), "3dgan")
            n_events = _check_shapes(file)
            rest = further(file, n_events, {ECAL, ENERGY, TARGET})
            incident = {"energy": _energies(file, n_events) * GeV}
            super().__init__(path, detector, n_events, incident, rest, metadata=recorded_provenance(file))

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, 65025)."""
        with reading(self.path) as file:
            images = np.asarray(file[ECAL][rows], np.float32)
        signals = np.moveaxis(images, 3, 1).reshape(-1, self.detector.n_channels)
        signals *= np.float32(_CELL_UNIT)
        return signals


def _energies(file: h5py.File, n: int) -> NDArray[np.float64]:
    """Incident energies in GeV; the first production has particle, energy and momentum in one dataset."""
    if ENERGY in file or TARGET not in file:
        return column(file, ENERGY, n).astype(np.float64)
    found = dataset(file, TARGET)
    if found.shape not in {(n, 1, 5), (n, 5)}:
        raise FormatError(f"{file.filename}: {TARGET} has shape {found.shape}, expected {(n, 1, 5)} beside {ECAL}")
    energies: NDArray[np.float64] = found[...].reshape(n, 5)[:, 1].astype(np.float64)
    sums = np.asarray(file[ECAL][:_SAMPLE], np.float64).sum(axis=(1, 2, 3)) * _CELL_UNIT / GeV
    response = float(np.median(sums / np.maximum(energies[:_SAMPLE], 1e-30))) if n else 1.0
    if not _RESPONSES[0] < response < _RESPONSES[1]:
        raise FormatError(
            f"{file.filename}: {ECAL}, taken as GeV x 50, holds {response:.3g} times the energy in {TARGET}[:, 0, 1], "
            f"taken as GeV; write a dataset {ENERGY!r} in GeV and {ECAL} in GeV x 50"
        )
    return energies


def _check_shapes(file: h5py.File) -> int:
    n = len(dataset(file, ECAL)) if dataset(file, ECAL).ndim else 0
    if file[ECAL].shape != (n, *_SHAPE):
        raise FormatError(f"{file.filename}: {ECAL} has shape {file[ECAL].shape}, expected {('n', *_SHAPE)}")
    for name in ANGLES:
        if name in file:
            column(file, name, n)
    return n


def _datasets(events: Events) -> dict[str, NDArray[Any]]:
    x, y, depth = _SHAPE
    images = np.moveaxis(events.signals.reshape(-1, depth, x, y), 1, 3) / np.float32(_CELL_UNIT)
    columns = {name: events.incident[name] for name in ANGLES if name in events.incident}
    return {ECAL: images, ENERGY: events.energy / GeV, **columns}


def losses(source: EventSource) -> list[str]:
    """What would not come back."""
    return [*left_out(source, ("energy", *ANGLES)), "the last bit of the signals (single precision in GeV x 50)"]


formats.register("3dgan")(
    Format(
        summary="3DGAN HDF5 (ECAL in GeV x 50, energy in GeV, theta)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=ThreeDGanFile,
        create=writer_of(_datasets, partial(of_layout, "format '3dgan'", name="3dgan")),
        losses=losses,
    )
)
