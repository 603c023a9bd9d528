"""The refiner: an adversarial network that makes simulated traces look like measured ones, without touching labels."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from moliere.config import Config
from moliere.errors import ConfigError
from moliere.events.events import ARRIVAL_TIMES
from moliere.models.airshower.refinement import TotalsCritic, TraceCritic, TraceRefiner
from moliere.models.airshower.surroundings import Surroundings
from moliere.models.airshower.time_scatter import TimeScatter
from moliere.models.airshower.trace_encoder import encode_triggered
from moliere.models.airshower.wasserstein import critic_loss
from moliere.models.base import SECOND, Batch, BuildContext, Latent, Loss, Objective, Refiner, models
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
#: the size of an event is the sum of its signals in decades from the third to the eighth brightest: it tells the energy
#: to 15 %; the brightest depend on where between the stations the shower fell
_SIZED = slice(2, 8)
#: events of neighbouring ranks whose mean sizes are compared
_NEIGHBOURS = 5
#: in a balanced update an event of rank u, from 0 for the smallest to 1, comes as often as 1 / (u + this)
_BALANCE = 0.1


class TraceRefinerConfig(Config):
    """Settings of :class:`TraceRefinerGAN`; the refiner's defaults are the paper's, the critic is not published."""

    kind: Literal["trace-refiner"] = "trace-refiner"
    features: int = Field(default=64, ge=1, description="channels of the refiner's blocks; 16 are ten times faster")
    noise: int = Field(
        default=0, ge=0, description="normal numbers of each bin; published: none, the refiner is a map of traces"
    )
    context: bool = Field(
        default=False, description="refiner and critic of traces know a station's surroundings; not as published"
    )
    balanced: bool = Field(
        default=False,
        description="updates see small events, by their rank in each sample, more often; not as published",
    )
    times: bool = Field(
        default=False,
        description="refined events get arrival times that scatter as data's do, where both samples have times; "
        "published: those of the simulation",
    )
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
    size_weight: float = Field(
        default=0.0,
        ge=0,
        description="of the squared difference of event sizes of the same rank; wants balanced updates",
    )
    trace_channels: tuple[int, ...] = Field(default=(32, 32), description="of the critic's convolutions along time")
    critic_features: int = Field(default=32, ge=1, description="of a trace, in the critic")
    critic_width: int = Field(default=100, ge=1, description="of the critic's dense layers")

    @model_validator(mode="after")
    def _sizes_want_ranks(self) -> TraceRefinerConfig:
        if self.size_weight and not self.balanced:
            raise ValueError("size_weight compares events of the same rank, which balanced updates find; set balanced")
        return self


@models.register("trace-refiner")
class TraceRefinerGAN(Refiner):
    """A Wasserstein GAN whose generator gets simulated traces instead of noise.

    Four residual blocks of two convolutions along time, 7 bins and 64 channels each, and a last one of 1 × 1 refine
    every station by itself, in log10(1 + S). Only stations that have a signal are refined, and in the end those below
    the ``trigger``, the smallest total of the data's stations, are silenced. They are not silenced in training: a cut
    has no gradient, and the refiner could not learn from stations that start below it. The refiner starts as the
    identity.

    Published, the refiner is a map of single traces. Where data have more noise than the simulation, no map can make
    it, and near the trigger a trace does not say where in the shower it was recorded. With ``noise`` the refiner draws
    what is missing; with ``context`` it knows what stands around a station, and the critic of traces knows the same
    of refined and of measured showers (:class:`~moliere.models.airshower.surroundings.Surroundings`). Critics find the
    energy scale slowly; ``size_weight`` holds events to the size of those of data with the same rank, which have the
    same energy where both samples have the same spectrum. With ``times`` arrival times scatter about the shower's front
    as those of data do (:class:`~moliere.models.airshower.time_scatter.TimeScatter`): a reconstruction that learned
    from more exact ones is misled by data's.

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
    measured: ClassVar[tuple[str, ...]] = (ARRIVAL_TIMES,)

    def __init__(self, config: TraceRefinerConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.settings = config
        self.array = surface_array(context.detector, "trace-refiner")
        self.surroundings = Surroundings(self.array) if config.context else None
        known = self.surroundings.width if self.surroundings else 0
        self.refiner = TraceRefiner(config.features, config.noise, known)
        self.roughness = Roughness(config.roughness)
        self.critic = TraceCritic(
            self.array.n_bins, config.trace_channels, config.critic_features, config.critic_width, known
        )
        self.totals_critic = TotalsCritic(min(_BRIGHTEST, self.array.n_stations))
        self.times = TimeScatter(self.array) if config.times else None
        self.register_buffer("trigger", torch.tensor(config.trigger or 0.0))
        self.register_buffer("simulated_trigger", torch.zeros(()), persistent=config.context)
        self.register_buffer("share", torch.ones(()))

    trigger: Tensor
    simulated_trigger: Tensor
    share: Tensor

    @property
    def latent(self) -> tuple[Latent, ...]:
        """Noise of each bin."""
        return (Latent(self.settings.noise * self.array.n_channels),) if self.settings.noise else ()

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
        self.simulated_trigger.copy_(simulation.sum(dim=1).min())
        self.share.fill_(self._stations_an_event(measured) / self._stations_an_event(batch.signals))
        self.roughness.fit(to_decades(data))
        if self.times is not None:
            simulated, recorded = self._times(batch)
            self.times.fit((simulated, self._decades(batch.signals)), (recorded, self._decades(measured)))

    def _times(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Arrival times of both samples, (n, n_stations) each."""
        names = ARRIVAL_TIMES, f"{SECOND} {ARRIVAL_TIMES}"
        if not set(names) <= set(batch.extras):
            raise ConfigError(f"model.times wants {ARRIVAL_TIMES} in both samples; set model.times = false without")
        return batch.extras[names[0]], batch.extras[names[1]]

    def objectives(self) -> tuple[Objective, ...]:
        """The critics first; then the refiner."""
        return (
            Objective("critic", self._critic_parameters, self._critic_loss, self.settings.critic_steps),
            Objective("refiner", self.refiner.parameters, self._refiner_loss),
        )

    def _critic_parameters(self) -> list[nn.Parameter]:
        return [*self.critic.parameters(), *self.totals_critic.parameters()]

    @torch.no_grad()
    def refine(self, signals: Tensor, condition: Tensor, latent: Tensor | None = None) -> Tensor:
        """Signals in VEM → signals as in data; NaN marks a silent station."""
        del condition
        noise = self.checked(latent, len(signals))
        traces = from_decades(self._refine(to_decades(to_traces(signals, self.array)), noise))
        kept = traces.sum(dim=2, keepdim=True) >= self.trigger
        return (traces * kept).flatten(1)

    @torch.no_grad()
    def refine_times(self, times: Tensor, signals: Tensor, refined: Tensor, noise: Tensor) -> Tensor:
        """With ``times``, as data's are; otherwise those of the simulation."""
        if self.times is None:
            return times
        scattered: Tensor = self.times(times, self._decades(signals), self._decades(refined), noise)
        return scattered

    def _decades(self, signals: Tensor) -> Tensor:
        """Signals (n, n_channels) in VEM → the stations' totals in decades (n, n_stations)."""
        return to_decades(to_traces(signals, self.array).sum(dim=2))

    def _critic_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, data = self._parts(batch, rng)
        with torch.no_grad():
            refined = self._refine(simulation, self._draw(simulation, rng))
        one, other = self._as_many(self._seen(data), self._seen(refined), rng)
        traces = critic_loss(self.critic, one, other, self.settings.penalty, rng)
        if not self.settings.totals_weight:
            return traces
        totals = critic_loss(self.totals_critic, self._totals(data), self._totals(refined), self.settings.penalty, rng)
        return Loss(traces.total + totals.total, {**traces.terms, "totals": totals.terms["distance"]})

    def _refiner_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        simulation, data = self._parts(batch, rng)
        refined = self._refine(simulation, self._draw(simulation, rng))
        loss = -self.critic(self._comparable(self._seen(refined))).mean()
        if self.settings.totals_weight:
            loss = loss - self.settings.totals_weight * self.totals_critic(self._totals(refined)).mean()
        if not self.settings.size_weight:
            return Loss(loss)
        difference = self._size_difference(refined, data)
        return Loss(loss + self.settings.size_weight * difference, {"size": difference.item()})

    def _size_difference(self, refined: Tensor, data: Tensor) -> Tensor:
        """Mean squared difference of mean sizes of a few events of the same rank in both samples, in decades²."""
        group = min(_NEIGHBOURS, len(data))
        one, other = (
            _sized(self._totals(part)).mean(dim=1)[: len(data) // group * group].unflatten(0, (-1, group)).mean(dim=1)
            for part in (refined, data)
        )
        difference: Tensor = (one - other).square().mean()
        return difference

    def _parts(self, batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some events of simulation and as many of data, in decades: (n, n_stations, n_bins) each."""
        if SECOND not in batch.extras:
            raise ConfigError("trace-refiner learns from data beside the simulation; name their file in data.second")
        samples = batch.signals, batch.extras[SECOND]
        n = min(self.settings.events, *map(len, samples))
        rows = [self._chosen(part, n, rng) for part in samples]
        simulation, data = (
            to_decades(to_traces(part[k.to(part.device)], self.array)) for part, k in zip(samples, rows, strict=True)
        )
        return simulation, data

    def _chosen(self, signals: Tensor, n: int, rng: torch.Generator) -> Tensor:
        """Rows of n events (n,)."""
        if not self.settings.balanced:
            return torch.randperm(len(signals), generator=rng, device=rng.device)[:n]
        ranked = self._by_size(signals)
        ends = _as_often(len(ranked)).cumsum(0)
        places = (torch.arange(n) + torch.rand(n, generator=rng, device=rng.device).cpu().double()) / n
        return ranked.cpu()[torch.searchsorted(ends, places).clamp(max=len(ranked) - 1)]

    def _by_size(self, signals: Tensor) -> Tensor:
        """Rows of the events (n,), the smallest first."""
        return _sized(self._decades(signals)).sum(dim=1).argsort()

    def _stations_an_event(self, signals: Tensor) -> float:
        """Mean number of stations with a signal, of events as often as updates see them."""
        number = (to_traces(signals, self.array).amax(dim=2) > 0).sum(dim=1).double()
        if not self.settings.balanced:
            return float(number.mean())
        return float((number[self._by_size(signals)] * _as_often(len(number))).sum())

    def _comparable(self, refined: Tensor) -> Tensor:
        """As many refined traces (m, …) as data have in as many events; the simulation may have more."""
        return self._brightest(refined, min(1.0, float(self.share)) * len(refined))

    def _as_many(self, data: Tensor, refined: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The brightest of both, as a penalty between them needs as many of each, in random order."""
        refined = self._comparable(refined)
        data = self._brightest(data, len(data) / max(1.0, float(self.share)))
        m = min(len(data), len(refined))
        one, other = (
            part[torch.randperm(len(part), generator=rng, device=rng.device)[:m].to(part.device)]
            for part in (data, refined)
        )
        return one, other

    def _brightest(self, seen: Tensor, n: float) -> Tensor:
        """About n of the traces as a critic sees them, (m, …)."""
        kept = max(1, round(n))
        if kept >= len(seen):
            return seen
        return seen[total_decades(seen.detach()[:, : self.array.n_bins])[:, 0].topk(kept).indices]

    def _seen(self, traces: Tensor) -> Tensor:
        """Traces of events in decades as the critic sees those with a signal, (m, 2 n_bins + context)."""
        triggered = traces.amax(dim=2) > 0
        alone = traces[triggered]
        seen = [alone, self.roughness(alone)]
        if self.surroundings is not None:
            seen.append(self.surroundings(self._totals(traces))[triggered])
        return torch.cat(seen, dim=1)

    def _totals(self, traces: Tensor) -> Tensor:
        """Decades of the totals above the trigger, 0 of silent stations, (n, n_stations)."""
        return _above(traces, self.trigger)

    def _draw(self, traces: Tensor, rng: torch.Generator) -> Tensor:
        return self.draw_latent(len(traces), rng).to(traces.device)

    def _refine(self, traces: Tensor, noise: Tensor) -> Tensor:
        """Traces in decades (n, n_stations, n_bins), noise (n, latent_size) → of the shape of the traces."""
        given = [traces]
        if self.settings.noise:
            given.append(noise.unflatten(1, (self.array.n_stations, self.settings.noise * self.array.n_bins)))
        if self.surroundings is not None:
            given.append(self.surroundings(_above(traces, self.simulated_trigger)))
        triggered = traces.amax(dim=2) > 0
        refined = encode_triggered(self._refine_parts, torch.cat(given, dim=2), triggered, self.array.n_bins)
        return refined.to(traces.dtype)

    def _refine_parts(self, given: Tensor) -> Tensor:
        """Traces and what belongs to them (m, …) → (m, n_bins), in bounded memory."""
        if torch.compiler.is_compiling():  # an exported graph has no loop over events
            refined: Tensor = self.refiner(given)
            return refined
        return torch.cat([self.refiner(part) for part in given.split(_AT_ONCE)])


def _as_often(n: int) -> Tensor:
    """Shares of n events, the smallest first, that make small events as common as large ones; they add up to 1."""
    shares = 1 / ((torch.arange(n, dtype=torch.float64) + 0.5) / n + _BALANCE)
    return shares / shares.sum()


def _sized(totals: Tensor) -> Tensor:
    """The signals of each event that its size is made of: (n, n_stations) → (n, …)."""
    brightest = totals.sort(dim=1, descending=True).values
    return brightest[:, _SIZED] if brightest.shape[1] > _SIZED.start else brightest


def _above(traces: Tensor, trigger: Tensor) -> Tensor:
    """Decades of the totals above a trigger, 0 of silent stations: (n, n_stations, n_bins) → (n, n_stations)."""
    above: Tensor = total_decades(traces).squeeze(2) - to_decades(trigger)
    return above.relu()


def _triggered(traces: Tensor) -> Tensor:
    """(n, n_stations, n_bins) → traces of the stations that have a signal, (m, n_bins)."""
    return traces[traces.amax(dim=2) > 0]
