"""Events × events → numbers, with errors and floors; it never asks who made the events."""

from __future__ import annotations

from moliere.evaluation.evaluate import evaluate
from moliere.evaluation.result import Report

__all__ = ["Report", "evaluate"]
