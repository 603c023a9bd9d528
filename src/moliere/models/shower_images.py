"""What 3DGAN's networks see: signals as images of 51 × 51 × 25 cells, in its units and to a power."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from moliere.detectors import Calorimeter, Detector, PolarGrid
from moliere.errors import ConfigError
from moliere.models.networks.threedgan import SHAPE
from moliere.units import GeV

_UNIT = GeV / 50


@dataclass(frozen=True)
class ShowerImages:
    """Signals in MeV, over depth, x, y ⇄ images, over x, y, depth, in GeV / 50 to a power.

    Args:
        threshold: smaller signals are zero, in MeV.
        power: of what the networks see.
    """

    threshold: float
    power: float

    def from_signals(self, signals: Tensor) -> Tensor:
        """(n, 65025) → (n, 1, 51, 51, 25)."""
        x, y, depth = SHAPE
        blocks = self._cut(signals).view(-1, depth, x, y).permute(0, 2, 3, 1)
        return (blocks / _UNIT)[:, None] ** self.power

    def energies(self, images: Tensor) -> Tensor:
        """The power undone: (n, 1, 51, 51, 25) → (n, 51, 51, 25) in GeV / 50."""
        return images.squeeze(1) ** (1 / self.power)

    def to_signals(self, images: Tensor) -> Tensor:
        """(n, 1, 51, 51, 25) → (n, 65025)."""
        return self._cut((self.energies(images) * _UNIT).permute(0, 3, 1, 2).flatten(1))

    def _cut(self, signals: Tensor) -> Tensor:
        return torch.where(signals < self.threshold, 0, signals)


def check_shape(detector: Detector) -> Calorimeter:
    """Refuse what the networks' fixed sizes do not fit.

    Raises:
        ConfigError: a shape other than 51 × 51 × 25.
    """
    if not isinstance(detector, Calorimeter):
        raise ConfigError(f"3dgan needs a calorimeter, got {type(detector).__name__} {detector.name!r}")
    grids = detector.grids
    shapes = sorted({"polar" if isinstance(grid, PolarGrid) else "{} x {}".format(*grid.shape) for grid in grids})
    if len(grids) != SHAPE[2] or shapes != ["51 x 51"]:
        raise ConfigError(
            f"3dgan makes 25 layers of 51 x 51 cells, but {detector.name!r} has a shape other than 51×51×25: "
            f"{len(grids)} layers, {' and '.join(shapes)}; use another model or voxelise the events anew"
        )
    return detector
