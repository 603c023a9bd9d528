"""The two contracts that carry the zoo: what a model optimises, and that generating is a deterministic map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from moliere.config import Config, Table
from moliere.detectors import Detector
from moliere.errors import ConfigError
from moliere.registry import Registry

#: the extra that holds signals of the recipe's second sample: data, for what refines simulations
SECOND = "second"


@dataclass(frozen=True)
class Batch:
    """Some events as tensors.

    Args:
        condition: incident columns in physical units (n, n_columns), float64: float32 cannot hold a GeV to a keV.
        signals: (n, n_channels) in the detector's unit, float32.
        weights: statistical weights (n,).
        extras: other recorded quantities that the model needs, such as arrival times, one row for each event; and under
            :data:`SECOND` the signals of as many events of the recipe's second sample, drawn independently.
    """

    condition: Tensor
    signals: Tensor
    weights: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.signals)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return self._map(lambda values: values.to(device))

    def __getitem__(self, index: Any) -> Batch:
        """Some of these events."""
        return self._map(lambda values: values[index])

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            function(self.condition),
            function(self.signals),
            None if self.weights is None else function(self.weights),
            {name: function(values) for name, values in self.extras.items()},
        )


@dataclass(frozen=True)
class Loss:
    """The result of an objective's loss; computing it changes nothing in the model.

    Args:
        total: the scalar to minimise.
        terms: named parts for the log.
        learn: what the model counts or learns without a gradient, called by the loop once the weights have moved.
    """

    total: Tensor
    terms: dict[str, float] = field(default_factory=dict)
    learn: Callable[[], None] | None = None


@dataclass(frozen=True)
class Objective:
    """One thing a model optimises.

    Args:
        name: for logs and for optimiser settings.
        parameters: what this objective moves.
        loss: batch and random source → loss.
        steps: updates in each iteration (a critic: 5).
    """

    name: str
    parameters: Callable[[], Iterable[nn.Parameter]]
    loss: Callable[[Batch, torch.Generator], Loss]
    steps: int = 1


@dataclass(frozen=True)
class BuildContext:
    """Facts that come from the data, not from a user's choice.

    Args:
        detector: what is read out.
        columns: incident columns that the model is conditioned on.
        particles: PDG identifiers in the training events.
    """

    detector: Detector
    columns: tuple[str, ...]
    particles: tuple[int, ...] = ()


#: distributions of the numbers that events are made from; those of a prior are drawn by the model's own sampler
Law = Literal["normal", "half-normal", "logistic", "uniform", "sign", "prior-bits"]


@dataclass(frozen=True)
class Latent:
    """Numbers that an event is made from, side by side, independent and of one distribution.

    Args:
        size: how many.
        law: N(0, 1); its absolute value; logit of U(0, 1); U(-scale, scale); -1 or 1; zeros and ones of a prior.
        scale: of ``uniform``.
        share: of 1 in ``sign``.
    """

    size: int
    law: Law = "normal"
    scale: float = 1.0
    share: float = 0.5


class Model(nn.Module, ABC):
    """Something learned from events.

    Attributes:
        config_type: its frozen configuration, with real defaults.
        citation: the paper to cite, one line with its address.
        extras: names of the recorded quantities that it needs besides incident columns and signals.
        measured: names of others that its transforms are fitted to where all samples have them.
        resembles: the sample that its signals shall agree with: the events it is trained on (``events``), the recipe's
            second sample (``second``), or ``None`` where it makes no signals.
        of_the_detector: parts of the names of parameters whose sizes follow from the detector; all others carry over to
            another one.
    """

    config_type: ClassVar[type[Config]]
    citation: ClassVar[str] = ""
    extras: ClassVar[tuple[str, ...]] = ()
    measured: ClassVar[tuple[str, ...]] = ()
    resembles: ClassVar[Literal["events", "second"] | None] = None
    of_the_detector: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Config, context: BuildContext) -> None:
        super().__init__()
        self.config = config
        self.context = context

    def fit_transforms(self, batch: Batch) -> None:
        """Take the statistics that transforms need from a sample of training events; called once before training."""
        del batch

    def calibrate(self, sample: Callable[[], Batch], rng: torch.Generator) -> None:
        """Adjust what is not trained by gradients to what the trained networks make; called once after training.

        Args:
            sample: reads the training events that the transforms were fitted to, on the CPU; only who needs them asks.
            rng: of the CPU.
        """
        del sample, rng

    def respond(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """Signals that this model makes for some events, to be compared with the sample it shall agree with.

        Args:
            batch: events on the CPU.
            rng: of the CPU.

        Raises:
            ConfigError: the model makes no signals.
        """
        raise ConfigError(f"{type(self).__name__} makes no signals that could be judged")

    def student(self, steps: int) -> Table:
        """Settings, with their ``kind``, of a model that learns to make this model's events in so many evaluations.

        Raises:
            ConfigError: no faster model is known that could follow this one.
        """
        raise ConfigError(f"{type(self).__name__} cannot be distilled; a model of the kind calorimeter-flow can")

    def learn_from(self, teacher: Model) -> None:
        """Take another model as the teacher of the training.

        Raises:
            ConfigError: this model learns from events.
        """
        raise ConfigError(f"{type(self).__name__} learns from events; only the student of a flow learns from a teacher")

    def incident(self, condition: Tensor, name: str) -> Tensor:
        """One incident column of a condition, by its name: (n, n_columns) → (n,), in physical units.

        Raises:
            ConfigError: the model is not conditioned on it.
        """
        if name not in self.context.columns:
            raise ConfigError(f"{type(self).__name__} is conditioned on {list(self.context.columns)}, not on {name!r}")
        return condition[:, self.context.columns.index(name)]

    @abstractmethod
    def objectives(self) -> tuple[Objective, ...]:
        """What the training loop minimises."""


class GenerativeModel(Model):
    """Makes signals: a deterministic map from a latent and a condition.

    Because ``decode`` holds no randomness, every model gets the same for free: the same seed gives the same event on
    every backend, export, parity tests, seeds owned by the experiment's own engine, interpolation in the latent.
    """

    resembles = "events"

    @property
    @abstractmethod
    def latent(self) -> tuple[Latent, ...]:
        """The parts of the latent that an event is made from, in their order."""

    @property
    def latent_size(self) -> int:
        """How many numbers an event is made from."""
        return sum(part.size for part in self.latent)

    def draw_latent(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """All random numbers of n events: condition (n, n_columns) → (n, latent_size), N(0, 1) unless overridden."""
        shape = (len(condition), self.latent_size)
        return torch.randn(shape, generator=rng, device=rng.device).to(condition.device)

    @abstractmethod
    def decode(self, latent: Tensor, condition: Tensor) -> Tensor:
        """(n, latent_size), (n, n_columns) in physical units → signals (n, n_channels) in the detector's unit."""

    @torch.no_grad()
    def respond(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """Generated signals for the same incident particles."""
        device = next(self.parameters()).device
        latent = self.draw_latent(batch.condition, rng)
        return self.decode(latent.to(device), batch.condition.to(device)).cpu()

    @torch.no_grad()
    def sample(self, condition: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a latent and decode it."""
        return self.decode(self.draw_latent(condition, rng), condition)


class Refiner(Model):
    """Makes simulated signals look like measured ones: a map of signals and, where they need noise, of a latent."""

    resembles = "second"

    @property
    def latent(self) -> tuple[Latent, ...]:
        """Parts of the random numbers that a refined event needs beside its signals; by default there are none."""
        return ()

    @property
    def latent_size(self) -> int:
        """How many random numbers an event needs."""
        return sum(part.size for part in self.latent)

    def draw_latent(self, n: int, rng: torch.Generator) -> Tensor:
        """N(0, 1) for n events, (n, latent_size)."""
        return torch.randn(n, self.latent_size, generator=rng, device=rng.device)

    def checked(self, latent: Tensor | None, n: int) -> Tensor:
        """The latent of n events, which may be left out where it has no numbers.

        Raises:
            ConfigError: it is missing, or of another shape.
        """
        if latent is None and not self.latent_size:
            return torch.zeros(n, 0)
        if latent is None or latent.shape != (n, self.latent_size):
            shape = "none" if latent is None else tuple(latent.shape)
            raise ConfigError(
                f"{type(self).__name__} needs a latent of shape ({n}, {self.latent_size}), got {shape}; draw one with "
                "draw_latent"
            )
        return latent

    @torch.no_grad()
    def respond(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """The same events, refined."""
        device = next(self.parameters()).device
        latent = self.draw_latent(len(batch), rng).to(device)
        return self.refine(batch.signals.to(device), batch.condition.to(device), latent).cpu()

    @abstractmethod
    def refine(self, signals: Tensor, condition: Tensor, latent: Tensor | None = None) -> Tensor:
        """Signals (n, n_channels) in the detector's unit and latent (n, latent_size) → signals; no randomness inside.

        Raises:
            ConfigError: the refiner needs a latent, and it is missing.
        """

    def refine_times(self, times: Tensor, signals: Tensor, refined: Tensor, noise: Tensor) -> Tensor:
        """Arrival times beside refined signals; by default those of the simulation.

        Args:
            times: of the simulation in ns, NaN of silent stations, (n, n_stations).
            signals: of the simulation, (n, n_channels).
            refined: of the same shape.
            noise: N(0, 1), (n, 1 + n_stations).

        Returns:
            In ns, (n, n_stations).
        """
        del signals, refined, noise
        return times


class Reconstructor(Model):
    """Predicts incident quantities from signals.

    Attributes:
        targets: names of the incident columns it predicts, which are the recipe's condition.
    """

    targets: tuple[str, ...]

    @abstractmethod
    def reconstruct(self, signals: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Signals (n, n_channels) and extras → predictions (n, n_targets) in the units of the incident columns."""


#: name → model class
models: Registry[type[Model]] = Registry("model")
