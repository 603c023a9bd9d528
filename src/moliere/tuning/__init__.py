"""Search for the settings of a recipe: trials are trained and judged by the evaluation's own figures."""

from __future__ import annotations

from moliere.tuning.study import Trial
from moliere.tuning.tune import Tuned, tune

__all__ = ["Trial", "Tuned", "tune"]
