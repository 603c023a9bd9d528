"""Events × events → numbers, with errors and floors; it never asks who made the events."""

from __future__ import annotations

from moliere.evaluation import findings
from moliere.evaluation.evaluate import evaluate
from moliere.evaluation.finding import CutFinding, Finding, Metric, Paper
from moliere.evaluation.result import Report

__all__ = ["CutFinding", "Finding", "Metric", "Paper", "Report", "evaluate", "findings"]
