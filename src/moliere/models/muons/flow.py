"""Flow matching on a muon's columns, told how rare the muon shall be: what the muon GANs are held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config
from moliere.models.base import Batch, BuildContext, Latent, Loss, Objective, models
from moliere.models.muons.columns import QUANTITIES, Form, MuonColumns, fit_rareness
from moliere.models.muons.requests import Requests
from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.residual_mlp import ResidualMLP
from moliere.models.steering import SteeredModel, WiderHalfNormal
from moliere.preprocess import Rareness

#: of a correction of the requests: rounds, muons in each, muons at once, and the width of their rareness
_ROUNDS, _MUONS, _AT_ONCE, _WIDTH = 2, 50_000, 10_000, 1.5


class MuonFlowConfig(Config):
    """Settings of :class:`MuonFlow`."""

    kind: Literal["muon-flow"] = "muon-flow"
    form: Form = Field(default="polar", description="of the rows that the network sees, whatever the events' is")
    neighbours: int = Field(default=3, ge=1)
    reference: int = Field(default=10_000, ge=2, description="muons of each charge that distances are measured to")
    width: int = Field(default=96, ge=8)
    blocks: int = Field(default=3, ge=1, le=1_000)
    solver: Literal["euler", "midpoint", "heun", "rk4"] = "midpoint"
    steps: int = Field(default=12, ge=1, description="of the solver; 4 made a tenth too many of the rarest muons")
    correct: bool = Field(
        default=True,
        description="after the training, tell the flow what makes the rarest muons come as often as they should",
    )


@models.register("muon-flow")
class MuonFlow(SteeredModel):
    """Straight-path flow matching on columns that are made normal by their quantiles.

    Its condition is the charge, and how rare the muon is among those of its charge
    (:class:`~moliere.preprocess.Rareness` in r, z, pt and pz together, or their Cartesian form): a half-Gaussian number
    whatever the charge, so that both are drawn independently, and wider auxiliaries make more rare muons. Where a GAN's
    regressors only ask its generator for a rare muon, the flow has seen which muons have which rareness. After the
    training, what it is told is corrected (:class:`~moliere.models.muons.requests.Requests`).

    Unlike the GANs it learns the angles too, which in a real flux are not independent of each other. The latent is
    N(0, 1), one a column, then the charge, then the rareness.

    References:
        Flow Matching for Generative Modeling, Y. Lipman, 2022, https://arxiv.org/abs/2210.02747
    """

    config_type: ClassVar[type[Config]] = MuonFlowConfig
    citation: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747"

    def __init__(self, config: MuonFlowConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.ranges = MuonColumns(context.detector, config.form)
        names = self.ranges.names
        self.columns = MuonColumns(context.detector, config.form, names[1:])
        group = self.ranges.positions([name for quantity in QUANTITIES[config.form] for name in quantity])
        #: of positive muons, and of negative ones
        self.rareness = nn.ModuleList(Rareness([group], config.neighbours, config.reference) for _ in range(2))
        self.requests = Requests()
        self.velocity = ResidualMLP(len(names) - 1, 2, config.width, config.blocks)

    def fit_transforms(self, batch: Batch) -> None:
        """Ranges and quantiles of the columns, the share of positive muons, and rareness among muons of each charge."""
        self.columns.fit(batch.signals, batch.weights)
        self.ranges.fit(batch.signals, batch.weights)
        for rareness, alike in self._by_charge(self.ranges(batch.signals)):
            fit_rareness(rareness, self.ranges, batch[alike])

    @torch.no_grad()
    def calibrate(self, sample: Callable[[], Batch], rng: torch.Generator) -> None:
        """Correct what the flow is told by how rare the muons are that it makes."""
        del sample
        if not self.settings.correct:
            return
        for _ in range(_ROUNDS):
            none = torch.zeros(_MUONS, 0)
            latent, log_weights = self.draw_steered(none, rng, WiderHalfNormal(1, _WIDTH))
            made = [self.rareness_of(self.decode(part, none[: len(part)])) for part in latent.split(_AT_ONCE)]
            self.requests.correct(torch.cat(made)[:, 0].double().numpy(), log_weights.exp().numpy())

    def objectives(self) -> tuple[Objective, ...]:
        """The velocity."""
        return (Objective("flow", self.velocity.parameters, self._loss),)

    @property
    def latent(self) -> tuple[Latent, ...]:
        """N(0, 1), one a column, then the charge, then a half-Gaussian that says how rare the muon shall be."""
        return Latent(len(self.columns.names) - 1), self.columns.latent[0], Latent(1, "half-normal")

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """N(0, 1), then the charge, then the rareness; (n, 8)."""
        n = len(condition)
        noise = torch.randn(n, len(self.columns.names) - 1, generator=rng, device=rng.device)
        charge, rare = self.columns.draw_passed(n, rng)[:, :1], torch.randn(n, 1, generator=rng, device=rng.device)
        return torch.cat([noise, charge, rare.abs()], dim=1).to(condition.device)

    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent → row → muon in the detector's form."""
        del condition
        noise, charge, rare = latent[:, :-2], latent[:, -2:-1], latent[:, -1:]
        told = self._condition(charge, self.requests(rare))
        x = flow(self.velocity, noise, told, self.settings.solver, self.settings.steps)
        return self.columns.inverse(torch.cat([charge, x], dim=1))

    @property
    def auxiliaries(self) -> slice:
        """The last number of the latent."""
        return slice(-1, None)

    @property
    def n_auxiliaries(self) -> int:
        """One number of all columns."""
        return 1

    def rareness_of(self, signals: Tensor) -> Tensor:
        """Rareness among the muons of its charge that were trained on: (n, 7) → (n, 1)."""
        rows = self.ranges(signals)
        found: Tensor = rows.new_zeros(len(rows), 1)
        for rareness, alike in self._by_charge(rows):
            found[alike] = rareness(rows[alike])
        return found

    def _condition(self, charge: Tensor, rare: Tensor) -> Tensor:
        """Charge and rareness, (n, 2); rarer than any muon of the training is as rare as the rarest of them."""
        highest = torch.stack([rareness.highest for rareness in self._measures]).max()
        return torch.cat([charge, torch.minimum(rare, highest.to(rare))], dim=1)

    @property
    def _measures(self) -> list[Rareness]:
        return [rareness for rareness in self.rareness if isinstance(rareness, Rareness)]

    def _by_charge(self, rows: Tensor) -> list[tuple[Rareness, Tensor]]:
        """The measure of each charge that there is, and which of the rows it is for, (n,)."""
        positive = rows[:, 0] > 0
        pairs = zip(self._measures, (positive, ~positive), strict=True)
        return [(rareness, alike) for rareness, alike in pairs if alike.any()]

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        rows = self.columns(batch.signals)
        told = self._condition(rows[:, :1], self.rareness_of(batch.signals))
        return Loss(flow_matching_loss(self.velocity, rows[:, 1:], rng, told))
