"""Transforms between physical and network space, and what each of them promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from moliere.errors import ConfigError
from moliere.registry import Registry


@dataclass(frozen=True)
class Facts:
    """Facts about events, beside the values that a transform is fitted to.

    Args:
        energy: incident energies in MeV, (n,).
        weights: statistical weights, (n,); ``None`` where all events count the same.
    """

    energy: Tensor | None = None
    weights: Tensor | None = None


NO_FACTS = Facts()


def known(energy: Tensor | None) -> Tensor:
    """Incident energies, for transforms that depend on them.

    Raises:
        ConfigError: there are none.
    """
    if energy is None:
        raise ConfigError("this transform needs incident energies, and got none: pass energy=")
    return energy


class Encoding(nn.Module, ABC):
    """Physical space → network space, without an inverse."""

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take statistics from training values and from facts about their events."""

    @abstractmethod
    def forward(self, values: Tensor) -> Tensor:
        """To network space."""


class Transform(nn.Module, ABC):
    """Physical space ⇄ network space.

    A transform is a module, so that what it has fitted lies in its buffers and travels with a model's weights, and so
    that a model's ``decode`` exports together with the way back to MeV.

    Promise: ``inverse(forward(x)) == x`` up to rounding, for every physical ``x``, zeros included, unless the class is
    ``lossy``; then the loss is what its docstring says. ``forward`` may draw noise, ``inverse`` never does.
    """

    lossy: ClassVar[bool] = False

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take statistics from training values (n, d) in front of this transform, and from facts about their events."""

    @abstractmethod
    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """To network space.

        Args:
            values: (n, d) in the space in front.
            energy: incident energy in MeV, (n,), for transforms that depend on it.
            rng: source of dequantising noise, where the transform has any.
        """

    @abstractmethod
    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Back, with no randomness; any network output is mapped to something physical."""


class PlainTransform(Transform):
    """A transform of nothing but the values: it depends on no energy and draws no noise."""

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """To network space."""
        return self.encode(values)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Back."""
        return self.decode(values)

    @abstractmethod
    def encode(self, values: Tensor) -> Tensor:
        """To network space."""

    @abstractmethod
    def decode(self, values: Tensor) -> Tensor:
        """Back; any network output is mapped to something physical."""


class Chain(Transform):
    """Transforms one after the other; fitted in that order, each on what the ones before make.

    Example:
        >>> from moliere.preprocess import Chain, IncidentFraction, Log
        >>> chain = Chain([IncidentFraction(), Log(epsilon=1e-8)])
        >>> energy = torch.tensor([100.0])
        >>> chain.inverse(chain(torch.tensor([[0.0, 50.0]]), energy), energy).round(decimals=3)
        tensor([[ 0., 50.]])
    """

    def __init__(self, parts: Sequence[Transform]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Fit every part on the output of those before it."""
        rng = torch.Generator().manual_seed(0)
        for part in self._parts():
            part.fit(values, facts)
            values = part(values, facts.energy, rng)

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """All parts in order."""
        for part in self._parts():
            values = part(values, energy, rng)
        return values

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """All inverses in reverse order."""
        for part in reversed(self._parts()):
            values = part.inverse(values, energy)
        return values

    def _parts(self) -> list[Transform]:
        return [part for part in self.parts if isinstance(part, Transform)]


#: name → transform class
transforms: Registry[type[Transform]] = Registry("transform")
