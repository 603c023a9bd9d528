r"""3DGAN's observables of an image: sampling fraction, moments, profiles, measured angle, hits, sparsity, hottest cell.

For any calorimeter whose layers all have the same Cartesian grid. Positions are counted in cells as in the original,
z along the layers: moments from the middle of the first cell, the angle's barycentres from its face. A moment of order
1 is the energy-weighted mean position; those of order 2 and 3 are taken about it:

.. math:: m_1 = \frac{\sum_i i E_i}{\sum_i E_i}, \qquad m_k = \frac{\sum_i (i - m_1)^k E_i}{\sum_i E_i}

References:
    Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak, 2022,
    https://arxiv.org/abs/2109.07388; keras/analysis/utils of svalleco/3Dgan, branch Anglegan
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.errors import DetectorError
from moliere.units import MeV

AXES = ("x", "y", "z")
ORDERS = (1, 2, 3)
_THIRDS = ("first", "second", "last")

#: a cell is hit above this
HIT = 0.3 * MeV
#: the angle of an image without energy, as in the original
NO_ANGLE = 100.0
#: in cells; displacements below are rounding, and must not become a direction
_ROUNDING = 1e-9

_CELLS = {1: "cells", 2: "cells²", 3: "cells³"}
_MOMENTS = {1: "mean of {}, weighted with energy", 2: "variance of {}", 3: "third moment of {} about its mean"}
#: axis → group: z runs along the shower
_GROUPS = {"x": "transverse", "y": "transverse", "z": "longitudinal"}
#: name → label, unit and group
LABELS: dict[str, tuple[str, str, str]] = {
    "total_energy": ("total energy", "MeV", "energy"),
    "sampling_fraction": ("total / incident energy", "", "energy"),
    **{f"moment_{a}{k}": (_MOMENTS[k].format(a), _CELLS[k], _GROUPS[a]) for a in AXES for k in ORDERS},
    **{
        f"{third}_third": (f"energy in the {third} third of the layers / total energy", "", "longitudinal")
        for third in _THIRDS
    },
    "angle": ("measured angle", "rad", "transverse"),
    "hits": ("cells above 0.3 MeV", "", "sparsity"),
    **{f"hottest_{a}": (f"{a} of the hottest cell", "cells", _GROUPS[a]) for a in AXES},
}


def image_observables(
    detector: Calorimeter, energy: NDArray[np.floating], signals: NDArray[np.float32]
) -> dict[str, Floats]:
    """One number an event and observable; images without energy have 0 everywhere but at the angle.

    The columns, with the incident energy, are what the original's correlation matrix is made of.

    Args:
        detector: layers of one Cartesian grid.
        energy: incident energies in MeV, (n,).
        signals: in MeV, (n, n_channels).

    Returns:
        Name → (n,), in the order of :data:`LABELS`.

    Raises:
        DetectorError: layers that differ, or a polar grid.
    """
    xz, yz = _planes(detector, signals)
    by_axis = dict(zip(AXES, (xz.sum(axis=1), yz.sum(axis=1), xz.sum(axis=2)), strict=True))
    total = by_axis["z"].sum(axis=1)
    moments = [moment for axis in AXES for moment in _moments(by_axis[axis], total)]
    hits = np.count_nonzero(signals > HIT, axis=1)
    head = (total, total / energy, *moments, *_thirds(by_axis["z"], total))
    columns = (*head, _angle(xz, yz), hits.astype(np.float64), *_hottest(detector, signals))
    return dict(zip(LABELS, columns, strict=True))


def profiles(detector: Calorimeter, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """Energy in the slices across each axis; ``Tally.of`` makes means of them, piece by piece.

    Args:
        detector: layers of one Cartesian grid.
        signals: in MeV, (n, n_channels).

    Returns:
        ``x`` → (n, n_x), ``y`` → (n, n_y), ``z`` → (n, n_layers), in MeV.

    Raises:
        DetectorError: layers that differ, or a polar grid.
    """
    xz, yz = _planes(detector, signals)
    return {"x": xz.sum(axis=1), "y": yz.sum(axis=1), "z": xz.sum(axis=2)}


def measured_angle(detector: Calorimeter, signals: NDArray[np.float32]) -> Floats:
    r"""The direction of a shower in its image, in rad around π/2, tilted towards y.

    With (x_k, y_k) the barycentre of layer k, z_k = k + 1/2 and (x̄, ȳ, z̄) that of the whole image, in cells:

    .. math::
        m_k = \pm\frac{y_k - \bar y}{\sqrt{(x_k - \bar x)^2 + (z_k - \bar z)^2}}, \qquad
        \theta = \frac{\sum_k z_k (\pi/2 - \arctan m_k)}{\sum_k z_k}

    over layers with energy; minus where z_k < z̄. A layer at the barycentre itself, where the original has NaN, says
    nothing; an image of a single layer points straight ahead.

    Args:
        detector: layers of one Cartesian grid.
        signals: in MeV, (n, n_channels).

    Returns:
        (n,); :data:`NO_ANGLE` for images without energy.

    Raises:
        DetectorError: layers that differ, or a polar grid.
    """
    return _angle(*_planes(detector, signals))


def _block(detector: Calorimeter, signals: NDArray[Any]) -> NDArray[Any]:
    """Signals as (n, z, x, y)."""
    block = detector.grid(signals)
    if detector.grids[0].kind != "cartesian":
        raise DetectorError(f"3DGAN's observables need a Cartesian grid; the layers of {detector.name!r} are polar")
    return block


def _planes(detector: Calorimeter, signals: NDArray[Any]) -> tuple[Floats, Floats]:
    """Energy in the planes (z, x) and (z, y): (n, n_layers, n_x) and (n, n_layers, n_y)."""
    block = _block(detector, signals)
    return block.sum(axis=3, dtype=np.float64), block.sum(axis=2, dtype=np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _moments(profile: Floats, total: Floats) -> list[Floats]:
    """Orders 1, 2, 3 of energies in slices, each (n,)."""
    position = np.arange(profile.shape[1])
    first = _ratio(profile @ position, total)
    offset = position - first[:, None]
    return [first, *(_ratio((profile * offset**order).sum(axis=1), total) for order in ORDERS[1:])]


def _thirds(profile: Floats, total: Floats) -> list[Floats]:
    """Shares of the layers' first, second and last third, which takes what does not divide."""
    size = profile.shape[1] // 3
    parts = profile[:, :size], profile[:, size : 2 * size], profile[:, 2 * size :]
    return [_ratio(part.sum(axis=1), total) for part in parts]


def _angle(xz: Floats, yz: Floats) -> Floats:
    """See :func:`measured_angle`."""
    energy = xz.sum(axis=2)
    z = np.arange(energy.shape[1]) + 0.5
    x, y = (_ratio(plane @ (np.arange(plane.shape[2]) + 0.5), energy) for plane in (xz, yz))
    dx, dy, dz = (_from_barycentre(axis, energy) for axis in (x, y, np.broadcast_to(z, energy.shape)))
    angles = np.pi / 2 - np.arctan2(np.where(dz < 0, -dy, dy), np.hypot(dx, dz))
    weights = np.where((energy > 0) & ((dx != 0) | (dy != 0) | (dz != 0)), z, 0)
    total = weights.sum(axis=1)
    measured = np.where(total > 0, _ratio((weights * angles).sum(axis=1), total), np.pi / 2)
    return np.where(energy.sum(axis=1) > 0, measured, NO_ANGLE)


def _from_barycentre(position: Floats, energy: Floats) -> Floats:
    """Distances of layers from the image's barycentre along one axis, (n, n_layers)."""
    centre = _ratio((position * energy).sum(axis=1), energy.sum(axis=1))
    distance = position - centre[:, None]
    return np.where(np.abs(distance) < _ROUNDING, 0, distance)


def _hottest(detector: Calorimeter, signals: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """x, y, z of the hottest cell, the first one in channel order where several are."""
    shape = len(detector.grids), *detector.grids[0].shape
    z, x, y = np.unravel_index(signals.argmax(axis=1), shape)
    return x.astype(np.float64), y.astype(np.float64), z.astype(np.float64)
