"""Batches as slices of tensors: no worker processes, no single events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.events import EventSource
from moliere.events.store import IN_MEMORY_BYTES, signal_bytes
from moliere.models.base import Batch
from moliere.preprocess import condition_matrix
from moliere.seeding import derive_seed


@dataclass(frozen=True)
class BatchSource:
    """Some events of a source, ready to be drawn from.

    What fits stays in memory as one batch; the rest is read from the source whenever a batch is taken.

    Args:
        source: the events.
        index: positions of those that take part, increasing.
        columns: incident columns of the condition.
    """

    source: EventSource
    index: NDArray[np.int64]
    columns: tuple[str, ...]
    held: Batch | None = None

    def __len__(self) -> int:
        """Number of events."""
        return len(self.index)

    def take(self, positions: Tensor) -> Batch:
        """The events at these positions of the index."""
        if self.held is not None:
            return self.held[positions]
        return to_batch(self.source, self.index[positions.numpy()], self.columns)


def open_batches(source: EventSource, index: NDArray[np.int64], columns: tuple[str, ...]) -> BatchSource:
    """A batch source that holds its events in memory if they are small."""
    fits = signal_bytes(source.detector, len(index)) <= IN_MEMORY_BYTES
    return BatchSource(source, index, columns, to_batch(source, index, columns) if fits else None)


def to_batch(source: EventSource, index: NDArray[np.int64], columns: tuple[str, ...]) -> Batch:
    """Events as tensors."""
    events = source.take(index)
    weights = None if events.weights is None else torch.tensor(events.weights)
    return Batch(torch.tensor(condition_matrix(events.incident, columns)), torch.tensor(events.signals), weights)


def batch_positions(n_events: int, batch_size: int, seed: int, step: int) -> Tensor:
    """Positions of the events in batch ``step`` of an endless sequence of shuffled epochs.

    Stateless: a resumed run asks for the same step and gets the same batch. An epoch's last, incomplete batch is left
    out, unless it is the only one.
    """
    size = min(batch_size, n_events)
    epoch, place = divmod(step, n_events // size)
    rng = torch.Generator().manual_seed(derive_seed(seed, 0, epoch))
    return torch.randperm(n_events, generator=rng)[place * size : (place + 1) * size]
