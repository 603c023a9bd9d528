"""Mean showers by incident energy and angle, seen from three sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Calorimeter
from moliere.detectors.base import Floats
from moliere.evaluation.finding import Finding, Paper, findings
from moliere.evaluation.findings.examples import short
from moliere.evaluation.samples import Samples
from moliere.evaluation.suites import Kept

#: from the front over (x, y), from above over (z, x), from the side over (z, y), each flattened, in MeV
Sides = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]

#: ranges of the energy, and the share of the angles' range that each of three bins takes: both ends and the middle
_ENERGIES, _SHARE = 2, 1 / 6
#: narrower ranges of angles are not divided, in rad; and fewer events of either sample have no mean shower
_NARROWEST, _FEWEST = 0.1, 5


@dataclass(frozen=True)
class InclinedShower:
    """The mean shower of some energies and angles.

    Args:
        energy: lowest and highest, in MeV.
        theta: lowest and highest, in rad.
        n_reference: events of the reference.
        n_generated: events of the generated sample.
        reference: its mean energy on three planes.
        generated: the same of the generated sample.
    """

    energy: tuple[float, float]
    theta: tuple[float, float]
    n_reference: int
    n_generated: int
    reference: Sides
    generated: Sides


@findings.register("inclined-showers")
@dataclass(frozen=True)
class InclinedShowers(Finding):
    """Mean showers at low and high energies, at the smallest, the middle and the largest angles.

    Args:
        showers: by energy, then by angle.
    """

    showers: tuple[InclinedShower, ...]
    title = "Average showers by energy and angle"
    place = 37
    citations = (
        Paper(
            "projections of mean showers by energy and angle",
            "Fast simulation of a high granularity calorimeter by generative adversarial networks",
            "G. Khattak",
            2022,
            "https://arxiv.org/abs/2109.07388",
        ),
    )

    @classmethod
    def look(cls, samples: Samples) -> InclinedShowers | None:
        """Where both samples have angles, and all layers the same rows and columns."""
        one, other = samples.reference.kept, samples.generated.kept
        theta = one.theta
        if theta is None or other.theta is None or not _is_block(one.detector) or not samples.mean_bins:
            return None
        if np.ptp(theta) < _NARROWEST:
            return None
        energies = pairwise(np.geomspace(one.scale.min(), one.scale.max(), _ENERGIES + 1).tolist())
        bins = [(energy, angle) for energy in energies for angle in _angles(theta)]
        showers = tuple(_showers(one, other, bins))
        return cls(showers) if showers else None


def _is_block(detector: object) -> bool:
    return isinstance(detector, Calorimeter) and detector.is_regular and detector.grids[0].kind == "cartesian"


def _angles(theta: Floats) -> list[tuple[float, float]]:
    """Both ends of the range and its middle."""
    low, high = float(theta.min()), float(theta.max())
    width = _SHARE * (high - low)
    starts = low, (low + high - width) / 2, high - width
    return [(start, start + width) for start in starts]


def _showers(
    one: Kept, other: Kept, bins: Sequence[tuple[tuple[float, float], tuple[float, float]]]
) -> Iterator[InclinedShower]:
    for energy, theta in bins:
        rows = [_inside(kept, energy, theta) for kept in (one, other)]
        counts = [int(np.count_nonzero(inside)) for inside in rows]
        if min(counts) >= _FEWEST:
            sides = [
                _sides(kept.detector, kept.signals[inside]) for kept, inside in zip((one, other), rows, strict=True)
            ]
            yield InclinedShower(energy, theta, counts[0], counts[1], sides[0], sides[1])


def _inside(kept: Kept, energy: tuple[float, float], theta: tuple[float, float]) -> NDArray[np.bool_]:
    angle = kept.scale * np.nan if kept.theta is None else kept.theta
    inside: NDArray[np.bool_] = (kept.scale >= energy[0]) & (kept.scale <= energy[1])
    return inside & (angle >= theta[0]) & (angle <= theta[1])


def _sides(detector: Calorimeter, signals: NDArray[np.float32]) -> Sides:
    """The mean shower's energy on three planes."""
    block = detector.grid(signals.mean(axis=0, dtype=np.float64)[None])[0]
    front, above, side = (block.sum(axis=axis) for axis in (0, 2, 1))
    return short(front.ravel()), short(above.ravel()), short(side.ravel())
