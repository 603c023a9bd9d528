"""Directions of incident particles: angles as a barrel calorimeter is met in a collider, and vectors of the detector.

``theta`` is the polar angle from the beam line, which is the detector's y axis, and ``phi`` the azimuth around it. The
depth of the detector is z, so that pi/2 and 0 point straight in.
"""

from __future__ import annotations

import numpy as np

from moliere.detectors.base import Floats


def to_vectors(theta: Floats, phi: Floats) -> Floats:
    """Unit vectors (n, 3) from angles in rad, each (n,).

    Example:
        >>> to_vectors(np.radians([90.0, 60.0]), np.zeros(2)).round(3).tolist()
        [[0.0, 0.0, 1.0], [0.0, 0.5, 0.866]]
    """
    return np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], axis=1)


def to_angles(vectors: Floats) -> tuple[Floats, Floats]:
    """Angles theta and phi in rad, each (n,), of vectors (n, 3) of any length.

    Example:
        >>> theta, phi = to_angles(np.array([[0.0, 0.5, 0.866]]))
        >>> np.degrees(theta).round(2).tolist(), phi.tolist()
        ([60.0], [0.0])
    """
    x, y, z = vectors.T
    return np.arctan2(np.hypot(x, z), y), np.arctan2(x, z)
