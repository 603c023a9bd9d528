"""CaloGAN: adversarial networks for three segmented layers."""

from __future__ import annotations

from moliere.models.calogan.calogan import CaloGAN, CaloGANConfig

__all__ = ["CaloGAN", "CaloGANConfig"]
