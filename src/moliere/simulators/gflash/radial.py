"""How wide a shower is: a narrow core and a wide tail, changing with depth.

The share of the energy inside radius r is F(r) = p r²/(r² + Rc²) + (1 - p) r²/(r² + Rt²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moliere.detectors.base import Floats
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.simulators.gflash.medium import Medium


@dataclass(frozen=True)
class RadialLaw:
    """Radial profiles, one for each shower and depth; all fields of one shape.

    Args:
        core: median radius of the core in mm.
        tail: median radius of the tail in mm.
        core_share: share p of the energy that is in the core.
    """

    core: Floats
    tail: Floats
    core_share: Floats

    def contained(self, r: float | Floats) -> Floats:
        """Share of the energy inside radius ``r`` [mm].

        Example:
            >>> law = RadialLaw(np.array(10.0), np.array(10.0), np.array(0.5))
            >>> float(law.contained(10.0))
            0.5
        """
        square = np.square(r)
        core, tail = square / (square + self.core**2), square / (square + self.tail**2)
        return np.asarray(self.core_share * core + (1 - self.core_share) * tail)


def radial_law(medium: Medium, energy: Floats, tau: Floats) -> RadialLaw:
    """Core and tail of showers at given depths.

    Args:
        medium: homogeneous or sampling.
        energy: in MeV, shape that broadcasts with ``tau``, (n, 1).
        tau: depth over the depth of the mean shower's maximum, (n, k).

    Returns:
        The law with fields (n, k).
    """
    ln_e, z = np.log(energy / 1000.0), medium.z
    core = 0.0251 + 0.00319 * ln_e + (0.1162 - 0.000381 * z) * tau
    wide = np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0412 * ln_e) * (tau - 0.645))
    tail = (0.659 - 0.00309 * z) * wide
    bend = (0.401 + 0.00187 * z - tau) / (1.313 - 0.0686 * ln_e)
    share = (2.632 - 0.00094 * z) * np.exp(bend - np.exp(bend))
    if medium.is_sampling:
        inverse, transition = 1 / medium.sampling_frequency, 1 - medium.e_over_mip
        fading = inverse * np.exp(-tau)
        core = core - 0.0203 * transition + 0.0397 * fading
        tail = tail - 0.14 * transition - 0.495 * fading
        share = share + transition * (0.348 - 0.642 * inverse * np.exp(-np.square(tau - 1)))
    unit = medium.moliere_radius_mm
    return RadialLaw(unit * np.maximum(core, 0.01), unit * np.maximum(tail, 0.05), np.clip(share, 0, 1))


def cell_shares(grid: PolarGrid | CartesianGrid, law: RadialLaw) -> Floats:
    """Share of a depth's energy that falls in each cell, in closed form.

    Args:
        grid: the cells of a layer.
        law: fields (n,).

    Returns:
        Shares (n, n_cells); what is missing to 1 leaks out of the sides.
    """
    return _polar_shares(grid, law) if grid.kind == "polar" else _cartesian_shares(grid, law)


def _polar_shares(grid: PolarGrid, law: RadialLaw) -> Floats:
    column = RadialLaw(law.core[:, None], law.tail[:, None], law.core_share[:, None])
    rings = np.diff(column.contained(np.asarray(grid.r_edges)), axis=1)
    return np.tile(rings / grid.n_alpha, (1, grid.n_alpha))


def _cartesian_shares(grid: CartesianGrid, law: RadialLaw) -> Floats:
    x, y = np.asarray(grid.x_edges)[:, None], np.asarray(grid.y_edges)
    core, tail = (_corner(x, y, radius[:, None, None]) for radius in (law.core, law.tail))
    share = law.core_share[:, None, None]
    corners = share * core + (1 - share) * tail
    return np.diff(np.diff(corners, axis=1), axis=2).reshape(len(corners), grid.n_cells)


def _corner(x: Floats, y: Floats, radius: Floats) -> Floats:
    """Integral of R² / (pi (x² + y² + R²)²) over the rectangle from the axis to the corner (x, y), signed."""
    a, b = np.hypot(x, radius), np.hypot(y, radius)
    return np.asarray((x / a * np.arctan(y / a) + y / b * np.arctan(x / b)) / (2 * np.pi))
