"""What is broken in a file, found before a model learns it: one pass over the signals, then checks on what was seen."""

from __future__ import annotations

from moliere.events.check.findings import CheckReport, Finding
from moliere.events.check.run import check_source, write_clean

__all__ = ["CheckReport", "Finding", "check_source", "write_clean"]
