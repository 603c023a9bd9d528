"""Events × events → numbers, with errors and floors; it never asks who made the events."""

from __future__ import annotations

from moliere.evaluation import findings
from moliere.evaluation.evaluate import evaluate
from moliere.evaluation.finding import Finding, Metric, Paper
from moliere.evaluation.result import Report

__all__ = ["Finding", "Metric", "Paper", "Report", "evaluate", "findings"]
