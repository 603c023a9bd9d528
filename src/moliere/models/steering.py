"""Generating rare events more often, with the weights that undo it, from what a user asks for."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from moliere.errors import BundleError, ConfigError, InvalidEvents
from moliere.events import EventSource
from moliere.models.base import GenerativeModel
from moliere.models.bundle import Bundle

#: below this scale the weights of a half-Gaussian have no variance, and no number of events makes up for it
_LEAST_SCALE = math.sqrt(0.5)
#: share of auxiliaries that are drawn as usual when seeds say where to look: no weight exceeds its inverse
_USUAL = 0.2
#: more seeds than this tell no more about their density, and take longer
_MOST_SEEDS = 500


def half_normal_log_density(values: Tensor, scale: float = 1.0) -> Tensor:
    """Log density of independent half-Gaussians, (n, d) → (n,).

    Example:
        >>> half_normal_log_density(torch.zeros(1, 2)).exp().round(decimals=4)
        tensor([0.6366])
    """
    each = 0.5 * math.log(2 / math.pi) - math.log(scale) - 0.5 * (values / scale) ** 2
    return each.sum(dim=1)


class Proposal(Protocol):
    """What auxiliaries are drawn from instead of half-Gaussians."""

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, d), float32, not negative."""

    def log_density(self, values: Tensor) -> Tensor:
        """(n, d) → (n,), normalised."""

    def describe(self) -> str:
        """For a file's metadata."""


class SteeredModel(GenerativeModel):
    """A generative model whose latent says how rare the event shall be, in numbers of independent half-Gaussians."""

    @property
    @abstractmethod
    def auxiliaries(self) -> slice:
        """Where in the latent these numbers are."""

    @property
    @abstractmethod
    def n_auxiliaries(self) -> int:
        """How many they are."""

    @abstractmethod
    def rareness_of(self, signals: Tensor) -> Tensor:
        """How rare events are in the model's own measure: signals (n, n_channels) → (n, n_auxiliaries)."""

    def draw_steered(self, condition: Tensor, rng: torch.Generator, proposal: Proposal) -> tuple[Tensor, Tensor]:
        """A latent with auxiliaries of another distribution.

        Args:
            condition: (n, n_columns).
            rng: of everything.
            proposal: what the auxiliaries are drawn from.

        Returns:
            The latent (n, latent_size), and the logarithms of the weights (n,) by which events made of it are
            distributed as events of :meth:`~moliere.models.base.GenerativeModel.draw_latent`: their mean weight is 1.
        """
        latent = self.draw_latent(condition, rng)
        values = proposal.draw(len(condition), rng)
        latent[:, self.auxiliaries] = values
        return latent, half_normal_log_density(values.double()) - proposal.log_density(values.double())


class WiderHalfNormal:
    """Half-Gaussians of another width.

    Args:
        dim: how many.
        scale: width; above 1, rare events come more often.

    Raises:
        ConfigError: a scale so small that the weights would have no variance.

    Example:
        >>> WiderHalfNormal(1, 0.5)
        Traceback (most recent call last):
            ...
        moliere.errors.ConfigError: rareness scale 0.5: at 0.707 or less the variance of the weights is infinite; ...
    """

    def __init__(self, dim: int, scale: float) -> None:
        if not _LEAST_SCALE < scale < math.inf:
            raise ConfigError(
                f"rareness scale {scale:g}: at {_LEAST_SCALE:.3f} or less the variance of the weights is infinite; "
                "give a scale above 1 for more rare events, such as 1.2"
            )
        self.dim, self.scale = dim, scale

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Numbers |N(0, 1)|, scaled."""
        return self.scale * torch.randn(n, self.dim, generator=rng).abs()

    def log_density(self, values: Tensor) -> Tensor:
        """Of the wider half-Gaussians."""
        return half_normal_log_density(values, self.scale)

    def describe(self) -> str:
        """The scale."""
        return f"rareness scale {self.scale:g}"


class NearSeeds:
    """Auxiliaries near those of chosen events: Gaussian kernels at the seeds, reflected at 0, and a usual part.

    The usual part, half-Gaussians as without seeds, is what keeps weights bounded: auxiliaries that no seed is near to
    come less often, but they come. So the weighted sample is the flux whatever the seeds are.

    Args:
        seeds: auxiliaries of the events to look like, (m, d); of many, some.

    Raises:
        ConfigError: no seeds.
    """

    def __init__(self, seeds: Tensor) -> None:
        if len(seeds) == 0:
            raise ConfigError("rareness from seeds needs at least one event to look like; the file holds none")
        self.seeds = seeds[:: -(-len(seeds) // _MOST_SEEDS)].double()
        n, dim = self.seeds.shape
        spread = self.seeds.std(dim=0) if n > 1 else torch.zeros(dim, dtype=torch.float64)
        # Scott's rule; seeds all alike have kernels as wide as those of so many half-Gaussian numbers
        rule = n ** (-1 / (dim + 4))
        self.width = torch.where(spread > 0, spread, torch.full_like(spread, 0.6)) * rule

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Some of each part, in random order."""
        noise = torch.randn(n, self.seeds.shape[1], generator=rng)
        seed = self.seeds[torch.randint(len(self.seeds), (n,), generator=rng)]
        usual = torch.rand(n, 1, generator=rng) < _USUAL
        near = (seed + self.width * noise).abs()
        return torch.where(usual, noise.abs().double(), near).float()

    def log_density(self, values: Tensor) -> Tensor:
        """Of the mixture; memory is in proportion to values times seeds."""
        usual = math.log(_USUAL) + half_normal_log_density(values)
        near = math.log(1 - _USUAL) - math.log(len(self.seeds)) + torch.logsumexp(self._kernels(values), dim=1)
        return torch.logaddexp(usual, near)

    def describe(self) -> str:
        """How many seeds, and how much is as usual."""
        return f"rareness near that of {len(self.seeds)} seeds, and {_USUAL:.0%} as usual"

    def _kernels(self, values: Tensor) -> Tensor:
        """Log of every seed's kernel at every value, with its mirror image: (n, m)."""
        sides = [(values[:, None] - side * self.seeds) / self.width for side in (1, -1)]
        both = torch.logaddexp(*(-0.5 * side**2 for side in sides))
        kernels: Tensor = both - self.width.log() - 0.5 * math.log(2 * math.pi)
        return kernels.sum(dim=2)


def effective_share(log_weights: Tensor) -> float:
    """Effective over actual number of weighted events, Kish's (Σw)² / (n Σw²); 1 where there are none.

    Example:
        >>> effective_share(torch.tensor([0.0, 0.0])), effective_share(torch.tensor([0.0, -1e9]))
        (1.0, 0.5)
    """
    if len(log_weights) == 0:
        return 1.0
    weights = (log_weights - log_weights.max()).exp()
    return float(weights.sum() ** 2 / (len(weights) * weights.square().sum()))


def boost(bundle: Bundle, scale: float | None = None, seeds: EventSource | None = None) -> Proposal:
    """The distribution of auxiliaries that makes rare events more frequent.

    Args:
        bundle: of a model whose latent says how rare an event shall be.
        scale: width of the half-Gaussians; above 1 makes more rare events.
        seeds: events whose rareness the generated ones shall have, of the bundle's detector.

    Raises:
        BundleError: the model cannot be steered.
        ConfigError: neither or both are given, or the scale is too small.
        InvalidEvents: seeds of another detector.
    """
    model = steered(bundle)
    if (scale is None) == (seeds is None):
        raise ConfigError("give either a rareness scale or events to take rareness from, not both and not none")
    if scale is not None:
        return WiderHalfNormal(model.n_auxiliaries, scale)
    assert seeds is not None
    if reason := bundle.detector.incomparable_with(seeds.detector):
        raise InvalidEvents(f"{reason}; give seeds with the columns of bundle {bundle.name!r}")
    signals = torch.from_numpy(np.array(seeds.take(slice(None)).signals))
    return NearSeeds(model.rareness_of(signals))


def steered(bundle: Bundle) -> SteeredModel:
    """The model of a bundle, if it can be steered.

    Raises:
        BundleError: it cannot.
    """
    if not isinstance(bundle.model, SteeredModel):
        raise BundleError(
            f"bundle {bundle.name!r} holds a {type(bundle.model).__name__}, which has no input for how rare an event "
            "shall be; train one that has, such as muons-flow"
        )
    return bundle.model
