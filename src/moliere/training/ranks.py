"""Several processes that train one model: each has a part of every batch, and all make the same updates.

A process is called a rank, as ``torchrun`` does, which says by environment variables who is who. The gradients of an
objective are averaged in one call after its whole backward pass: that takes objectives with networks in common, several
updates and gradients of gradients as they come, and networks of some million weights would gain little by more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from moliere.errors import IncompleteRun
from moliere.models.noise import SharedGenerator, shared_noise
from moliere.seeding import derive_seed

T = TypeVar("T")

#: ranks that wait for the first to validate, or to unpack the events, do so at most this long
_PATIENCE = timedelta(hours=2)
#: more ranks draw noise of their own: to draw that of the whole batch costs each rank as much as it costs one process
_SHARING = 8


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is.

    Args:
        rank: its number, from 0.
        size: how many there are.
        local: its number on its machine.
        local_size: how many there are on its machine.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    local_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this rank writes and shows."""
        return self.rank == 0

    def rows(self, n: int) -> slice:
        """The part of a batch of n events that is this rank's.

        Example:
            >>> [Ranks(k, 3).rows(8) for k in range(3)]
            [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def generator(self, device: torch.device, seed: int, n: int) -> torch.Generator:
        """Random numbers for this rank's part of a batch of n events."""
        if self.size == 1:
            return torch.Generator(device).manual_seed(seed)
        own = derive_seed(seed, self.rank)
        if self.size > _SHARING:
            return torch.Generator(device).manual_seed(own)
        return SharedGenerator(device, self.rows(n), n, seed, own)

    def average(self, parameters: Sequence[nn.Parameter], loss: Tensor, n: int) -> Tensor:
        """Make the gradients those of the whole batch.

        Args:
            parameters: whose gradients are averaged; those that no rank has a gradient of keep none.
            loss: mean of this rank's events.
            n: events of the whole batch.

        Returns:
            The mean loss of the whole batch; not finite if it is not so for one rank.
        """
        if self.size == 1:
            return loss
        rows = self.rows(n)
        weight = (rows.stop - rows.start) / n
        have = torch.tensor([p.grad is not None for p in parameters], dtype=loss.dtype, device=loss.device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([have, loss.reshape(1) * weight, *(grad.flatten() * weight for grad in grads)])
        with _together():
            dist.all_reduce(flat)
        known = flat[: len(have)].tolist()
        pieces = flat[len(have) + 1 :].split([p.numel() for p in parameters])
        for parameter, piece, is_known in zip(parameters, pieces, known, strict=True):
            parameter.grad = piece.view_as(parameter).to(parameter.dtype) if is_known else None
        return flat[len(have)]

    def largest(self, *values: float) -> list[float]:
        """Of each number the largest that a rank has: what all must agree on, such as whether to stop."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        with _together():
            dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return numbers.tolist()

    def gathered(self, value: T) -> list[T]:
        """What each rank has, in all of them."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _together():
            dist.all_gather_object(values, value)
        return values

    def told(self, make: Callable[[], T]) -> T:
        """What the first rank makes, in all of them.

        Raises:
            IncompleteRun: the first rank could not make it; its own error says why.
        """
        if self.size == 1:
            return make()
        message: list[Any] = [None]
        if not self.is_first:
            with _together():
                dist.broadcast_object_list(message)
            if message[0] is None:
                raise _left_alone()
            return message[0][0]  # type: ignore[no-any-return]
        try:
            message = [(make(),)]
        finally:
            with _together():
                dist.broadcast_object_list(message)
        return message[0][0]  # type: ignore[no-any-return]

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first rank goes through the block, then all others: it makes files that they read."""
        if not self.is_first:
            self.told(bool)
        try:
            yield
        except BaseException:
            if self.is_first and self.size > 1:
                with _together():
                    dist.broadcast_object_list([None])
            raise
        if self.is_first:
            self.told(bool)

    def make_equal(self, module: nn.Module) -> None:
        """Give all ranks the first one's weights and buffers."""
        if self.size > 1:
            with _together():
                for values in module.state_dict().values():
                    if isinstance(values, Tensor):
                        sent = values.contiguous()
                        dist.broadcast(sent, 0)
                        values.copy_(sent)


#: one process, as most trainings are
ALONE = Ranks()


def rank_here() -> Ranks:
    """What the environment says this process is."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if not all(name in os.environ for name in names[:3]):
        return ALONE
    rank, size, local, local_size = (int(os.environ.get(name, 1)) for name in names)
    return Ranks(rank, size, local, local_size) if size > 1 else ALONE


@contextmanager
def joined() -> Iterator[Ranks]:
    """Meet the other ranks, and part from them at the end."""
    ranks = rank_here()
    if ranks.size == 1 or dist.is_initialized():
        yield ranks
        return
    with _together():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def noise_of(rng: torch.Generator) -> AbstractContextManager[object]:
    """Where losses are computed whose noise comes from this generator."""
    return shared_noise(rng) if isinstance(rng, SharedGenerator) else nullcontext()


@contextmanager
def _together() -> Iterator[None]:
    """What all ranks do at once; one that is gone makes it impossible.

    Raises:
        IncompleteRun: another rank has ended.
    """
    try:
        yield
    except RuntimeError as error:
        raise _left_alone() from error


def _left_alone() -> IncompleteRun:
    return IncompleteRun("another process of this training has ended; its own message says why")
