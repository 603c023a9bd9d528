"""Observables of a particle flux: its columns, momentum and angle, and where muons end up behind a magnetised shield.

A muon crosses a block of iron in a uniform vertical field and flies on to a plane. Only bending is computed, in closed
form; what the iron takes and scatters is left out, as it is the same for both samples.

References:
    Fast simulation of muons produced at the SHiP experiment using Generative Adversarial Networks, C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import PhaseSpace
from moliere.detectors.base import Floats
from moliere.detectors.phase_space import Column
from moliere.units import c_light, m, tesla

#: name → label, unit and group; ``theta`` would be taken: in the polar form it is the azimuth of the position
_MOMENTUM = {
    "p": ("momentum", "MeV", "momentum"),
    "pt": ("transverse momentum", "MeV", "momentum"),
    "polar_angle": ("angle of the momentum to the z axis", "rad", "momentum"),
}
#: columns that each of these can be made of
_FORMS = (("px", "py", "pz"), ("pt", "pz"))
#: Cartesian pairs → polar ones
_PLANES = {("x", "y"): ("r", "theta"), ("px", "py"): ("pt", "theta_pt")}
_POLAR = ("charge", "r", "theta", "z", "pt", "theta_pt", "pz")


def labels(detector: PhaseSpace) -> dict[str, tuple[str, str, str]]:
    """Name → label, unit and group of what :func:`kinematics` returns, in its order.

    Example:
        >>> from moliere.detectors import catalog
        >>> list(labels(catalog.get("ship-muons")))
        ['charge', 'x', 'y', 'z', 'px', 'py', 'pz', 'p', 'pt', 'polar_angle']
    """
    columns = {column.name: (column.name, column.unit, _group(column)) for column in detector.columns}
    has_momentum = any(columns.keys() >= set(form) for form in _FORMS)
    return columns | {name: words for name, words in _MOMENTUM.items() if has_momentum and name not in columns}


def _group(column: Column) -> str:
    """Where a column belongs on the page."""
    return "particle" if column.name == "charge" else "momentum" if column.unit == "MeV" else "position"


def kinematics(detector: PhaseSpace, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """Every column, and the momentum p, pt and the polar angle atan2(pt, pz) where there are px, py, pz or pt, pz.

    A quantity that is a column already is not computed again.

    Args:
        detector: the columns, momenta in MeV.
        signals: (n, n_channels).

    Returns:
        Name → (n,), in the columns' units, MeV and rad.
    """
    columns = {column.name: signals[:, k].astype(np.float64) for k, column in enumerate(detector.columns)}
    everything = _momentum(columns) | columns
    return {name: everything[name] for name in labels(detector)}


def _momentum(columns: dict[str, Floats]) -> dict[str, Floats]:
    """Nothing where the columns do not say it."""
    cartesian, polar = (all(name in columns for name in form) for form in _FORMS)
    if not cartesian and not polar:
        return {}
    pt = np.hypot(columns["px"], columns["py"]) if cartesian else columns["pt"]
    return {"p": np.hypot(pt, columns["pz"]), "pt": pt, "polar_angle": np.arctan2(pt, columns["pz"])}


def polar_columns(detector: PhaseSpace, signals: NDArray[np.float32]) -> dict[str, Floats]:
    """Charge, r, theta, z, pt, theta_pt and pz, as far as the columns say them: what muons are judged in.

    Angles run from the y axis, as in the published data; in the Cartesian form they are computed.

    Args:
        detector: the columns.
        signals: (n, n_channels).

    Returns:
        Name → (n,).
    """
    found = {column.name: signals[:, k].astype(np.float64) for k, column in enumerate(detector.columns)}
    for (x, y), (radius, azimuth) in _PLANES.items():
        if {x, y} <= found.keys():
            found |= {radius: np.hypot(found[x], found[y]), azimuth: np.arctan2(found[x], found[y])}
    return {name: found[name] for name in _POLAR if name in found}


#: a muon that turns back inside of the field is taken to leave it almost along the plane, which it then misses by far
_STEEPEST = 0.999


@dataclass(frozen=True)
class Shield:
    """A block with a uniform vertical field, and a detector plane behind it; lengths in mm from the muon's start.

    Args:
        field: along y, in moliere's units of the field.
        length: of the block along z.
        drift: from its end to the plane.
        half_width: of the detector along x.
        half_height: of the detector along y.
    """

    field: float = 1.6 * tesla
    length: float = 5 * m
    drift: float = 25 * m
    half_width: float = 2.5 * m
    half_height: float = 5 * m

    def cross(self, charge: Floats, position: Floats, momentum: Floats) -> tuple[Floats, Floats]:
        r"""Where muons meet the plane.

        In the field they move on a circle of radius :math:`R = p_{xz} / (q c B)` in the horizontal plane and with
        constant velocity along y. With :math:`s = p_x / p_{xz}` before and :math:`s' = s - L / R` behind the block,

        .. math:: \Delta x = R (\cos\alpha' - \cos\alpha) + D \tan\alpha', \quad
            \Delta y = \frac{p_y}{p_{xz}} \left(R (\alpha - \alpha') + \frac{D}{\cos\alpha'}\right),
            \quad \alpha = \arcsin s

        Args:
            charge: ±1, (n,).
            position: x and y in mm, (n, 2).
            momentum: px, py and pz in MeV, (n, 3); pz above 0.

        Returns:
            x and y in mm, (n,) each.
        """
        px, py, pz = momentum.T
        bent = np.hypot(px, pz)
        radius = bent / (charge * c_light * self.field)
        before = np.arctan2(px, pz)
        after = np.arcsin(np.clip(np.sin(before) - self.length / radius, -_STEEPEST, _STEEPEST))
        x = position[:, 0] + radius * (np.cos(after) - np.cos(before)) + self.drift * np.tan(after)
        y = position[:, 1] + py / bent * (radius * (before - after) + self.drift / np.cos(after))
        return x, y

    def is_hit(self, x: Floats, y: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether muons at these places hit the detector, (n,)."""
        hit: np.ndarray[tuple[int], np.dtype[np.bool_]] = (np.abs(x) < self.half_width) & (np.abs(y) < self.half_height)
        return hit


#: about the magnetised absorber in front of SHiP's shield, and its detector 30 m from the target
SHIP = Shield()

#: name → label and unit of what :func:`behind_shield` returns
SHIELD_LABELS = MappingProxyType({"shield_x": ("x behind the shield", "mm"), "shield_y": ("y behind the shield", "mm")})
_NEEDED = ("charge", "r", "theta", "pt", "theta_pt", "pz")


def behind_shield(polar: dict[str, Floats], shield: Shield = SHIP) -> dict[str, Floats]:
    """Where muons meet the detector's plane; nothing where the columns do not say how they fly.

    Args:
        polar: from :func:`~moliere.evaluation.observables.phase_space.polar_columns`.
        shield: what they cross.
    """
    if any(name not in polar for name in _NEEDED):
        return {}
    charge, r, theta, pt, theta_pt, pz = (polar[name] for name in _NEEDED)
    position = np.stack([r * np.sin(theta), r * np.cos(theta)], axis=1)
    momentum = np.stack([pt * np.sin(theta_pt), pt * np.cos(theta_pt), pz], axis=1)
    x, y = shield.cross(charge, position, momentum)
    return {"shield_x": x, "shield_y": y}
