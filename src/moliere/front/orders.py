"""Which events are asked of a trained model, in a user's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from moliere.errors import ConfigError
from moliere.events import EventSource
from moliere.events.convert import choose_format
from moliere.front.events import Tell, opened
from moliere.front.particles import particles_for, particles_like
from moliere.generation.fallback import Outside, outside_words
from moliere.generation.job import Generation
from moliere.models import Bundle
from moliere.models.steering import boost
from moliere.units import Quantity

Part = Literal["all", "train", "validation", "test"]


@dataclass(frozen=True)
class Order:
    """What :func:`~moliere.generate` is asked for, whoever makes the events; its words are explained there."""

    n: int | None = None
    energy: Quantity | None = None
    spectrum: str = "log"
    particle: str | None = None
    x: Quantity | None = None
    y: Quantity | None = None
    theta: Quantity | None = None
    phi: Quantity | None = None
    like: str | Path | EventSource | None = None
    part: Part = "all"
    to: str | None = None
    rareness_scale: float | None = None
    rareness_from: str | Path | EventSource | None = None
    seed: int = 0
    batch_size: int = 1024
    device: str = "cpu"
    outside: Outside = "refuse"

    def __post_init__(self) -> None:
        """Refuse words that would be ignored."""
        drawn = (self.n, self.energy, self.particle, *self._spreads.values())
        if self.like is not None and any(word is not None for word in drawn):
            raise ConfigError(
                "the incident particles are taken from other events, so leave out their number, energy, particle, "
                "place and angles; or leave out the other events",
                options=("--like, or -n and --energy",),
            )
        if self.like is None and self.part != "all":
            raise ConfigError(
                f"the {self.part} part is a part of the events whose particles are taken; name them",
                options=("--like FILE",),
            )

    def job(self, bundle: Bundle, output: str | Path | None, tell: Tell = lambda _: None) -> Generation:
        """The events, not made yet, in blocks that any process can do.

        Args:
            bundle: a trained model.
            output: the file that they will be in.
            tell: called with what the user should know, in a sentence.

        Raises:
            ConfigError: words that contradict each other, or the model.
            UnsupportedIncident: particles outside the range that the model was trained on.
        """
        check_device(self.device)
        incident, total = self._particles(bundle, tell)
        if said := outside_words(bundle, incident, self.outside):
            tell(said)
        rare = self.rareness_from if self.rareness_from is None else opened(self.rareness_from)[0]
        proposal = None if self.rareness_scale is None and rare is None else boost(bundle, self.rareness_scale, rare)
        path = Path(output or "events.h5")
        return Generation(
            bundle, incident, total, self.seed, self.batch_size, proposal, self.device, self.outside, path,
            choose_format(path, bundle.detector.kind, self.to),
        )  # fmt: skip

    @property
    def _spreads(self) -> dict[str, Quantity | None]:
        return {"x": self.x, "y": self.y, "theta": self.theta, "phi": self.phi}

    def _particles(self, bundle: Bundle, tell: Tell) -> tuple[Mapping[str, Any], int]:
        if self.like is None:
            return particles_for(bundle, self.n, self.energy, self.spectrum, self.seed, self.particle, **self._spreads)
        source, _ = opened(self.like)
        incident, total = particles_like(bundle, source, self.part)
        if left := sorted({*source.incident} - {*incident}):
            tell(f"left out: {', '.join(left)}, which bundle {bundle.name} is not conditioned on")
        return incident, total


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigError: no such device; those that there are, are named.
    """
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError):
        here = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError(f"there is no device {name!r} here that torch can use; there is: {', '.join(here)}") from None
