"""The stages of a run: how far it is, which events and which objectives take part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from moliere.errors import ConfigError
from moliere.training.batches import BatchSource
from moliere.training.checkpoint import Progress
from moliere.training.config import StageConfig


@dataclass(frozen=True)
class Place:
    """The position in a run.

    Args:
        stage: number of the stage, from 0.
        fraction: how much of the stage is done.
    """

    stage: int
    fraction: float


@dataclass(frozen=True)
class Curriculum:
    """Stages one after the other, by iterations or by the clock.

    Args:
        stages: at least one.
        limit_minutes: of training after which a run by iterations is cut short.
    """

    stages: tuple[StageConfig, ...]
    limit_minutes: float | None = None

    @property
    def iterations(self) -> int | None:
        """Iterations of all stages together; ``None`` where their length is a time."""
        return None if self.stages[0].minutes is not None else int(self.total)

    def is_out_of_time(self, progress: Progress) -> bool:
        """Whether the time limit is reached."""
        return self.limit_minutes is not None and progress.seconds >= 60 * self.limit_minutes

    @property
    def total(self) -> float:
        """Iterations or minutes of all stages together."""
        return sum(map(_length, self.stages))

    def fraction(self, progress: Progress) -> float:
        """How much of the run is done."""
        return self._position(progress) / self.total

    def place(self, progress: Progress) -> Place:
        """The stage that a run is in; past its end, the last one."""
        position, k = self._position(progress), 0
        while k < len(self.stages) - 1 and position >= _length(self.stages[k]):
            position, k = position - _length(self.stages[k]), k + 1
        return Place(k, min(1.0, position / _length(self.stages[k])))

    def _position(self, progress: Progress) -> float:
        return progress.iteration if self.stages[0].minutes is None else progress.seconds / 60


def _length(stage: StageConfig) -> float:
    return stage.iterations or stage.minutes or 0.0


def stage_batches(batches: BatchSource, stage: StageConfig) -> BatchSource:
    """The events of a batch source that a stage asks for.

    Raises:
        ConfigError: it asks for a column that the events lack, or for a range in which there are none.
    """
    if not stage.within:
        return batches
    inside = np.ones(len(batches), dtype=bool)
    for name, (low, high) in stage.within.items():
        if name not in batches.source.incident:
            raise ConfigError(
                f"training.stage.within.{name}: the events have no such column, only {sorted(batches.source.incident)}"
            )
        values = batches.source.incident[name][batches.index]
        inside &= (values >= low) & (values <= high)
    if len(batches) and not inside.any():
        raise ConfigError(f"training.stage.within {stage.within}: none of {len(batches)} events is there")
    held = None if batches.held is None else batches.held[torch.from_numpy(np.flatnonzero(inside))]
    return replace(batches, index=batches.index[inside], held=held)
