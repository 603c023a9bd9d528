"""The loop, and what stands around it: recipes, batches, checkpoints, logs."""

from __future__ import annotations

from moliere.training.config import TrainingConfig
from moliere.training.fit import fit, prepare
from moliere.training.recipe import Recipe, load_recipe
from moliere.training.selection import Judge

__all__ = ["Judge", "Recipe", "TrainingConfig", "fit", "load_recipe", "prepare"]
