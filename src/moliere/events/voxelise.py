"""From points in space to the channels of a calorimeter: the cell that a point lies in, and the sums over cells.

A cell holds its lower edges and not its upper ones, so that touching cells never share a point; only the outermost
edges belong to the last cells, as in :func:`numpy.histogram`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats, Ints
from moliere.detectors.grids import NOWHERE
from moliere.errors import DetectorError

#: extra of the energy that lay in no cell
OUTSIDE = "outside"


@dataclass(frozen=True, eq=False)
class Voxels:
    """Signals that the points of n events leave in a detector.

    Args:
        signals: (n_events, n_channels) in MeV.
        outside: (n_events,) in MeV, what lay in no cell.
    """

    signals: NDArray[np.float32]
    outside: Floats


def layers_at(detector: Calorimeter, z: NDArray[Any]) -> Ints:
    """The layers that depths lie in.

    Args:
        detector: with depths known.
        z: (n,) in mm along the shower axis.

    Returns:
        Positions among :attr:`~moliere.detectors.Calorimeter.read_out`, -1 where there is no layer; shape (n,).

    Raises:
        DetectorError: a layer has no depth, or two layers share one.

    Example:
        >>> from moliere.detectors import catalog
        >>> layers_at(catalog.get("calogan"), np.array([-1.0, 0.0, 90.0, 480.0]))
        array([-1,  0,  1,  2])
    """
    start, end = _depths(detector)
    order = np.argsort(start)
    place = np.searchsorted(start[order], z, side="right") - 1
    layer = order[np.maximum(place, 0)]
    inside = (z >= start[layer]) & ((z < end[layer]) | (z == end.max()))
    return np.where(inside, layer, NOWHERE)


def channels_at(detector: Calorimeter, layer: Ints, x: NDArray[Any], y: NDArray[Any]) -> Ints:
    """The channels that points lie in.

    Args:
        detector: any layers of polar or Cartesian grids.
        layer: (n,) positions among the layers that are read out; others lie outside.
        x: (n,) in mm.
        y: (n,) in mm.

    Returns:
        Channels, -1 where there is no cell; shape (n,).

    Example:
        >>> from moliere.detectors import catalog
        >>> channels_at(catalog.get("calogan"), np.array([0, 2]), np.array([-240.0, 999.0]), np.array([0.0, 0.0]))
        array([48, -1])
    """
    channel = np.full(len(layer), NOWHERE, np.int64)
    for position, (grid, first) in enumerate(zip(detector.grids, detector.boundaries[:-1], strict=True)):
        here = np.flatnonzero(layer == position)
        cell = grid.cells_at(x[here], y[here])
        channel[here] = np.where(cell == NOWHERE, NOWHERE, cell + first)
    return channel


def voxelise(
    detector: Calorimeter,
    event: Ints,
    layer: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    energy: NDArray[Any],
    n_events: int,
) -> Voxels:
    """Put points into cells and sum them.

    Args:
        detector: the calorimeter.
        event: (n,) event of each point, from 0 to ``n_events`` - 1.
        layer: (n,) positions among the layers that are read out, not quite whole where points were smeared.
        x: (n,) in mm.
        y: (n,) in mm.
        energy: (n,) in MeV.
        n_events: number of events.

    Returns:
        Signals, and what lay outside; energy at a place that is no number is in no cell, and its amount is unknown.
    """
    known = np.isfinite(layer) & np.isfinite(x) & np.isfinite(y)
    whole = np.rint(np.where(known & (np.abs(layer) < len(detector.layers)), layer, NOWHERE)).astype(np.int64)
    channel = channels_at(detector, whole, x, y)
    return collect(detector, event, channel, np.where(known, energy, np.nan), n_events)


def collect(detector: Calorimeter, event: Ints, channel: Ints, energy: NDArray[Any], n_events: int) -> Voxels:
    """Sum points over channels.

    Args:
        detector: the calorimeter.
        event: (n,) event of each point, from 0 to ``n_events`` - 1.
        channel: (n,) channel of each point, -1 outside.
        energy: (n,) in MeV.
        n_events: number of events, those without a point among them.

    Returns:
        Signals, summed in double precision, and what lay outside.

    Example:
        >>> from moliere.detectors import catalog
        >>> voxels = collect(
        ...     catalog.get("calogan"), np.array([1, 1, 0]), np.array([7, 7, -1]), np.array([2.0, 3.0, 4.0]), 2
        ... )
        >>> voxels.signals[:, 7], voxels.outside
        (array([0., 5.], dtype=float32), array([4., 0.]))
    """
    inside = channel != NOWHERE
    # only the cells that were hit are summed: a dense sum in double precision would be twice the size of the signals
    cells, back = np.unique(event[inside] * detector.n_channels + channel[inside], return_inverse=True)
    signals = np.zeros(n_events * detector.n_channels, np.float32)
    signals[cells] = np.bincount(back, energy[inside], len(cells))
    outside = np.asarray(np.bincount(event[~inside], energy[~inside], n_events), np.float64)
    return Voxels(signals.reshape(n_events, detector.n_channels), outside)


def _depths(detector: Calorimeter) -> tuple[Floats, Floats]:
    start, end = detector.depths.T
    if np.isnan(start).any():
        label = detector.read_out[int(np.flatnonzero(np.isnan(start))[0])].label
        raise DetectorError(
            f"{detector.name} does not say at which depth its {label} lies, so points cannot be put into it; "
            "give each layer its z = [start, end] in mm"
        )
    order = np.argsort(start)
    for one, two in pairwise(order):
        if end[one] > start[two] + 1e-9:
            first, second = (detector.read_out[int(k)].label for k in (one, two))
            raise DetectorError(
                f"{detector.name}: {first} ends at {end[one]:g} mm and {second} begins at {start[two]:g} mm; "
                "layers must not overlap"
            )
    return start, end
