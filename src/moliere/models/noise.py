"""Random numbers of a batch that several processes share: each draws the whole batch's and keeps those of its events.

So two processes give the losses of one, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: what draws as many numbers as a shape says
_SHAPED = (torch.rand, torch.randn, torch.randint)
_DRAWS = (*_SHAPED, torch.randperm, torch.bernoulli, torch.multinomial, torch.normal)


class SharedGenerator(torch.Generator):
    """A random source that is the same in all processes which share a batch.

    Args:
        device: where it draws.
        rows: of the batch, those of this process.
        total: rows of the batch.
        seed: the same in all processes.
        own: seed of this process alone.
    """

    def __new__(cls, device: torch.device, rows: slice, total: int, seed: int, own: int) -> SharedGenerator:
        """A generator's device is given to ``__new__``."""
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, device: torch.device, rows: slice, total: int, seed: int, own: int) -> None:
        self.rows, self.total = rows, total
        self.manual_seed(seed)
        self.own = torch.Generator(device).manual_seed(own)


class shared_noise(TorchFunctionMode):
    """Within the block, draws from a shared generator that have one row for each event are cut from the whole batch's.

    A single number is the same in all processes, as one process would draw it for the whole batch; all other draws
    come from a stream of the process's own.

    Args:
        rng: the shared generator; draws from others are left alone.
    """

    def __init__(self, rng: SharedGenerator) -> None:
        super().__init__()
        self._rng = rng

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Whatever torch is asked for in the block passes here."""
        kwargs = dict(kwargs or {})
        rng = self._rng
        if func not in _DRAWS or kwargs.get("generator") is not rng:
            return func(*args, **kwargs)
        size = _size(args, kwargs) if func in _SHAPED else None
        if size is not None and size[:1] == (rng.rows.stop - rng.rows.start,):
            return func(*_with_rows(args, kwargs, rng.total), **kwargs)[rng.rows]
        if size != () and not (func is torch.randperm and args[0] == rng.total):
            kwargs["generator"] = rng.own
        return func(*args, **kwargs)


def strata(n: int, rng: torch.Generator, device: torch.device) -> tuple[Tensor, int]:
    """Which part of the unit interval each event of a batch has for itself, and into how many it is divided.

    Args:
        n: events of this process.
        rng: of the batch; a shared one divides the interval among the events of all processes.
        device: of the numbers.

    Returns:
        Numbers of the parts (n,), and how many parts there are.
    """
    if isinstance(rng, SharedGenerator) and n == rng.rows.stop - rng.rows.start:
        return torch.randperm(rng.total, generator=rng, device=device)[rng.rows], rng.total
    return torch.randperm(n, generator=rng, device=device), max(n, 1)


def _size(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape that a draw asks for: the last argument, or all of them as numbers."""
    if "size" in kwargs:
        return tuple(kwargs["size"])
    return tuple(args) if isinstance(args[-1], int) else tuple(args[-1])


def _with_rows(args: Sequence[Any], kwargs: dict[str, Any], rows: int) -> Sequence[Any]:
    """The same arguments with another number of rows; a shape in the keywords is changed there."""
    if "size" in kwargs:
        kwargs["size"] = (rows, *kwargs["size"][1:])
        return args
    return (rows, *args[1:]) if isinstance(args[-1], int) else (*args[:-1], (rows, *args[-1][1:]))
