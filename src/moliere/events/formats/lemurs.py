"""LEMURS' HDF5, which CaloDiT is trained on: ``showers`` (n, r, phi, z) and ``incident_energy`` (n,), theta and phi.

The axes are rings, sectors and layers; channels here run over layers, sectors and rings. The same four come as fields
of one dataset ``events``, too. Signals are deposits in MeV, uncalibrated. Incident energies are in MeV or, in the
published files, in GeV: no calorimeter answers more than it gets, so that the response tells which.

References:
    LEMURS data set, https://zenodo.org/records/17045562
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector, catalog
from moliere.errors import FormatError
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.hdf5 import Further, Hdf5Source, compound_dataset, dataset, further, looks_like, reading
from moliere.events.formats.published import calorimeter, signal_unit
from moliere.units import GeV, MeV

SHOWERS, ENERGY, EVENTS = "showers", "incident_energy", "events"
_ANGLES = {"incident_theta": "theta", "incident_phi": "phi"}
#: so many events tell
_SAMPLE = 100


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with showers of three axes and an incident energy, as datasets or as fields of one."""
    if not (looks_like(path, SHOWERS, ENERGY) or looks_like(path, EVENTS)):
        return False
    with h5py.File(path) as file:
        if EVENTS in file:
            return {SHOWERS, ENERGY} <= set(file[EVENTS].dtype.names or ())
        return bool(file[SHOWERS].ndim == 4)


class LemursFile(Hdf5Source):
    """Events in an HDF5 file.

    Args:
        path: the file.
        detector: what was read out; by default the one that moliere recorded, else the catalogue's ``par04-calodit``.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit each other or the detector.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            own = calorimeter(path, detector or recorded_detector(file) or catalog.get("par04-calodit"))
            self._compound = EVENTS in file and SHOWERS not in file
            showers = _field(file, SHOWERS, self._compound)
            n = showers.shape[0] if showers.ndim else 0
            _check_axes(path, showers.shape[1:], own)
            rest = Further() if self._compound else further(file, n, {SHOWERS, ENERGY})
            incident = {"energy": _numbers(file, ENERGY, self._compound, n).astype(np.float64)}
            if self._compound:
                present = set(file[EVENTS].dtype.names)
                incident |= {name: _numbers(file, key, True, n) for key, name in _ANGLES.items() if key in present}
                rest.passed_over += sorted(present - {SHOWERS, ENERGY, *_ANGLES})
            sums = np.asarray(_rows(file, self._compound, slice(_SAMPLE)), np.float64).sum(axis=(1, 2, 3))
            # signals are in MeV whatever energies are in: a response above 2 says that energies are in GeV
            if n and signal_unit(sums, incident["energy"][:_SAMPLE]) == MeV:
                incident["energy"] = incident["energy"] * GeV
            super().__init__(path, own, n, incident, rest, metadata=recorded_provenance(file))

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, n_channels)."""
        with reading(self.path) as file:
            showers = np.asarray(_rows(file, self._compound, rows), np.float32)
        return np.ascontiguousarray(showers.transpose(0, 3, 2, 1)).reshape(len(showers), self.detector.n_channels)


def _field(file: h5py.File, key: str, compound: bool) -> Any:
    """The shape of a dataset, or of a field of the one dataset, with its rows."""
    if not compound:
        return dataset(file, key)
    events = compound_dataset(file, EVENTS, (key,))
    kind = events.dtype[key]
    return np.broadcast_to(np.zeros((), kind.base), (*events.shape, *kind.shape))


def _numbers(file: h5py.File, key: str, compound: bool, n: int) -> NDArray[Any]:
    """A number an event, (n,)."""
    found = _field(file, key, compound)
    if found.shape not in {(n,), (n, 1)} or found.dtype.kind not in "fiu":
        raise FormatError(f"{file.filename}: {key} holds {found.dtype} of shape {found.shape}, expected numbers ({n},)")
    values: NDArray[Any] = np.asarray(file[EVENTS][key] if compound else found[...]).reshape(-1)
    return values


def _rows(file: h5py.File, compound: bool, rows: Rows) -> NDArray[Any]:
    found: NDArray[Any] = file[EVENTS][rows][SHOWERS] if compound else file[SHOWERS][rows]
    return found


def _check_axes(path: Path, axes: tuple[int, ...], detector: Calorimeter) -> None:
    shapes = {grid.shape for grid in detector.grids}
    own = (*reversed(next(iter(shapes))), len(detector.grids))
    if len(shapes) > 1 or axes != own:
        raise FormatError(
            f"{path} has rings, sectors and layers {axes}, but {detector.name} has {own}; name the detector of the file"
        )


formats.register("lemurs")(
    Format(
        summary="LEMURS / CaloDiT HDF5 (showers: r, phi, z in MeV; incident_energy, theta, phi)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=LemursFile,
    )
)
