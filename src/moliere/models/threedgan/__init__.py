"""3DGAN: adversarial networks for a block of 51 × 51 × 25 cells."""

from __future__ import annotations

from moliere.models.threedgan.threedgan import ThreeDGan, ThreeDGanConfig

__all__ = ["ThreeDGan", "ThreeDGanConfig"]
