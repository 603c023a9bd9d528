"""How events are compared, by the kind of their detector, so that nobody has to choose."""

from __future__ import annotations

from moliere.evaluation.suites.base import Kept, Suite, find_suite, suites
from moliere.registry import import_modules

__all__ = ["Kept", "Suite", "find_suite", "suites"]

import_modules(__name__, __path__)
