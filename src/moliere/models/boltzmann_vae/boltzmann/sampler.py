"""Samplers of the free nodes of a Boltzmann machine: Gibbs sampling by default, an annealer as a plug-in."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moliere.errors import ConfigError, MoliereError, did_you_mean
from moliere.models.boltzmann_vae.boltzmann.chains import gibbs_sample
from moliere.models.boltzmann_vae.boltzmann.machine import BoltzmannMachine
from moliere.registry import Registry


class Sampler(ABC):
    """Draws free nodes given clamped ones."""

    @abstractmethod
    def sample(self, machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator) -> Tensor:
        """One sample a row.

        Args:
            machine: what is sampled.
            clamped: conditions (n, n_clamped).
            rng: source of randomness, the only one unless the sampler is hardware.

        Returns:
            Zeros and ones (n, n_free) in the machine's type and on its device.
        """


#: name → function or class that makes a sampler from its settings
samplers: Registry[Callable[..., Sampler]] = Registry("sampler")


@samplers.register("gibbs")
@dataclass(frozen=True)
class GibbsSampler(Sampler):
    """Block Gibbs sampling from a random start.

    Args:
        steps: number of sweeps.
    """

    steps: int = 500

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.steps < 1:
            raise ConfigError(f"{self.steps} steps of Gibbs sampling; use 1 or more")

    def sample(self, machine: BoltzmannMachine, clamped: Tensor, rng: torch.Generator) -> Tensor:
        """The last state of one chain a row."""
        return gibbs_sample(machine, clamped, rng, self.steps)


def build_sampler(name: str, settings: Mapping[str, Any] | None = None, *, fall_back: bool = False) -> Sampler:
    """A sampler by name, with settings as a user gives them.

    Args:
        name: registered.
        settings: of that sampler.
        fall_back: take Gibbs sampling, with a warning, where the sampler cannot be had.

    Raises:
        UnknownName: no such sampler.
        ConfigError: a setting that it does not have (the nearest is named).
        MissingExtra: it needs a package that is not installed.
        MoliereError: it is a device that does not answer.

    Example:
        >>> build_sampler("gibbs", {"steps": 100})
        GibbsSampler(steps=100)
        >>> build_sampler("gibbs", {"step": 100})
        Traceback (most recent call last):
            ...
        moliere.errors.ConfigError: gibbs has no setting 'step'; did you mean 'steps'?
    """
    make = samplers[name]
    known = inspect.signature(make).parameters
    for key in settings or {}:
        if key not in known:
            raise ConfigError(f"{name} has no setting {key!r}; {did_you_mean(key, known)}")
    try:
        return make(**(settings or {}))
    except ConfigError:
        raise
    except MoliereError as error:
        if not fall_back:
            raise
        warnings.warn(f"{error}; sampling with gibbs instead, as asked", stacklevel=2)
        return GibbsSampler()
