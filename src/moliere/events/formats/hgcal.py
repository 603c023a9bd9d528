"""HGCal challenge's HDF5: ``showers`` (n, layers, cells) and ``gen_info`` (n, 3 or more): energy, eta and phi.

Where the cells lie stands in a file of its own, a pickle, which nobody should open that comes from others; so the
detector is named, and its cells are those of the file in their order. Layers with fewer cells than the widest are
padded; ``extras["outside"]`` (n,) is what lies in the padding. Incident energies are in GeV; signals are in GeV or in
MeV, as the response tells.

References:
    Denoising diffusion models with geometry adaptation for high fidelity calorimeter simulation, O. Amram and K. Pedro
    2023,
    https://arxiv.org/abs/2308.03876
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.errors import FormatError
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.hdf5 import dataset, further, looks_like, read_rows_of, reading
from moliere.events.formats.joint import Extras, JointFile
from moliere.events.formats.published import calorimeter, signal_unit
from moliere.events.voxelise import OUTSIDE
from moliere.units import GeV

SHOWERS, GENERATED = "showers", "gen_info"
_COLUMNS = ("energy", "eta", "phi")
#: so many events tell the unit
_SAMPLE = 100


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with showers and what the generator says of them."""
    return looks_like(path, SHOWERS, GENERATED)


class HgcalFile(JointFile):
    """Events in an HDF5 file.

    Args:
        path: the file.
        detector: whose layers have as many cells as the file's, or fewer where the file pads them.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit each other, no detector that fits.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        own = calorimeter(path, detector)
        with reading(path) as file:
            n = _check_shapes(file)
            shape, needed = file[SHOWERS].shape[1:], [grid.n_cells for grid in own.grids]
            head = np.asarray(file[SHOWERS][:_SAMPLE], np.float64)
            # files are padded beyond the widest layer, too, with nothing
            if len(needed) != shape[0] or max(needed) > shape[1] or head[:, :, max(needed) :].any():
                raise FormatError(
                    f"{path} has {shape[0]} layers of up to {shape[1]} cells, but {own.name} has {len(needed)} of up "
                    f"to {max(needed)}; name the detector of the file"
                )
            about = np.asarray(file[GENERATED], np.float64)[:, : len(_COLUMNS)]
            incident = dict(zip(_COLUMNS, about.T, strict=False))
            self._unit = signal_unit(head.sum(axis=(1, 2)), incident["energy"][:_SAMPLE])
            incident["energy"] = incident["energy"] * GeV
            rest = further(file, n, {SHOWERS, GENERATED})
        self._extras, self._cells = rest.extras, np.arange(shape[1]) < np.array(needed)[:, None]
        super().__init__(path, own, n, rest.incident | incident, passed_over=rest.passed_over)

    def read_both(self, rows: Rows) -> tuple[NDArray[np.float32], Extras]:
        """Signals and ``outside`` in MeV, (n_rows, n_channels) and (n_rows,)."""
        with reading(self.path) as file:
            showers = np.asarray(file[SHOWERS][rows], np.float32) * np.float32(self._unit)
        outside = showers[:, ~self._cells].sum(axis=1, dtype=np.float64)
        return showers[:, self._cells], {OUTSIDE: outside, **read_rows_of(self.path, self._extras, rows)}


def _check_shapes(file: h5py.File) -> int:
    showers, about = dataset(file, SHOWERS), dataset(file, GENERATED)
    n = showers.shape[0] if showers.ndim == 3 else -1
    if about.ndim != 2 or about.shape[0] != n or not about.shape[1]:
        raise FormatError(
            f"{file.filename}: {SHOWERS} has shape {showers.shape} and {GENERATED} {about.shape}; expected (n, layers, "
            "cells) and (n, 3): energy, eta and phi"
        )
    return n


formats.register("hgcal")(
    Format(
        summary="HGCal challenge HDF5 (showers: layer, cell; gen_info: energy in GeV, eta, phi), with a detector",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=HgcalFile,
    )
)
