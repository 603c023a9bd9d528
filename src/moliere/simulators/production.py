"""A simulation in blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moliere.detectors import Detector
from moliere.events import Events
from moliere.production import Job, produce
from moliere.simulators.base import Simulator

__all__ = ["Production", "produce"]


@dataclass(frozen=True)
class Production(Job):
    """One simulation to be written to one file.

    Args:
        simulator: makes the events.
        incident: columns of all events.
        seed: of the whole run.
        output: HDF5 file; finished blocks lie beside it in a folder ``<output>.parts`` until it is whole.
    """

    simulator: Simulator
    incident: Mapping[str, NDArray[Any]]
    seed: int
    output: Path

    def __len__(self) -> int:
        """Number of events."""
        return len(self.incident["energy"])

    @property
    def block_size(self) -> int:
        """As the simulator has it."""
        return self.simulator.block_size

    @property
    def isolated(self) -> bool:  # type: ignore[override]
        """As the simulator is."""
        return self.simulator.isolated

    @property
    def counted(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the simulator has it."""
        return self.simulator.counted

    @property
    def detector(self) -> Detector:
        """What is read out."""
        return self.simulator.detector

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The seed."""
        return {"seed": self.seed}

    @cached_property
    def mark(self) -> str:
        """Simulator with all settings, seed, and incident particles."""
        digest = hashlib.sha256(repr((self.simulator, self.seed)).encode())
        for name in sorted(self.incident):
            digest.update(name.encode() + np.ascontiguousarray(self.incident[name]).tobytes())
        return digest.hexdigest()

    def make(self, block: int) -> Events:
        """The events of a block."""
        incident = {name: column[self.rows(block)] for name, column in self.incident.items()}
        return self.simulator.simulate_here(incident, np.random.default_rng(self.seed_of(block)))
