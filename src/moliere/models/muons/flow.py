"""Flow matching on a muon's columns: the modern yardstick for the muon GANs."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from moliere.config import Config
from moliere.models.base import Batch, BuildContext, GenerativeModel, Latent, Loss, Objective, models
from moliere.models.muons.columns import Form, MuonColumns
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.residual_mlp import ResidualMLP


class MuonFlowConfig(Config):
    """Settings of :class:`MuonFlow`."""

    kind: Literal["muon-flow"] = "muon-flow"
    form: Form = Field(default="polar", description="of the rows that the network sees, whatever the events' is")
    width: int = Field(default=96, ge=8)
    blocks: int = Field(default=3, ge=1, le=1_000)
    solver: Literal["euler", "midpoint", "heun", "rk4"] = "midpoint"
    steps: int = Field(default=4, ge=1)


@models.register("muon-flow")
class MuonFlow(GenerativeModel):
    """Straight-path flow matching on columns that are made normal by their quantiles; the charge is the condition.

    Unlike the GANs it learns the angles too, which in a real flux are not independent of each other. The latent is
    N(0, 1), one a column, then the charge.

    References:
        Flow Matching for Generative Modeling, Y. Lipman, 2022, https://arxiv.org/abs/2210.02747
    """

    config_type: ClassVar[type[Config]] = MuonFlowConfig
    citation: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747"

    def __init__(self, config: MuonFlowConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        names = MuonColumns(context.detector, config.form).names
        self.columns = MuonColumns(context.detector, config.form, names[1:])
        self.velocity = ResidualMLP(len(names) - 1, 1, config.width, config.blocks)

    def fit_transforms(self, batch: Batch) -> None:
        """Ranges and quantiles of the columns, and the share of positive muons."""
        self.columns.fit(batch.signals, batch.weights)

    def objectives(self) -> tuple[Objective, ...]:
        """The velocity."""
        return (Objective("flow", self.velocity.parameters, self._loss),)

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1), one a column, then the charge."""
        return Latent(len(self.columns.names) - 1), self.columns.latent[0]

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """N(0, 1), then the charge; (n, 7)."""
        n = len(condition)
        noise = torch.randn(n, len(self.columns.names) - 1, generator=rng, device=rng.device)
        return torch.cat([noise, self.columns.draw_passed(n, rng)[:, :1]], dim=1).to(condition.device)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → row → muon in the detector's form."""
        del condition
        noise, charge = latent[:, :-1], latent[:, -1:]
        x = flow(self.velocity, noise, charge, self.settings.solver, self.settings.steps)
        return self.columns.inverse(torch.cat([charge, x], dim=1))

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        rows = self.columns(batch.signals)
        return Loss(flow_matching_loss(self.velocity, rows[:, 1:], rng, rows[:, :1]))
