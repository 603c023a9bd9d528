"""How events are compared, by the kind of their detector, so that nobody has to choose."""

from __future__ import annotations

from moliere.evaluation.suites import calorimeter, phase_space, surface_array
from moliere.evaluation.suites.base import Kept, Suite, find_suite, suites

__all__ = ["Kept", "Suite", "calorimeter", "find_suite", "phase_space", "suites", "surface_array"]
