"""3DGAN's HDF5: ``ECAL`` (n, 51, 51, 25) in GeV x 50, ``energy`` (n,) in GeV, angles in rad.

``theta`` is the angle of incidence, ``mtheta`` the one measured from the image, ``eta`` the pseudorapidity; files hold
what their production had. ``ECAL`` runs over x, y and depth; channels here run over depth, x and y.

References:
    Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak et al. 2022,
    https://arxiv.org/abs/2109.07388
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
from moliere.errors import FormatError
from moliere.events.events import Events, EventSource
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import FileSource, Format, Rows, formats
from moliere.events.formats.growing import GrowingFile, growing
from moliere.events.formats.hdf5 import column, dataset, further, looks_like, read_rows_of, reading
from moliere.events.formats.published import left_out, of_layout
from moliere.units import GeV

ECAL, ENERGY = "ECAL", "energy"
#: incident columns beside the energy
ANGLES = ("theta", "mtheta", "eta")
#: the published images are in fiftieths of a GeV
_CELL_UNIT = GeV / 50

_SHAPE = (51, 51, 25)


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with an image and an energy."""
    return looks_like(path, ECAL, ENERGY)


class ThreeDGanFile(FileSource):
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
            rest = further(file, n_events, {ECAL, ENERGY})
            incident = {"energy": column(file, ENERGY, n_events).astype(np.float64) * GeV}
            self._extras = rest.extras
            super().__init__(
                path,
                detector,
                n_events,
                rest.incident | incident,
                metadata=recorded_provenance(file),
                passed_over=rest.passed_over,
            )

    def read_extras(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """What else has several numbers an event."""
        return read_rows_of(self.path, self._extras, rows)

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, 65025)."""
        with reading(self.path) as file:
            images = np.asarray(file[ECAL][rows], np.float32)
        signals = np.moveaxis(images, 3, 1).reshape(-1, self.detector.n_channels)
        signals *= np.float32(_CELL_UNIT)
        return signals


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


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[GrowingFile]:
    """A writer whose file appears, whole, when the block ends well.

    Raises:
        FormatError: the detector does not have 3DGAN's cells.
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    of_layout("format '3dgan'", detector, "3dgan")
    with growing(path, detector, _datasets, overwrite=overwrite) as writer:
        yield writer


def losses(source: EventSource) -> list[str]:
    """What would not come back."""
    return [*left_out(source, ("energy", *ANGLES)), "the last bit of the signals (single precision in GeV x 50)"]


formats.register("3dgan")(
    Format(
        summary="3DGAN HDF5 (ECAL in GeV x 50, energy in GeV, theta)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=ThreeDGanFile,
        create=create,
        losses=losses,
    )
)
