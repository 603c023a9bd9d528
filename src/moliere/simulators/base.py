"""What every simulator offers: incident particles in, events out, with no learned model in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors.base import Detector
from moliere.events import Events
from moliere.registry import Registry


class Simulator(ABC):
    """Makes events of one detector from incident particles.

    Attributes:
        detector: what is read out.
    """

    detector: Detector

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


#: name → simulator class, built from a detector
simulators: Registry[type[Simulator]] = Registry("simulator")
