"""From signals back to what came in."""

from __future__ import annotations

from moliere.models.reconstruction.aixnet import AixNet, AixNetConfig
from moliere.models.reconstruction.constrainer import Constrainer, ConstrainerConfig

__all__ = ["AixNet", "AixNetConfig", "Constrainer", "ConstrainerConfig"]
