"""SHiP's beam dump as far as muons see it: a target in which protons interact, then an iron absorber.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

import numpy as np

from moliere.detectors.base import Floats
from moliere.units import cm

#: energy of the protons, in MeV
BEAM_ENERGY = 400e3
#: first and last place along the beam where a muon of the published flux starts, in mm
FRONT, BACK = -7084.922 * cm, -6460.765 * cm

#: nuclear interaction lengths of the target's molybdenum, in mm, for protons and for pions and kaons
PROTON_LENGTH, MESON_LENGTH = 153.0, 183.0
#: nucleons that one proton could hit within an interaction length of molybdenum, per mb: N_A ρ λ · 1e-27
NUCLEONS_PER_MILLIBARN = 6.02214e23 * 10.22 * (PROTON_LENGTH / cm) * 1e-27
#: share of neutrons among the nucleons of molybdenum
NEUTRON_SHARE = 54 / 96

#: the beam is swept over the target on a ring of this radius and width, in mm
RING_RADIUS, RING_WIDTH = 5.0 * cm, 0.8 * cm


def interaction_depths(n: int, rng: np.random.Generator) -> Floats:
    """Where n protons interact: z in mm, (n,), exponential from the front of the target and within the dump."""
    inside = -np.expm1(-(BACK - FRONT) / PROTON_LENGTH)
    depths: Floats = FRONT - PROTON_LENGTH * np.log1p(-inside * rng.random(n))
    return depths


def ring_offsets(n: int, rng: np.random.Generator) -> Floats:
    """Where n protons hit the target: x and y in mm, (n, 2), on a ring of radius 50 ± 8 mm.

    Example:
        >>> offsets = ring_offsets(10_000, np.random.default_rng(0))
        >>> bool(abs(np.hypot(*offsets.T).mean() - 50) < 0.5)
        True
    """
    radius, angle = rng.normal(RING_RADIUS, RING_WIDTH, n), rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def start_points(paths: Floats, directions: Floats, rng: np.random.Generator) -> Floats:
    """Where muons start: the interaction point of a proton, and from there a parent's path.

    Args:
        paths: that parents fly, in mm, (n,); 0 for prompt muons.
        directions: of the parents, unit vectors, (n, 3).
        rng: source of randomness.

    Returns:
        x, y, z in mm, (n, 3).
    """
    n = len(paths)
    vertex = np.column_stack([ring_offsets(n, rng), interaction_depths(n, rng)])
    return np.asarray(vertex + paths[:, None] * directions)
