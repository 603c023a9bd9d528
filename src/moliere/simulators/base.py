"""What every simulator offers: incident particles in, events out, with no learned model in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Detector
from moliere.errors import ConfigError, did_you_mean
from moliere.events import Events
from moliere.registry import Registry
from moliere.units import GeV


class Simulator(ABC):
    """Makes events of one detector from incident particles.

    Attributes:
        detector: what is read out.
        block_size: how many events of a long run share a random stream and are written together.
        isolated: whether it runs in processes of its own, because it may crash or can be set up only once in each.
        counted: entries of the metadata that are numbers by name, which add up over the blocks of a run.
        several: whether an event may begin with several particles: incident columns (n, m).
        default_detector: catalogue name of what it simulates where a user names nothing; ``None`` has to be named.
        default_energies: lowest and highest energy in MeV where a user says nothing.
        default_spectrum: how energies are then drawn, a name of :data:`~moliere.simulators.incident.spectra`.
    """

    detector: Detector
    block_size: ClassVar[int] = 500
    isolated: ClassVar[bool] = False
    several: ClassVar[bool] = False
    counted: ClassVar[tuple[str, ...]] = ()
    default_detector: ClassVar[str | None] = None
    default_energies: ClassVar[tuple[float, float]] = (1 * GeV, 100 * GeV)
    default_spectrum: ClassVar[str] = "log"

    @property
    def warning(self) -> str:
        """What must be said wherever its results are shown; empty where there is nothing to say."""
        return ""

    @abstractmethod
    def __init__(self, detector: Detector) -> None:
        """Make ready to simulate one detector; further settings have defaults."""

    @abstractmethod
    def simulate(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """Simulate one event a row of the incident columns.

        Args:
            incident: named columns (n,): ``energy`` in MeV, ``pdg_id``, …
            rng: the only source of randomness: the same state gives the same events.

        Returns:
            n events.

        Raises:
            UnsupportedIncident: a particle or an energy that the simulation does not cover.
        """

    def simulate_here(self, incident: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> Events:
        """The same in this very process, whatever :attr:`isolated` says; what worker processes call."""
        return self.simulate(incident, rng)


def simulate_from(simulator: Simulator, incident: Mapping[str, NDArray[Any]], seed: int) -> Events:
    """What a worker process is asked for: events of a random stream that begins with a seed."""
    return simulator.simulate_here(incident, np.random.default_rng(seed))


#: name → simulator class, built from a detector
simulators: Registry[type[Simulator]] = Registry("simulator")


def build_simulator(name: str, detector: Detector, settings: Mapping[str, Any] | None = None) -> Simulator:
    """A simulator by name, with settings as a user gives them.

    Raises:
        UnknownName: no such simulator.
        ConfigError: a setting that it does not have (the nearest is named).
    """
    known = [field.name for field in fields(cast(Any, simulators[name])) if field.name != "detector"]
    for key in settings or {}:
        if key not in known:
            raise ConfigError(f"{name} has no setting {key!r}; {did_you_mean(key, known)}")
    make: Any = simulators[name]
    simulator: Simulator = make(detector, **(settings or {}))
    return simulator
