"""The two-stage flow: what each layer holds, then how its cells share it."""

from __future__ import annotations

from moliere.models.flow.two_stage_flow import TwoStageFlow, TwoStageFlowConfig

__all__ = ["TwoStageFlow", "TwoStageFlowConfig"]
