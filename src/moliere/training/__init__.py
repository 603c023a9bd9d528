"""The loop, and what stands around it: recipes, batches, checkpoints, logs."""

from __future__ import annotations

from moliere.training.config import TrainingConfig
from moliere.training.fit import fit, prepare
from moliere.training.recipe import Recipe, load_recipe

__all__ = ["Recipe", "TrainingConfig", "fit", "load_recipe", "prepare"]
