"""How much air lies above a height: CORSIKA's atmosphere 17, the US standard after Keilhauer.

Four layers with X(h) = a + b exp(-h / c), and a fifth where X falls linearly to zero; vertical depths in g/cm². Along a
shower of zenith angle theta the depth is X / cos(theta): the Earth is flat here.

References:
    "Extensive Air Shower Simulation with CORSIKA: A User's Guide", D. Heck and T. Pierog, appendix on atmospheric
    models, https://www.iap.kit.edu/corsika/
"""

from __future__ import annotations

import numpy as np

from moliere.detectors.base import Floats
from moliere.units import cm, m

#: height above sea level in mm where the air ends
TOP = 112_829.2 * m

_A = np.array([-149.801663, -57.932486, 0.63631894, 4.35453690e-4, 0.01128292])
_B = np.array([1183.6071, 1143.0425, 1322.9748, 655.67307, 1.0])
_C = np.array([954248.34, 800005.34, 629568.93, 737521.77, 1e9]) * cm
#: lower ends of the layers above the first
_HEIGHTS = np.array([7e3, 11.4e3, 37e3, 100e3]) * m
_LINEAR = 4


def vertical_depth(height: Floats) -> Floats:
    """Mass of air above a height.

    Args:
        height: above sea level in mm, of any shape.

    Returns:
        In g/cm², of the same shape; 0 above the atmosphere.

    Example:
        >>> vertical_depth(np.array([0.0, 1400e3, 200e6])).round(1).tolist()
        [1033.8, 872.3, 0.0]
    """
    layer = np.searchsorted(_HEIGHTS, height, side="right")
    a, b, c = _A[layer], _B[layer], _C[layer]
    depth = np.where(layer == _LINEAR, a - b * height / c, a + b * np.exp(-height / c))
    return np.where(height < TOP, depth, 0.0)


def height_at(depth: Floats) -> Floats:
    """Height above which so much air lies; the inverse of :func:`vertical_depth`.

    Args:
        depth: in g/cm², of any shape.

    Returns:
        Above sea level in mm, of the same shape; the top of the atmosphere for depths of 0 and less.

    Example:
        >>> (height_at(np.array([872.3, 0.0])) / 1e6).round(2).tolist()
        [1.4, 112.83]
    """
    # depths fall while heights rise
    layer = _LINEAR - np.searchsorted(_DEPTHS[::-1], depth, side="left")
    a, b, c = _A[layer], _B[layer], _C[layer]
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.where(layer == _LINEAR, (a - depth) / b * c, -c * np.log((depth - a) / b))
    return np.where(depth > 0, height, TOP)


_DEPTHS = vertical_depth(_HEIGHTS)
