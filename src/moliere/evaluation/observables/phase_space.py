"""Observables of a particle flux: its columns, and momentum, transverse momentum and angle made of them.

References:
    Fast simulation of muons produced at the SHiP experiment using Generative Adversarial Networks, C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import PhaseSpace
from moliere.detectors.base import Floats

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
    columns = {
        column.name: (column.name, column.unit, "momentum" if column.unit == "MeV" else "position")
        for column in detector.columns
    }
    has_momentum = any(columns.keys() >= set(form) for form in _FORMS)
    return columns | {name: words for name, words in _MOMENTUM.items() if has_momentum and name not in columns}


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
