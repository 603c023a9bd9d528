"""Batches as slices of tensors: no worker processes, no single events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import ConfigError
from moliere.events import EventSource
from moliere.events.resample import check_weights
from moliere.events.store import IN_MEMORY_BYTES, signal_bytes
from moliere.models.base import SECOND, Batch
from moliere.preprocess import condition_matrix
from moliere.seeding import Purpose, derive_seed
from moliere.training.ranks import ALONE, Ranks

#: events that lie together in a file and are read together, and those that are shuffled among each other
_BLOCK, _WINDOW = 256, 2**15


@dataclass(frozen=True)
class BatchSource:
    """Some events of a source, ready to be drawn from.

    What fits stays in memory as one batch; the rest is read from the source whenever a batch is taken.

    Args:
        source: the events.
        index: positions of the events to draw from, increasing.
        columns: incident columns of the condition.
        held: the events, where they fit in memory.
        extras: what else a batch holds of each event.
        second: events of a second sample; a batch holds as many of their signals beside its own.
    """

    source: EventSource
    index: NDArray[np.int64]
    columns: tuple[str, ...]
    held: Batch | None = None
    extras: tuple[str, ...] = ()
    second: BatchSource | None = None

    def __len__(self) -> int:
        """Number of events."""
        return len(self.index)

    @property
    def window(self) -> int:
        """The number of neighbouring events that are shuffled together: all in memory, fewer on disk."""
        return len(self) if self.held is not None else _WINDOW

    @cached_property
    def cumulative(self) -> Tensor | None:
        """Running sums of the events' weights, where they have any.

        Raises:
            InvalidEvents: weights that are negative or not finite, or none above 0.
        """
        if self.source.weights is None or len(self) == 0:
            return None
        weights = self.source.weights[self.index]
        check_weights(weights)
        return torch.from_numpy(np.cumsum(weights))

    def drawn(self, batch_size: int) -> int:
        """Events in a batch: as many as are asked for, if there are so many."""
        return min(batch_size, len(self)) if self.cumulative is None else batch_size

    def draw(self, batch_size: int, seed: int, step: int, ranks: Ranks = ALONE) -> Batch:
        """Batch ``step`` of an endless sequence: shuffled epochs, or drawn by weight where events have weights.

        What is drawn by weight has none left, so that every model learns the weighted events. Several ranks get a part
        each of the batch that one would get.
        """
        if self.cumulative is None:
            batch = self._part(batch_positions(len(self), batch_size, seed, step, self.window), ranks)
        else:
            positions = weighted_positions(self.cumulative, batch_size, seed, step)
            batch = replace(self._part(positions, ranks), weights=None)
        if self.second is None:
            return batch
        return beside(batch, self.second.draw(batch_size, derive_seed(seed, Purpose.SECOND_SAMPLE), step, ranks))

    def _part(self, positions: Tensor, ranks: Ranks) -> Batch:
        """A rank's part of the events at these positions; in the order in which they are read, as one rank has them."""
        order = positions if self.held is not None else positions.sort().values
        return self.take(order[ranks.rows(len(order))])

    def passes(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """All events once, in order, or as many drawn by weight: the same ones every time."""
        positions = torch.arange(len(self))
        weighted = self.cumulative is not None
        drawn = positions if self.cumulative is None else weighted_positions(self.cumulative, len(self), seed, 0)
        for part, rows in zip(drawn.split(batch_size), positions.split(batch_size), strict=True):
            batch = replace(self.take(part), weights=None) if weighted else self.take(part)
            yield batch if self.second is None else beside(batch, self.second.take(rows % len(self.second)))

    def take(self, positions: Tensor) -> Batch:
        """The events at these positions of the index."""
        if self.held is not None:
            return self.held[positions]
        # increasing rows are read faster, and their order inside a batch means nothing
        return to_batch(self.source, np.sort(self.index[positions.numpy()]), self.columns, self.extras)


def beside(batch: Batch, second: Batch) -> Batch:
    """A batch with the signals of a second sample beside its own, and with its extras under names of their own."""
    extras = {f"{SECOND} {name}": values for name, values in second.extras.items()}
    return replace(batch, extras={**batch.extras, SECOND: second.signals, **extras})


def open_batches(
    source: EventSource, index: NDArray[np.int64], columns: tuple[str, ...], extras: tuple[str, ...] = ()
) -> BatchSource:
    """A batch source that holds its events in memory if they are small."""
    fits = signal_bytes(source.detector, len(index)) <= IN_MEMORY_BYTES
    return BatchSource(source, index, columns, to_batch(source, index, columns, extras) if fits else None, extras)


def to_batch(
    source: EventSource, index: NDArray[np.int64], columns: tuple[str, ...], extras: tuple[str, ...] = ()
) -> Batch:
    """Events as tensors.

    Raises:
        ConfigError: the events lack an extra.
    """
    events = source.take(index)
    if missing := [name for name in extras if name not in events.extras]:
        raise ConfigError(f"the model needs {missing} beside the signals; these events have {sorted(events.extras)}")
    return Batch(
        torch.tensor(condition_matrix(events.incident, columns, len(events))),
        torch.tensor(events.signals),
        None if events.weights is None else torch.tensor(events.weights),
        {name: torch.tensor(events.extras[name]) for name in extras},
    )


def describe(batch: Batch) -> str:
    """The ranges of a batch, which help to find events at fault."""
    parts = [f", on a batch of {len(batch)} events with signals from {float(batch.signals.min()):g} to "]
    parts.append(f"{float(batch.signals.max()):g}")
    if batch.condition.shape[1]:
        parts.append(f" and first condition column from {float(batch.condition[:, 0].min()):g} to ")
        parts.append(f"{float(batch.condition[:, 0].max()):g}")
    return "".join(parts)


def batch_positions(n_events: int, batch_size: int, seed: int, step: int, window: int | None = None) -> Tensor:
    """Positions of the events in batch ``step`` of an endless sequence of shuffled epochs.

    Stateless: a resumed run asks for the same step and gets the same batch. An epoch's last, incomplete batch is left
    out, unless it is the only one.

    Args:
        n_events: how many there are to draw from.
        batch_size: how many are drawn.
        seed: of the run.
        step: which batch.
        window: how many events are shuffled among each other; all by default. Smaller windows are made of blocks of
            neighbours from everywhere, so that a disk reads blocks and not single events.
    """
    size = min(batch_size, n_events)
    epoch, place = divmod(step, n_events // size)
    order = _shuffled(n_events, derive_seed(seed, Purpose.BATCHES, epoch), window or n_events)
    return order[place * size : (place + 1) * size]


def weighted_positions(cumulative: Tensor, n: int, seed: int, step: int) -> Tensor:
    """Positions of n events drawn in proportion to their weights, with replacement.

    Stateless as :func:`batch_positions`. One draw falls in each n-th of all weight, so that a batch holds heavy and
    light events in their true shares as nearly as it can.

    Args:
        cumulative: running sums of the weights.
        n: how many are drawn.
        seed: of the run.
        step: which batch.
    """
    rng = torch.Generator().manual_seed(derive_seed(seed, Purpose.BATCHES, step))
    shares = (torch.arange(n) + torch.rand(n, generator=rng, dtype=torch.float64)) / n
    return torch.searchsorted(cumulative, shares * cumulative[-1], right=True).clamp_(max=len(cumulative) - 1)


@lru_cache(maxsize=2)  # the same order serves a whole epoch
def _shuffled(n: int, seed: int, window: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    if window >= n:
        return torch.randperm(n, generator=rng)
    blocks = torch.arange(n).split(_BLOCK)
    order = torch.cat([blocks[k] for k in torch.randperm(len(blocks), generator=rng).tolist()])
    return torch.cat([part[torch.randperm(len(part), generator=rng)] for part in order.split(window)])
