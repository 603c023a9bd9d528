"""What others see: figures, a page that opens anywhere, and pictures of detectors and events."""

from __future__ import annotations

from moliere.report.detector_picture import save_picture
from moliere.report.html import write_report

__all__ = ["save_picture", "write_report"]
