r"""CaloGAN's twenty shower shapes, in the order of its Fig. 12, for any calorimeter of three Cartesian layers.

With E_i the energy of layer i = 0, 1, 2 in MeV, as the original's ``feats1d.py`` has them:

- ``e0`` … ``e2``, ``etot`` their sum, ``f0`` … ``f2`` the fractions E_i / E_tot;
- ``depth``: the last layer with energy;
- ``ratio0`` … ``ratio2``: (E_1st − E_2nd) / (E_1st + E_2nd + ε) of a layer's two hottest cells;
- ``l_d`` = Σ i E_i (lateral depth, MeV), ``s_d`` = l_d / E_tot, ``sigma_sd`` = √(Σ i² E_i / E_tot − s_d²);
- ``sigma0`` … ``sigma2``: √(Σ E x² / (E_i + ε) − (Σ E x / (E_i + ε))²) in mm, x the centre of a cell's row;
- ``sparsity0`` … ``sparsity2``: the fraction of cells *with* energy, unlike CaloChallenge's.

ε is 10⁻⁶ MeV. Where the original has NaN (fractions of showers without energy, roots of what rounding made negative),
these are 0.

References:
    CaloGAN: Simulating 3D high energy particle showers in multilayer electromagnetic calorimeters with generative
    adversarial networks, M. Paganini, 2017, https://arxiv.org/abs/1712.10321; analysis/feats1d.py and analysis.ipynb
    of hep-lbdl/CaloGAN
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, CartesianGrid
from moliere.detectors.base import Floats
from moliere.errors import DetectorError
from moliere.units import GeV

_EPSILON = 1e-6  # MeV
_LAYERS = 3

#: name → label, unit and group, in the order of Fig. 12
SHAPES: dict[str, tuple[str, str, str]] = {
    **{f"e{i}": (f"energy in layer {i}", "MeV", "energy") for i in range(_LAYERS)},
    "etot": ("total energy", "MeV", "energy"),
    **{f"f{i}": (f"energy in layer {i} / total energy", "", "longitudinal") for i in range(_LAYERS)},
    "depth": ("last layer with energy", "", "longitudinal"),
    **{f"ratio{i}": (f"energy ratio of the two hottest cells in layer {i}", "", "transverse") for i in range(_LAYERS)},
    "l_d": ("lateral depth", "MeV", "longitudinal"),
    **{f"sigma{i}": (f"lateral width in layer {i}", "mm", "transverse") for i in range(_LAYERS)},
    "s_d": ("shower depth", "", "longitudinal"),
    **{f"sparsity{i}": (f"share of cells with energy in layer {i}", "", "sparsity") for i in range(_LAYERS)},
    "sigma_sd": ("shower depth width", "", "longitudinal"),
}

_WIDE, _NARROW = np.logspace(0, 3, 100), np.logspace(0, 2, 100)

#: name → bin edges of the original's plots, in the units here, and whether they are equidistant in the logarithm
PLOT_BINS: dict[str, tuple[Floats, bool]] = {
    "e0": (np.logspace(-2, 2, 100) * GeV, True),
    "e1": (np.logspace(-1, 3, 100) * GeV, True),
    "e2": (np.logspace(-2, 2, 100) * GeV, True),
    "etot": (np.linspace(0, 120, 50) * GeV, False),
    "f0": (np.linspace(0, 0.4, 100), False),
    "f1": (np.linspace(0, 1, 100), False),
    "f2": (np.linspace(0, 0.008, 100), False),
    "depth": (np.arange(4.0), False),
    **{f"ratio{i}": (np.linspace(0, 1, 100), False) for i in range(_LAYERS)},
    "l_d": (np.logspace(1, 5, 100), True),
    **{f"sigma{i}": (_NARROW if i == 1 else _WIDE, True) for i in range(_LAYERS)},
    "s_d": (np.linspace(0.4, 2, 100), False),
    **{f"sparsity{i}": (np.linspace(0, 1, 20), False) for i in range(_LAYERS)},
    "sigma_sd": (np.linspace(0, 0.9, 100), False),
}


def shower_shapes(detector: Calorimeter, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """All twenty shapes; see the module for what each is, and :data:`SHAPES` for labels and units.

    Args:
        detector: three read-out layers, each of at least two Cartesian cells.
        signals: in MeV, zero below the threshold, (n, n_channels).

    Returns:
        Name → (n,), in the order of :data:`SHAPES`.

    Raises:
        DetectorError: other layers.
    """
    grids = _check_layers(detector)
    layers = [_layer_shapes(grid, signals[:, part]) for grid, part in zip(grids, detector.slices, strict=True)]
    energy, ratio, width, sparsity = zip(*layers, strict=True)
    total = energy[0] + energy[1] + energy[2]
    fractions = [_fraction(part, total) for part in energy]
    depth = np.where(energy[2] != 0, 2.0, np.where(energy[1] != 0, 1.0, 0.0))
    lateral_depth = energy[1] + 2 * energy[2]
    shower_depth = _fraction(lateral_depth, total)
    depth_width = _root(_fraction(energy[1] + 4 * energy[2], total) - shower_depth**2)
    head = (*energy, total, *fractions, depth, *ratio, lateral_depth)
    return dict(zip(SHAPES, (*head, *width, shower_depth, *sparsity, depth_width), strict=True))


def _check_layers(detector: Calorimeter) -> list[CartesianGrid]:
    grids = [grid for grid in detector.grids if grid.kind == "cartesian" and grid.n_cells > 1]
    if len(grids) != _LAYERS or len(detector.grids) != _LAYERS:
        kinds = ", ".join(f"{grid.kind} of {grid.n_cells} cells" for grid in detector.grids[:5])
        raise DetectorError(
            f"CaloGAN's shower shapes need three Cartesian layers of at least two cells; {detector.name!r} has "
            f"{len(detector.grids)} ({kinds}{', …' if len(detector.grids) > 5 else ''})"
        )
    return grids


def _layer_shapes(grid: CartesianGrid, cells: NDArray[np.floating]) -> tuple[Floats, ...]:
    """Energy, ratio of the two hottest cells, width along the rows, fraction of cells with energy; each (n,)."""
    exact = cells.astype(np.float64)
    x = grid.centres[:, 0]
    energy, first, second = (exact @ np.stack([np.ones_like(x), x, x**2], axis=1)).T
    norm = energy + _EPSILON
    low, high = np.partition(exact, (-2, -1), axis=1)[:, -2:].T
    ratio = (high - low) / (_EPSILON + high + low)
    return energy, ratio, _root(second / norm - (first / norm) ** 2), (cells > 0).mean(axis=1, dtype=np.float64)


def _fraction(part: Floats, total: Floats) -> Floats:
    return np.divide(part, total, out=np.zeros_like(total), where=total != 0)


def _root(values: NDArray[Any]) -> Floats:
    return np.asarray(np.sqrt(np.clip(values, 0, None)))
