"""The refiner: an adversarial network that turns simulated traces into such as data have, without touching labels."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, Loss, Objective, Refiner, models
from moliere.models.energy_match import EnergyMatch
from moliere.models.networks.refinement import TraceCritic, TraceRefiner
from moliere.models.networks.trace_encoder import encode_triggered
from moliere.models.networks.wasserstein import critic_loss
from moliere.preprocess.traces import from_decades, surface_array, to_decades, to_traces

#: traces that are refined at once: more only take more memory
_AT_ONCE = 4_000


class TraceRefinerConfig(Config):
    """Settings of :class:`TraceRefinerGAN`; the refiner's defaults are the paper's, the critic is not published."""

    kind: Literal["trace-refiner"] = "trace-refiner"
    features: int = Field(default=64, ge=1, description="channels of the refiner's blocks; 16 are ten times faster")
    trigger: float | None = Field(
        default=None, ge=0, description="VEM; a refined station with a smaller total is silent; the data's by default"
    )
    penalty: float = Field(default=10.0, ge=0, description="weight of the gradient penalty")
    critic_steps: int = Field(default=5, ge=1, description="updates of the critic for each of the refiner")
    traces: int = Field(default=512, ge=1, description="of each sample that an update sees, drawn from the batch's")
    trace_channels: tuple[int, ...] = Field(default=(32, 32), description="of the critic's convolutions along time")
    critic_features: int = Field(default=32, ge=1, description="of a trace, in the critic")
    critic_width: int = Field(default=100, ge=1, description="of the critic's dense layers")


@models.register("trace-refiner")
class TraceRefinerGAN(Refiner):
    """A Wasserstein GAN whose generator gets simulated traces instead of noise.

    Four residual blocks of two convolutions along time, 7 bins and 64 channels each, and a last one of 1 × 1 refine
    every station by itself, in log10(1 + S). Only stations that have a signal are refined, and in the end those below
    the ``trigger``, the smallest total of the data's stations, are silenced; not in training, as a cut has no gradient:
    of stations that start below it nothing would be learned. The refiner starts as the identity. A critic tells refined
    from measured traces; see :class:`~moliere.models.networks.refinement.TraceCritic`.

    Simulation is the recipe's ``data.events``, data its ``data.second``. Both must have the same distribution of
    energies, or the refiner learns the difference; this is checked while it is trained. Every update sees some traces
    drawn at random from those of the batch: from many events, as those of one are alike.

    References:
        Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks,
        M. Erdmann, 2018, https://arxiv.org/abs/1802.03325
    """

    config_type: ClassVar[type[Config]] = TraceRefinerConfig
    citation: ClassVar[str] = "Erdmann et al. 2018, arXiv:1802.03325"

    def __init__(self, config: TraceRefinerConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.array = surface_array(context.detector, "trace-refiner")
        self.energies = EnergyMatch(context.columns.index("energy") if "energy" in context.columns else None)
        self.refiner = TraceRefiner(config.features)
        self.critic = TraceCritic(self.array.n_bins, config.trace_channels, config.critic_features, config.critic_width)
        self.register_buffer("trigger", torch.tensor(config.trigger or 0.0))

    trigger: Tensor

    def fit_transforms(self, batch: Batch) -> None:
        """The trigger, unless it is given: the smallest total signal of the data's stations that have one."""
        if self.settings.trigger is None and batch.second is not None:
            totals = to_traces(batch.second.signals, self.array).sum(dim=2)
            self.trigger.copy_(totals[totals > 0].min() if totals.any() else self.trigger)

    def objectives(self) -> tuple[Objective, ...]:
        """The critic first; then the refiner."""
        return (
            Objective("critic", self.critic.parameters, self._critic_loss, self.settings.critic_steps),
            Objective("refiner", self.refiner.parameters, self._refiner_loss),
        )

    @torch.no_grad()
    def refine(self, signals: Tensor, condition: Tensor) -> Tensor:
        """Signals in VEM → such as data have, whatever came in; NaN is silence."""
        del condition
        traces = from_decades(self._refine(to_decades(to_traces(signals, self.array))))
        kept = traces.sum(dim=2, keepdim=True) >= self.trigger
        return (traces * kept).flatten(1)

    def _critic_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, data = self._parts(batch, rng)
        with torch.no_grad():
            refined = self._refine_parts(simulation)
        return critic_loss(self.critic, data, refined, self.settings.penalty, rng)

    def _refiner_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, _ = self._parts(batch, rng)
        return Loss(-self.critic(self._refine_parts(simulation)).mean())

    def _parts(self, batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """As many traces of simulation and of data, drawn from the batch, in decades: (m, n_bins) each."""
        second = batch.second
        if second is None:
            raise ConfigError("trace-refiner learns from data beside the simulation; name their file in data.second")
        if self.training:
            self.energies.look(batch, second)
        parts = [self._triggered(part.signals) for part in (batch, second)]
        m = min(self.settings.traces, *map(len, parts))
        rows = [torch.randperm(len(part), generator=rng, device=rng.device)[:m] for part in parts]
        simulation, data = (to_decades(part[k.to(part.device)]) for part, k in zip(parts, rows, strict=True))
        return simulation, data

    def _triggered(self, signals: Tensor) -> Tensor:
        """(n, n_channels) → traces of the stations that have a signal (m, n_bins), both in VEM."""
        traces = to_traces(signals, self.array)
        return traces[traces.amax(dim=2) > 0]

    def _refine(self, traces: Tensor) -> Tensor:
        """Traces in decades (n, n_stations, n_bins) → of the same shape."""
        return encode_triggered(self._refine_parts, traces, traces.amax(dim=2) > 0, self.array.n_bins).to(traces.dtype)

    def _refine_parts(self, traces: Tensor) -> Tensor:
        """(m, n_bins) → of the same shape, in bounded memory."""
        return torch.cat([self.refiner(part) for part in traces.split(_AT_ONCE)])
