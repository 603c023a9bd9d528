"""The refiner: an adversarial network that makes simulated traces look like measured ones, without touching labels."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.models.airshower.refinement import TotalsCritic, TraceCritic, TraceRefiner
from moliere.models.airshower.trace_encoder import encode_triggered
from moliere.models.airshower.wasserstein import critic_loss
from moliere.models.base import SECOND, Batch, BuildContext, Loss, Objective, Refiner, models
from moliere.preprocess.traces import (
    Roughness,
    from_decades,
    surface_array,
    to_decades,
    to_traces,
    total_decades,
)

#: traces that are refined at once: more only take more memory
_AT_ONCE = 4_000
#: stations of an event whose totals are judged together
_BRIGHTEST = 20


class TraceRefinerConfig(Config):
    """Settings of :class:`TraceRefinerGAN`; the refiner's defaults are the paper's, the critic is not published."""

    kind: Literal["trace-refiner"] = "trace-refiner"
    features: int = Field(default=64, ge=1, description="channels of the refiner's blocks; 16 are ten times faster")
    trigger: float | None = Field(
        default=None, ge=0, description="VEM; a refined station with a smaller total is silent; the data's by default"
    )
    penalty: float = Field(default=10.0, ge=0, description="weight of the gradient penalty")
    critic_steps: int = Field(default=5, ge=1, description="updates of the critic for each of the refiner")
    events: int = Field(default=40, ge=1, description="of each sample that an update sees, drawn from the batch")
    roughness: float = Field(default=0.5, ge=0, description="weight of the traces' roughness beside their signals")
    totals_weight: float = Field(
        default=2.0, ge=0, description="of what a second critic makes of the total signals of an event's stations"
    )
    trace_channels: tuple[int, ...] = Field(default=(32, 32), description="of the critic's convolutions along time")
    critic_features: int = Field(default=32, ge=1, description="of a trace, in the critic")
    critic_width: int = Field(default=100, ge=1, description="of the critic's dense layers")


@models.register("trace-refiner")
class TraceRefinerGAN(Refiner):
    """A Wasserstein GAN whose generator gets simulated traces instead of noise.

    Four residual blocks of two convolutions along time, 7 bins and 64 channels each, and a last one of 1 × 1 refine
    every station by itself, in log10(1 + S). Only stations that have a signal are refined, and in the end those below
    the ``trigger``, the smallest total of the data's stations, are silenced. They are not silenced in training: a cut
    has no gradient, and the refiner could not learn from stations that start below it. The refiner starts as the
    identity.

    Two critics tell refined from measured showers: one by single traces, one by the totals of an event's stations; see
    :class:`~moliere.models.airshower.refinement.TraceCritic` and ``TotalsCritic``. The first is shown the brightest
    refined traces, as many an event as data have. If it saw all, and the simulation had three percent more stations
    above its trigger, all would have to be brighter than the data's: stations are as common as their signal to the
    power of -0.4, and a reconstruction would read seven percent too little.

    Simulation is the recipe's ``data.events``, data its ``data.second``. Both must have the same distribution of
    energies, or the refiner learns the difference; this is checked before it is trained.

    Differences to the publication, as far as it says: its critic is not published, so that both critics here are ours,
    as are the start as the identity and the cut at the trigger. How its first block adds one channel to 64 is not said;
    here the one is added to each.

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
        self.refiner = TraceRefiner(config.features)
        self.roughness = Roughness(config.roughness)
        self.critic = TraceCritic(self.array.n_bins, config.trace_channels, config.critic_features, config.critic_width)
        self.totals_critic = TotalsCritic(min(_BRIGHTEST, self.array.n_stations))
        self.register_buffer("trigger", torch.tensor(config.trigger or 0.0))
        self.register_buffer("share", torch.ones(()))

    trigger: Tensor
    share: Tensor

    def fit_transforms(self, batch: Batch) -> None:
        """Measure the data: the trigger, the number of stations in an event, and the roughness of traces.

        The trigger, unless it is given, is the smallest total signal of the data's stations that have one.
        """
        if SECOND not in batch.extras:
            return
        measured = batch.extras[SECOND]
        simulation, data = (_triggered(to_traces(signals, self.array)) for signals in (batch.signals, measured))
        if len(simulation) == 0 or len(data) == 0:
            return
        if self.settings.trigger is None:
            self.trigger.copy_(data.sum(dim=1).min())
        self.share.fill_(len(data) / len(measured) / (len(simulation) / len(batch)))
        self.roughness.fit(to_decades(data))

    def objectives(self) -> tuple[Objective, ...]:
        """The critics first; then the refiner."""
        return (
            Objective("critic", self._critic_parameters, self._critic_loss, self.settings.critic_steps),
            Objective("refiner", self.refiner.parameters, self._refiner_loss),
        )

    def _critic_parameters(self) -> list[nn.Parameter]:
        return [*self.critic.parameters(), *self.totals_critic.parameters()]

    @torch.no_grad()
    def refine(self, signals: Tensor, condition: Tensor) -> Tensor:
        """Signals in VEM → signals as in data; NaN marks a silent station."""
        del condition
        traces = from_decades(self._refine(to_decades(to_traces(signals, self.array))))
        kept = traces.sum(dim=2, keepdim=True) >= self.trigger
        return (traces * kept).flatten(1)

    def _critic_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, data = self._parts(batch, rng)
        with torch.no_grad():
            refined = self._refine(simulation)
        one, other = self._as_many(_triggered(data), _triggered(refined), rng)
        traces = critic_loss(self.critic, self._seen(one), self._seen(other), self.settings.penalty, rng)
        if not self.settings.totals_weight:
            return traces
        totals = critic_loss(self.totals_critic, self._totals(data), self._totals(refined), self.settings.penalty, rng)
        return Loss(traces.total + totals.total, {**traces.terms, "totals": totals.terms["distance"]})

    def _refiner_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, _ = self._parts(batch, rng)
        refined = self._refine(simulation)
        loss = -self.critic(self._seen(self._comparable(_triggered(refined)))).mean()
        if self.settings.totals_weight:
            loss = loss - self.settings.totals_weight * self.totals_critic(self._totals(refined)).mean()
        return Loss(loss)

    def _parts(self, batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some events of simulation and as many of data, in decades: (n, n_stations, n_bins) each."""
        if SECOND not in batch.extras:
            raise ConfigError("trace-refiner learns from data beside the simulation; name their file in data.second")
        samples = batch.signals, batch.extras[SECOND]
        n = min(self.settings.events, *map(len, samples))
        rows = [torch.randperm(len(part), generator=rng, device=rng.device)[:n] for part in samples]
        simulation, data = (
            to_decades(to_traces(part[k.to(part.device)], self.array)) for part, k in zip(samples, rows, strict=True)
        )
        return simulation, data

    def _comparable(self, refined: Tensor) -> Tensor:
        """As many refined traces (m, n_bins) as data have in as many events; the simulation may have more."""
        return _brightest(refined, min(1.0, float(self.share)) * len(refined))

    def _as_many(self, data: Tensor, refined: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The brightest of both, as a penalty between them needs as many of each, in random order."""
        refined = self._comparable(refined)
        data = _brightest(data, len(data) / max(1.0, float(self.share)))
        m = min(len(data), len(refined))
        one, other = (
            part[torch.randperm(len(part), generator=rng, device=rng.device)[:m].to(part.device)]
            for part in (data, refined)
        )
        return one, other

    def _seen(self, traces: Tensor) -> Tensor:
        """Traces in decades (m, n_bins) as the critic sees them, (m, 2, n_bins)."""
        return torch.stack([traces, self.roughness(traces)], dim=1)

    def _totals(self, traces: Tensor) -> Tensor:
        """Decades of the totals above the trigger, 0 of silent stations, (n, n_stations)."""
        above: Tensor = total_decades(traces).squeeze(2) - to_decades(self.trigger)
        return above.relu()

    def _refine(self, traces: Tensor) -> Tensor:
        """Traces in decades (n, n_stations, n_bins) → of the same shape."""
        return encode_triggered(self._refine_parts, traces, traces.amax(dim=2) > 0, self.array.n_bins).to(traces.dtype)

    def _refine_parts(self, traces: Tensor) -> Tensor:
        """(m, n_bins) → of the same shape, in bounded memory."""
        if torch.compiler.is_compiling():  # an exported graph has no loop over events
            refined: Tensor = self.refiner(traces)
            return refined
        return torch.cat([self.refiner(part) for part in traces.split(_AT_ONCE)])


def _brightest(traces: Tensor, n: float) -> Tensor:
    """About n randomly chosen traces in decades, (m, n_bins)."""
    kept = max(1, round(n))
    return traces[total_decades(traces.detach())[:, 0].topk(kept).indices] if kept < len(traces) else traces


def _triggered(traces: Tensor) -> Tensor:
    """(n, n_stations, n_bins) → traces of the stations that have a signal, (m, n_bins)."""
    return traces[traces.amax(dim=2) > 0]
