"""Runs in a tracking service: settings, losses, figures, files; thin, and only where a user names one.

Who trains writes its numbers to whoever is listening (:func:`number`); outside of a tracked run that costs nothing.
"""

from __future__ import annotations

from moliere.tracking.runs import number, tracked
from moliere.tracking.trackers import Tracker, trackers

__all__ = ["Tracker", "number", "tracked", "trackers"]
