"""ATLAS eta slices in HDF5: showers of one slice as fractions of the incident energy, layer by layer, with their bins.

``incident_energy`` (n,) is in MeV. A layer, numbered as ATLAS does, has ``energy_layer_{id}`` (n, n_cells), or with
axes of its own for sectors and rings, and four arrays with an entry a cell that say where each lies:
``binstart_alpha_layer_{id}`` and ``binsize_alpha_layer_{id}`` in rad, ``binstart_radius_layer_{id}`` and
``binsize_radius_layer_{id}`` in mm. The order of the cells is taken from them. All layers of a file are read; a
detector with fewer of them reads only its own.

References:
    Conditioned quantum-assisted deep generative surrogate for particle-calorimeter interactions, J. Q. Toledo-Marín et
    al. 2024, https://arxiv.org/abs/2410.22870, whose samples come so
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector, Layer
from moliere.detectors.base import Floats
from moliere.detectors.binning import Binning, bins_of, find_binning, label, layers_of, polar_grids
from moliere.errors import FormatError
from moliere.events.events import Events
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.growing import GrowingFile, growing
from moliere.events.formats.hdf5 import Hdf5Source, column, dataset, further, looks_like, names_in, reading
from moliere.events.formats.published import calorimeter, left_out

ENERGY = "incident_energy"
_LAYER = re.compile(r"energy_layer_(\d+)")
_OF_LAYER = re.compile(r"_layer_\d+$")
_ETA = re.compile(r"eta_?(\d{2,3})(?!\d)")


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with an incident energy and at least one layer."""
    return looks_like(path, ENERGY) and any(_LAYER.fullmatch(key) for key in names_in(path))


class AtlasSliceFile(Hdf5Source):
    """Events of one eta slice.

    Args:
        path: the file.
        detector: which of the file's layers are read, with the file's own rings and sectors; by default the detector
            that moliere recorded, else all layers.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that do not fit, cells that form no grid, a detector with
            other rings, sectors or layers.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            energy = column(file, ENERGY).astype(np.float64)
            n_events = len(energy)
            binnings = {number: _read_binning(file, number, n_events) for number in _layer_numbers(file)}
            detector = detector or recorded_detector(file)
            metadata = recorded_provenance(file)
            rest = further(file, n_events, [key for key in file if key == ENERGY or _OF_LAYER.search(key)])
        own = _build(path, binnings) if detector is None else calorimeter(path, detector)
        self._layers = [(layer.id, _matching(path, layer, binnings)) for layer in own.read_out]
        left = sorted(set(binnings) - {number for number, _ in self._layers})
        rest.passed_over += [f"energy_layer_{number}" for number in left]
        super().__init__(path, own, n_events, {"energy": energy}, rest, metadata=metadata)

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, n_channels)."""
        energy: Floats = self.incident["energy"][rows]
        layers = []
        with reading(self.path) as file:
            for number, binning in self._layers:
                fractions = np.asarray(file[f"energy_layer_{number}"][rows]).reshape(-1, binning.grid.n_cells)
                # in double precision, so that what was written in double precision comes back as it was
                layers.append((fractions[:, binning.order] * energy[:, None]).astype(np.float32))
        return np.concatenate(layers, axis=1)


@contextmanager
def create(path: Path, detector: Detector, *, overwrite: bool = False) -> Iterator[GrowingFile]:
    """A writer whose file appears, whole, when the block ends well.

    Raises:
        FormatError: the detector is no calorimeter.
        DetectorError: its layers are not of rings and sectors, or two have one number.
        OutputExists: the file exists.
        WriteError: disk full or no permission; what was there is untouched.
    """
    grids = polar_grids(calorimeter("format 'atlas-slices'", detector))
    with growing(path, detector, _datasets, overwrite=overwrite) as writer:
        for number, grid in grids.items():
            for name, values in bins_of(grid).items():
                writer.file[f"{name}_layer_{number}"] = values
        yield writer


def _datasets(events: Events) -> Mapping[str, NDArray[Any]]:
    detector = calorimeter("format 'atlas-slices'", events.detector)
    fractions = events.signals / events.energy[:, None]
    layers = {
        f"energy_layer_{layer.id}": fractions[:, part]
        for layer, part in zip(detector.read_out, detector.slices, strict=True)
    }
    return {ENERGY: events.energy, **layers}


def _layer_numbers(file: h5py.File) -> list[int]:
    """Numbers of the layers with cells, in order."""
    found = [int(match[1]) for key in file if (match := _LAYER.fullmatch(key))]
    return [number for number in sorted(found) if np.prod(dataset(file, f"energy_layer_{number}").shape[1:]) > 0]


def _read_binning(file: h5py.File, number: int, n_events: int) -> Binning:
    what = f"{file.filename}, {label(number)}"
    bins = [
        np.asarray(dataset(file, f"{kind}_{axis}_layer_{number}"), np.float64).ravel()
        for axis in ("alpha", "radius")
        for kind in ("binstart", "binsize")
    ]
    shape = dataset(file, f"energy_layer_{number}").shape
    n_cells = int(np.prod(shape[1:]))
    if len(shape) < 2 or shape[0] != n_events or any(len(values) != n_cells for values in bins):
        raise FormatError(
            f"{what}: energies have shape {shape}, the arrays of bins {', '.join(str(len(v)) for v in bins)} entries; "
            f"expected ({n_events}, n_cells) as there are incident energies, and an entry a cell"
        )
    return find_binning(what, *bins)


def _build(path: Path, binnings: Mapping[int, Binning]) -> Calorimeter:
    """The detector that a file describes."""
    if not binnings:
        raise FormatError(f"{path} has no layer with cells: no dataset is named like energy_layer_1")
    eta = _ETA.search(path.name)
    return Calorimeter(
        name=f"atlas-eta-{eta[1]:>03}" if eta else "atlas-slice",
        layers=layers_of((number, found.grid) for number, found in binnings.items()),
        description=f"ATLAS eta slice, read from {path.name}",
    )


def _matching(path: Path, layer: Layer, binnings: Mapping[int, Binning]) -> Binning:
    """The cells of a file that are those of a layer."""
    if layer.id not in binnings:
        raise FormatError(f"{path} has layers {', '.join(map(str, binnings))}, but not {layer.id} of the detector")
    binning = binnings[layer.id]
    grid = layer.grid
    if grid is None or grid.kind != "polar" or grid.shape != binning.grid.shape:
        raise FormatError(
            f"{path}, {label(layer.id)} has {binning.grid.shape} sectors and rings, but the detector has "
            f"{grid.shape if grid else 'nothing'} there"
        )
    if not np.allclose(grid.r_edges, binning.grid.r_edges, rtol=1e-5, atol=1e-3):
        raise FormatError(
            f"{path}, {label(layer.id)} has ring edges {binning.grid.r_edges}, but the detector has {grid.r_edges}; "
            "leave the detector out to take the file's"
        )
    return binning


formats.register("atlas-slices")(
    Format(
        summary="ATLAS eta slices, HDF5 (energy_layer_* as fractions, bin arrays, incident_energy in MeV)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=AtlasSliceFile,
        create=create,
        losses=left_out,
    )
)
