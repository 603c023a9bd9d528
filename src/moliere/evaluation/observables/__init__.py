"""What is compared: registered plain functions from events to numbers, with labels and units."""

from __future__ import annotations

from moliere.evaluation.observables.base import Observable, Showers, observables, observe
from moliere.evaluation.observables.calorimeter import calochallenge_features, low_level_features
from moliere.registry import import_modules

__all__ = ["Observable", "Showers", "calochallenge_features", "low_level_features", "observables", "observe"]

import_modules(__name__, __path__)
