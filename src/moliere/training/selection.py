"""Which weights a run ships: the last, or the best of those that were validated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from moliere.events import Events
from moliere.events.judges import Judge, judges
from moliere.events.resample import unweighted_rows
from moliere.models.base import Model
from moliere.seeding import Purpose, derive_seed
from moliere.training.batches import BatchSource, to_batch
from moliere.training.checkpoint import load_states, restore_states, save_states
from moliere.training.config import UNJUDGED, TrainingConfig

#: validation events that a score looks at, and those that are generated at once
_JUDGED, _AT_ONCE = 4_000, 500


#: given the averaged model and the validation events
Look = Callable[[Model, BatchSource], object]
_looks: list[Look] = []


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """Have somebody look at each model that is validated in the block; what the look raises ends that training."""
    _looks.append(look)
    try:
        yield
    finally:
        _looks.remove(look)


class Selection:
    """Keeps the best weights of a run on disk.

    Args:
        kind: ``last``, ``loss``, or the name of a judge.
        path: where the best weights lie.
        seed: of the generated events.

    Raises:
        UnknownName: there is no such judge.
    """

    def __init__(self, kind: str, path: Path, seed: int) -> None:
        self.kind, self.path, self.seed = kind, path, seed
        self.judge: Judge | None = None if kind in UNJUDGED else judges[kind]

    def measure(self, model: Model, validation: BatchSource) -> dict[str, float]:
        """The judge's numbers for a model's own events; none without a judge or without events."""
        for look in _looks:
            look(model, validation)
        if self.judge is None or len(validation) == 0:
            return {}
        found = self.judge(*compared(model, validation, self.seed))
        return {name: float(value) for name, value in found.items()}

    def keep(self, model: Model) -> None:
        """Write the weights that are the best so far."""
        if self.kind != "last":
            save_states(self.path, model.state_dict())

    def restore(self, model: Model) -> None:
        """Put the best weights back, if any were kept."""
        if self.kind != "last" and self.path.is_file():
            restore_states(self.path, {"best": load_states(self.path)}, {"best": [model]})


@torch.no_grad()
def compared(model: Model, validation: BatchSource, seed: int, at_most: int = _JUDGED) -> tuple[Events, Events]:
    """Validation events, and what a model makes of them, with the same random numbers every time.

    Generated events are compared with those with the same incident particles, refined events with the second sample,
    which they shall agree with.

    Args:
        model: in evaluation mode.
        validation: events that it has not seen.
        seed: of its random numbers.
        at_most: so many of the events.
    """
    own, target = _judged(validation, seed, at_most), validation if model.resembles == "events" else validation.second
    assert target is not None  # looked at before the training begins
    # without extras: a model makes none
    reference = replace(target.source.take(_judged(target, seed, at_most)), extras={})
    return reference, _respond(model, validation, own, seed)


def _respond(model: Model, validation: BatchSource, rows: NDArray[np.int64], seed: int) -> Events:
    rng = torch.Generator().manual_seed(derive_seed(seed, Purpose.JUDGE))
    source, pieces = validation.source, (rows[k : k + _AT_ONCE] for k in range(0, len(rows), _AT_ONCE))
    parts = [model.respond(to_batch(source, piece, validation.columns), rng) for piece in pieces]
    incident = {name: values[rows] for name, values in source.incident.items()}
    return Events(source.detector, incident, torch.cat(parts).numpy())


def _judged(validation: BatchSource, seed: int, at_most: int) -> NDArray[np.int64]:
    """The first validation events; where they have weights, the first after a random selection by weight."""
    index, weights = validation.index, validation.source.weights
    if weights is not None:
        index = index[unweighted_rows(weights[index], np.random.default_rng(derive_seed(seed, Purpose.JUDGE)))]
    return index[:at_most]


def validation_losses(
    model: Model, events: BatchSource, config: TrainingConfig, device: torch.device
) -> dict[str, float]:
    """Mean loss of each objective on validation events, with the same noise every time."""
    totals: dict[str, float] = {}
    for k, objective in enumerate(model.objectives()):
        rng = torch.Generator(device).manual_seed(derive_seed(config.seed, Purpose.VALIDATION, k))
        losses = (
            float(objective.loss(batch.to(device), rng).total) * len(batch) / len(events)
            for batch in events.passes(config.batch_size, config.seed)
        )
        totals[objective.name] = sum(losses)
    return totals
