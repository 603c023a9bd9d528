"""Pipelines: a file of steps, of which only what changed runs again."""

from __future__ import annotations

from moliere.pipelines.manifest import Records
from moliere.pipelines.pipeline import Pipeline, Step
from moliere.pipelines.reading import load_pipeline
from moliere.pipelines.run import Planned, plan, run
from moliere.pipelines.verbs import ROLES, Option, Verb

__all__ = ["ROLES", "Option", "Pipeline", "Planned", "Records", "Step", "Verb", "load_pipeline", "plan", "run"]
