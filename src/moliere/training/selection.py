"""Which weights a run ships: the last, or the best of those that were validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from moliere.errors import ConfigError
from moliere.events import Events
from moliere.events.resample import unweighted_rows
from moliere.files import replacing
from moliere.models.base import GenerativeModel, Model, Refiner
from moliere.preprocess import condition_matrix
from moliere.seeding import derive_seed
from moliere.training.batches import BatchSource

#: reference events × generated events → named numbers, of which ``score`` is to be small
Judge = Callable[[Events, Events], Mapping[str, float]]

#: ways to select that look at no generated events
UNJUDGED = ("last", "loss")
#: validation events that a score looks at, and those that are generated at once
_JUDGED, _AT_ONCE = 4_000, 500
_JUDGE = 5  # what a derived seed is for


class Selection:
    """Keeps the best weights of a run on disk.

    Args:
        kind: ``last``, ``loss``, or the name of the judge's score.
        judge: looks at generated events; who trains brings it along, as the rooms above this one know none.
        path: where the best weights lie.
        seed: of the generated events.

    Raises:
        ConfigError: a score is asked for, and nobody judges.
    """

    def __init__(self, kind: str, judge: Judge | None, path: Path, seed: int) -> None:
        if kind not in UNJUDGED and judge is None:
            raise ConfigError(f"training.select = {kind!r} needs somebody who scores generated events: pass judge=")
        self.kind, self.path, self.seed = kind, path, seed
        self.judge = judge if kind not in UNJUDGED else None

    def measure(self, model: Model, validation: BatchSource, second: BatchSource | None = None) -> dict[str, float]:
        """The judge's numbers for a model's own events; nothing where nobody judges or there is nothing to judge.

        Generated events are judged against those with the same incident particles, refined ones against the second
        sample, which is what they are to be like.
        """
        if self.judge is None or len(validation) == 0:
            return {}
        own = validation.source.take(self._judged(validation))
        if isinstance(model, GenerativeModel):
            judged = self.judge(own, self._generate(model, own))
        elif isinstance(model, Refiner) and second is not None:
            # without extras: times that a refiner does not touch say nothing of it
            data = replace(second.source.take(self._judged(second)), extras={})
            judged = self.judge(data, _refine(model, own))
        else:
            raise ConfigError(f"training.select = {self.kind!r} judges generated events; this model makes none")
        return {name: float(value) for name, value in judged.items()}

    def _judged(self, validation: BatchSource) -> NDArray[np.int64]:
        """The first validation events; where they have weights, the first of those that are kept by weight."""
        index, weights = validation.index, validation.source.weights
        if weights is not None:
            index = index[unweighted_rows(weights[index], np.random.default_rng(derive_seed(self.seed, _JUDGE)))]
        return index[:_JUDGED]

    def _generate(self, model: GenerativeModel, like: Events) -> Events:
        """The same incident particles and the same latents every time."""
        condition = torch.from_numpy(condition_matrix(like.incident, model.context.columns, len(like)))
        device = next(model.parameters()).device
        rng = torch.Generator().manual_seed(derive_seed(self.seed, _JUDGE))
        signals = []
        for rows in condition.split(_AT_ONCE):
            latent = model.draw_latent(rows, rng)
            signals.append(model.decode(latent.to(device), rows.to(device)).cpu().numpy())
        return Events(like.detector, like.incident, np.concatenate(signals))

    def keep(self, model: Model) -> None:
        """Write the weights that are the best so far."""
        if self.kind != "last":
            with replacing(self.path, overwrite=True) as partial:
                torch.save(model.state_dict(), partial)

    def restore(self, model: Model) -> None:
        """Put the best weights back, if any were kept."""
        if self.kind != "last" and self.path.is_file():
            model.load_state_dict(torch.load(self.path, weights_only=True))


def _refine(model: Refiner, events: Events) -> Events:
    condition = torch.from_numpy(condition_matrix(events.incident, model.context.columns, len(events)))
    device = next(model.parameters()).device
    parts = zip(torch.tensor(events.signals).split(_AT_ONCE), condition.split(_AT_ONCE), strict=True)
    signals = [model.refine(x.to(device), rows.to(device)).cpu().numpy() for x, rows in parts]
    return Events(events.detector, events.incident, np.concatenate(signals))
