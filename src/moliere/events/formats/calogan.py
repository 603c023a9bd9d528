"""CaloGAN's HDF5: ``layer_0`` (n, 3, 96), ``layer_1`` (n, 12, 12), ``layer_2`` (n, 12, 6), ``overflow`` (n, 3).

These are in MeV; ``energy`` (n, 1), the incident energy, is in GeV. Rows of a layer are phi (x), columns eta (y).
``overflow`` is what each layer got outside its cells; generated files often lack it.

References:
    CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
    adversarial networks, M. Paganini et al. 2017, https://arxiv.org/abs/1712.10321
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, Detector
from moliere.errors import FormatError
from moliere.events.events import Events
from moliere.events.formats.attributes import recorded_detector, recorded_provenance
from moliere.events.formats.base import Format, Rows, formats
from moliere.events.formats.growing import writer_of
from moliere.events.formats.hdf5 import Hdf5Source, column, dataset, further, looks_like, reading
from moliere.events.formats.published import left_out, of_layout
from moliere.units import GeV

LAYERS = ("layer_0", "layer_1", "layer_2")
ENERGY, OVERFLOW = "energy", "overflow"


def sniff(path: Path) -> bool:
    """Whether a file is HDF5 with three layers and an energy."""
    return looks_like(path, *LAYERS, ENERGY)


class CaloGanFile(Hdf5Source):
    """Events in an HDF5 file.

    Args:
        path: the file.
        detector: the user's own with the same cells; by default the one that the file names, else ``calogan``.

    Raises:
        FormatError: not HDF5, truncated, keys missing, shapes that are not CaloGAN's.
    """

    def __init__(self, path: Path, detector: Detector | None = None) -> None:
        with reading(path) as file:
            detector = of_layout(path, detector or recorded_detector(file), "calogan")
            n_events = _check_shapes(file, detector)
            rest = further(file, n_events, {*LAYERS, ENERGY, OVERFLOW})
            incident = {"energy": column(file, ENERGY, n_events).astype(np.float64) * GeV}
            if OVERFLOW in file:
                rest.extras[OVERFLOW] = OVERFLOW
            super().__init__(path, detector, n_events, incident, rest, metadata=recorded_provenance(file))

    def read_signals(self, rows: Rows) -> NDArray[np.float32]:
        """Signals in MeV, (n_rows, 504)."""
        with reading(self.path) as file:
            layers = [np.asarray(file[key][rows], np.float32) for key in LAYERS]
        return np.concatenate([layer.reshape(-1, np.prod(layer.shape[1:])) for layer in layers], axis=1)


def _check_shapes(file: h5py.File, detector: Calorimeter) -> int:
    n = len(dataset(file, ENERGY)) if dataset(file, ENERGY).ndim else 0
    tails = dict(zip(LAYERS, (grid.shape for grid in detector.grids), strict=True))
    expected: dict[str, set[tuple[int, ...]]] = {key: {(n, *tail)} for key, tail in tails.items()}
    expected[ENERGY] = {(n, 1), (n,)}
    if OVERFLOW in file:
        expected[OVERFLOW] = {(n, len(LAYERS))}
    for key, shapes in expected.items():
        if dataset(file, key).shape not in shapes:
            raise FormatError(f"{file.filename}: {key} has shape {file[key].shape}, expected {sorted(shapes)[-1]}")
    return n


def _datasets(events: Events) -> dict[str, NDArray[Any]]:
    detector = of_layout("format 'calogan'", events.detector, "calogan")
    parts = zip(LAYERS, detector.slices, detector.grids, strict=True)
    datasets: dict[str, NDArray[Any]] = {
        key: events.signals[:, part].reshape(-1, *grid.shape) for key, part, grid in parts
    }
    datasets[ENERGY] = events.energy[:, None] / GeV
    if OVERFLOW in events.extras:
        datasets[OVERFLOW] = events.extras[OVERFLOW]
    return datasets


formats.register("calogan")(
    Format(
        summary="CaloGAN HDF5 (layer_0, layer_1, layer_2, overflow; MeV; energy in GeV)",
        extensions=(".h5", ".hdf5"),
        sniff=sniff,
        open=CaloGanFile,
        create=writer_of(_datasets, partial(of_layout, "format 'calogan'", name="calogan")),
        losses=partial(left_out, extras=(OVERFLOW,)),
    )
)
