"""The hierarchical variational autoencoder and its Boltzmann prior."""

from __future__ import annotations

from moliere.models.boltzmann_vae.hierarchical_vae import HierarchicalVAE, HierarchicalVAEConfig

__all__ = ["HierarchicalVAE", "HierarchicalVAEConfig"]
