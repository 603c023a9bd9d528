"""The rings and sectors of ATLAS layers from lists of cells in any order, and FastCaloSim's files of such lists.

A file is HDF5 with four arrays a layer, an entry a cell: ``binstart_radius_layer_{id}``, ``binsize_radius_layer_{id}``
in mm, ``binstart_alpha_layer_{id}`` and ``binsize_alpha_layer_{id}`` in rad. Its detector has the cells of each layer
in the order layer, alpha, r, whatever the order in the file.

References:
    FastCaloSim, https://github.com/fcs-proj/FastCaloSim
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.atlas_layers import ATLAS_LAYERS
from moliere.detectors.base import Detector, Floats, Ints, of_kind
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.errors import DetectorError, FormatError
from moliere.files import replacing

#: files hold single precision: edges are the same when they agree to a tenth of a micrometre, or of a milliradian
_DECIMALS = 4
_TOLERANCE = 10.0**-_DECIMALS


#: the four arrays of a layer
_ARRAYS = ("binstart_alpha", "binsize_alpha", "binstart_radius", "binsize_radius")
_LAYER = re.compile(r"binstart_radius_layer_(\d{1,3})")
#: entries of an array that a layer may have
_MOST_CELLS = 1_000_000


def is_binning(path: Path) -> bool:
    """Whether a file is HDF5 that holds cells of layers and no events."""
    import h5py

    try:
        with h5py.File(path) as file:
            return any(map(_LAYER.fullmatch, file)) and not any(key.startswith("energy_layer_") for key in file)
    except OSError:
        return False


def read_binning(path: Path) -> Calorimeter:
    """The detector of a file of cells.

    Raises:
        DetectorError: not HDF5, arrays missing or of different lengths, cells that form no rings and sectors.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            numbers = sorted(int(match[1]) for match in map(_LAYER.fullmatch, file) if match)
            arrays = {number: [_array(file.get(f"{name}_layer_{number}")) for name in _ARRAYS] for number in numbers}
    except FileNotFoundError:
        raise DetectorError(f"no file {path}") from None
    except (OSError, ValueError) as error:
        raise DetectorError(f"{path} is no HDF5 file with the cells of layers: {error}") from error
    if not numbers:
        raise DetectorError(f"{path} has no layer: no dataset is named like binstart_radius_layer_1")
    try:
        found = {number: find_binning(f"{path}, {label(number)}", *bins) for number, bins in arrays.items()}
    except FormatError as error:
        raise DetectorError(str(error)) from error
    layers = layers_of((number, binning.grid) for number, binning in found.items())
    return Calorimeter(path.stem, layers, description=f"FastCaloSim's binning, read from {path.name}")


def write_binning(detector: Detector, path: Path, *, overwrite: bool = False) -> None:
    """Write the cells of a detector as FastCaloSim reads them; the file appears whole.

    Raises:
        DetectorError: the detector is no calorimeter of rings and sectors, or numbers two layers alike.
        OutputExists: the file exists.
    """
    import h5py

    grids = polar_grids(detector)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for number, grid in grids.items():
            for name, values in bins_of(grid).items():
                file[f"{name}_layer_{number}"] = values.astype(np.float32)
    with replacing(path, overwrite=overwrite) as partial:
        partial.write_bytes(content.getvalue())


def polar_grids(detector: Detector) -> dict[int, PolarGrid]:
    """The grid of each layer by the layer's number.

    Raises:
        DetectorError: the detector is no calorimeter of rings and sectors, or numbers two layers alike.
    """
    layers = of_kind(detector, Calorimeter, "a list of rings and sectors").read_out
    grids = {layer.id: layer.grid for layer in layers if layer.grid is not None and layer.grid.kind == "polar"}
    if len(grids) != len(layers):
        raise DetectorError(
            f"{detector.name} has layers that are no rings and sectors, or that share an id; only layers of rings and "
            "sectors, each with an id of its own, can be written so"
        )
    return grids


def layers_of(grids: Iterable[tuple[int, PolarGrid]]) -> tuple[Layer, ...]:
    """Layers of ATLAS' names, by their numbers."""
    return tuple(
        Layer(id=number, grid=grid, name=ATLAS_LAYERS[number] if number < len(ATLAS_LAYERS) else "")
        for number, grid in grids
    )


def label(number: int) -> str:
    """A layer for messages."""
    return f"layer {number} ({ATLAS_LAYERS[number]})" if number < len(ATLAS_LAYERS) else f"layer {number}"


def _array(found: Any) -> Floats:
    """An array of a file, (n_cells,); nothing that lies in another file."""
    import h5py

    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise ValueError("an array of a layer is missing; each has " + ", ".join(_ARRAYS))
    if found.dtype.kind not in "fiu" or found.shape is None or not 0 < found.size <= _MOST_CELLS:
        raise ValueError(f"{found.name} holds {found.dtype} of shape {found.shape}, expected a number a cell")
    return np.asarray(found, np.float64).ravel()


@dataclass(frozen=True, eq=False)
class Binning:
    """How the cells of a file become those of a grid.

    Args:
        grid: rings and sectors.
        order: (n_cells,) place in the file of each cell of the grid.
    """

    grid: PolarGrid
    order: Ints


def find_binning(what: str, alpha: Floats, alpha_size: Floats, r: Floats, r_size: Floats) -> Binning:
    """Find the grid that cells form.

    Args:
        what: the layer, for messages.
        alpha: (n_cells,) where each cell begins in azimuth, in rad.
        alpha_size: (n_cells,) in rad.
        r: (n_cells,) where each cell begins in radius, in mm.
        r_size: (n_cells,) in mm.

    Raises:
        FormatError: rings that overlap or leave gaps (the pair is named), sectors that are unequal or not those of
            [-pi, pi], cells missing or there twice.

    Example:
        >>> half = np.full(4, np.pi)
        >>> binning = find_binning(
        ...     "layer 1", np.array([0, -np.pi, 0, -np.pi]), half, np.array([0.0, 0, 5, 5]), np.full(4, 5.0)
        ... )
        >>> binning.grid.r_edges, binning.grid.n_alpha, binning.order
        ((0.0, 5.0, 10.0), 2, array([1, 3, 0, 2]))
    """
    if len({len(values) for values in (alpha, alpha_size, r, r_size)}) > 1:
        raise FormatError(f"{what}: arrays of bins must be of the same length")
    edges = _ring_edges(what, r, r_size)
    n_alpha = _count_sectors(what, alpha, alpha_size)
    ring = np.searchsorted(edges, r + r_size / 2, side="right") - 1
    turn = 2 * np.pi / n_alpha
    sector = np.floor((alpha + alpha_size / 2 + np.pi) / turn).astype(np.int64) % n_alpha
    cell = sector * (len(edges) - 1) + ring
    grid = PolarGrid(edges, n_alpha)
    if len(cell) != grid.n_cells or len(np.unique(cell)) != grid.n_cells:
        raise FormatError(
            f"{what} lists {len(cell)} cells, {len(np.unique(cell))} of them different, but has {n_alpha} sectors of "
            f"{len(edges) - 1} rings; expected each cell once"
        )
    return Binning(grid, np.argsort(cell))


def bins_of(grid: PolarGrid) -> dict[str, Floats]:
    """The four arrays of a grid, by their names in files; the inverse of :func:`find_binning`."""
    edges = np.asarray(grid.r_edges)
    turn = 2 * np.pi / grid.n_alpha
    return {
        "binstart_alpha": np.repeat(-np.pi + turn * np.arange(grid.n_alpha), len(edges) - 1),
        "binsize_alpha": np.full(grid.n_cells, turn),
        "binstart_radius": np.tile(edges[:-1], grid.n_alpha),
        "binsize_radius": np.tile(np.diff(edges), grid.n_alpha),
    }


def _ring_edges(what: str, r: Floats, size: Floats) -> tuple[float, ...]:
    rings = np.unique(np.round(np.stack([r, r + size], axis=1), _DECIMALS), axis=0)
    for low, high in rings:
        if not 0 <= low < high < np.inf:
            raise FormatError(f"{what}: a ring runs from {low:g} to {high:g} mm; expected 0 <= start < end")
    for (low, high), (next_low, next_high) in pairwise(rings):
        if abs(high - next_low) > 2 * _TOLERANCE:
            fault = "overlap" if high > next_low else "leave a gap"
            raise FormatError(
                f"{what}: rings {low:g} – {high:g} and {next_low:g} – {next_high:g} mm {fault}; they must touch"
            )
    return (*(float(low) for low in rings[:, 0]), float(rings[-1, 1]))


def _count_sectors(what: str, alpha: Floats, size: Floats) -> int:
    starts = np.unique(np.round(alpha, _DECIMALS))
    turn = 2 * np.pi / len(starts)
    from_border = (alpha + np.pi) / turn
    equal = np.allclose(size, turn, atol=_TOLERANCE)
    if not equal or not np.allclose(from_border, np.round(from_border), atol=_TOLERANCE / turn):
        raise FormatError(
            f"{what}: sectors begin at {_listed(starts)} rad and are {_listed(np.unique(np.round(size, _DECIMALS)))} "
            f"rad wide; expected {len(starts)} equal ones of [-pi, pi]"
        )
    return len(starts)


def _listed(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:g}" for value in values[:6]) + (", …" if len(values) > 6 else "")
