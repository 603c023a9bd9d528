"""What 3DGAN's networks see: signals as images of 51 × 51 × 25 cells, in its units and to a power."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from moliere.detectors import Calorimeter, Detector, of_kind
from moliere.errors import ConfigError
from moliere.models.threedgan.networks import SHAPE
from moliere.units import GeV

#: the angle of an image without energy, as in the original
NO_ANGLE = 100.0
#: Keras's epsilon, which the original puts under the square root
_SMALLEST = 1e-7
#: share of an image's energy below which a layer does not count: its gradient grows as one over its energy
_FAINT = 1e-6


def measure_angle(images: Tensor, shifts: Tensor | None = None) -> Tensor:
    r"""Angles around π/2, tilted towards y.

    With (x_k, y_k) the barycentre of layer k, z_k = k + 1/2 and (x̄, ȳ, z̄) that of the whole image, in cells:

    .. math::
        m_k = \pm\frac{y_k - \bar y}{\sqrt{(x_k - \bar x)^2 + (z_k - \bar z)^2}}, \qquad
        \theta = \frac{\sum_k z_k (\pi/2 - \arctan m_k)}{\sum_k z_k}

    over layers with energy; minus where z_k < z̄. A layer in the barycentre itself counts as straight. Layers with less
    than a millionth of the image's energy do not count, where the original counts all that are not empty: each layer
    weighs the same, whatever its energy, and so the gradient of faint ones would drown all others.

    Args:
        images: energies (n, x, y, z), in any unit.
        shifts: of images in a sheared frame, how far each layer was moved, in cells along x and y: (n, z, 2).

    Returns:
        (n,) in rad; 100 for images without energy, with no gradient.

    References:
        Fast simulation of a high granularity calorimeter by generative adversarial networks, G. Khattak, 2022,
        https://arxiv.org/abs/2109.07388

    Example:
        >>> image = torch.zeros(1, 5, 5, 2)
        >>> image[0, 2, 1, 0] = image[0, 2, 2, 1] = 1.0  # one cell in y for one layer
        >>> round(math.degrees(measure_angle(image).item()))
        45
    """
    xz, yz = images.sum(2).double(), images.sum(1).double()  # differences of barycentres are small
    energy = xz.sum(1)
    z = _positions(energy)
    z_mean = _ratio((energy * z).sum(1), energy.sum(1))[:, None]
    moved = (None, None) if shifts is None else shifts.unbind(2)
    dx, dy = (_from_barycentre(plane, energy, shift) for plane, shift in zip((xz, yz), moved, strict=True))
    slope = dy / ((dx**2 + (z - z_mean) ** 2).clamp(min=_SMALLEST)).sqrt()
    angles = math.pi / 2 - torch.where(z < z_mean, -slope, slope).atan()
    weights = z * (energy > _FAINT * energy.sum(1, keepdim=True))
    measured = _ratio((weights * angles).sum(1), weights.sum(1))
    return torch.where(energy.sum(1) > 0, measured, NO_ANGLE).to(images.dtype)


def _from_barycentre(plane: Tensor, energy: Tensor, shift: Tensor | None) -> Tensor:
    """Distances of the layers' barycentres from the image's along one axis: (n, cells, z), (n, z) → (n, z)."""
    sums = (plane * _positions(plane[:, :, 0])[:, None]).sum(1)
    sums = sums if shift is None else sums + shift * energy
    return _ratio(sums, energy) - _ratio(sums.sum(1), energy.sum(1))[:, None]


def _positions(cells: Tensor) -> Tensor:
    """Middles of the cells of the last axis."""
    return torch.arange(cells.shape[-1], device=cells.device, dtype=cells.dtype) + 0.5


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """A quotient that is 0, without a gradient, where the divisor is 0; a plain ``where`` gives NaN as gradient."""
    there = whole > 0
    return torch.where(there, part, 0) / torch.where(there, whole, 1)


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
    detector = of_kind(detector, Calorimeter, "3dgan", ConfigError)
    grids = detector.grids
    shapes = sorted({"polar" if grid.kind == "polar" else "{} x {}".format(*grid.shape) for grid in grids})
    if len(grids) != SHAPE[2] or shapes != ["51 x 51"]:
        raise ConfigError(
            f"3dgan makes 25 layers of 51 x 51 cells, but {detector.name!r} has a shape other than 51×51×25: "
            f"{len(grids)} layers, {' and '.join(shapes)}; use another model or voxelise the events anew"
        )
    return detector
