"""Whether an exported graph makes what the model makes, event by event.

Two correct computations in single precision differ in their last digits, and where a model cuts at a threshold or keeps
the largest of several numbers, a last digit decides whether a cell is there at all. Such an event is *ambiguous*: the
model itself makes both results when its latent moves by as much as rounding moves a sum of some hundred products. This
is tried out, with many moved copies of the events that differ most: what lies further outside of what the model itself
makes than that is wide is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from moliere.errors import ExportError

Floats = NDArray[np.float64]
Function = Callable[[Sequence[Tensor]], Tensor]

#: relative difference that rounding may make
TOLERANCE = 1e-5
#: copies of an event, and how far their inputs move, in units of float32's last place
_COPIES, _FEWEST, _MOVE = 128, 32, 32.0
#: share of a channel's spread below which differences are taken of that, where there is no threshold
_FLOOR = 0.1
#: ambiguous events that are looked into, the worst first
_LOOKED_AT = 20
#: numbers that are computed at once
_AT_ONCE = 2**22


@dataclass(frozen=True)
class Parity:
    """How near two computations are.

    Args:
        events: that were compared.
        largest: largest relative difference, in events that are not ambiguous.
        ambiguous: events in which rounding decides which cells answer; within what the model itself makes.
        note: what else was looked at.
    """

    events: int
    largest: float
    ambiguous: int
    note: str = ""

    def __str__(self) -> str:
        """In words."""
        ambiguous = f"; in {self.ambiguous} of them, rounding decides which cells answer" if self.ambiguous else ""
        note = f"; {self.note}" if self.note else ""
        return f"{self.events:,} events agree with torch to {self.largest:.1e}{ambiguous}{note}"


def compare(model: Function, exported: Function, inputs: Sequence[Tensor], threshold: float) -> Parity:
    """Compare two computations.

    Args:
        model: the one that is right.
        exported: the other one.
        inputs: of some events, each (n, width).
        threshold: signals below it count as equal to it; 0 takes a tenth of each channel's spread instead.

    Raises:
        ExportError: they differ by more than rounding.
    """
    expected, found = (in_pieces(function, inputs) for function in (model, exported))
    floor = threshold if threshold > 0 else _FLOOR * expected.std(axis=0)
    away = _relative(found, expected, floor)
    strange = np.flatnonzero(~(away.max(axis=1, initial=0.0) <= TOLERANCE))
    worst = strange[np.argsort(-np.nan_to_num(away[strange], nan=np.inf).max(axis=1, initial=0.0), kind="stable")]
    for row in worst[:_LOOKED_AT]:
        if not _is_ambiguous(model, [values[row : row + 1] for values in inputs], found[row], floor):
            raise ExportError(_differ(away[row : row + 1], f"in event {row}"))
    agreed = np.delete(away, strange, axis=0)
    return Parity(len(expected), float(agreed.max(initial=0.0)), len(strange))


def in_pieces(function: Function, inputs: Sequence[Tensor]) -> Floats:
    """Outputs of many events in bounded memory, as float64; angles and others as they are."""
    pieces: list[Floats] = []
    start, step = 0, 1
    while start < len(inputs[0]):
        with torch.no_grad():
            output = function([values[start : start + step] for values in inputs])
        pieces.append(output.double().numpy())
        start, step = start + step, max(1, _AT_ONCE // (64 * max(1, output.shape[1])))
    return np.concatenate(pieces)


def _relative(found: Floats, expected: Floats, floor: float | Floats) -> Floats:
    """Differences in parts of the larger value, or of the floor; where both are NaN there is none."""
    size = np.maximum(np.maximum(np.abs(found), np.abs(expected)), floor)
    both = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.where(both, 0.0, np.abs(found - expected) / np.where(size > 0, size, 1.0))


def _is_ambiguous(model: Function, event: Sequence[Tensor], found: Floats, floor: float | Floats) -> bool:
    """Whether the model makes what was found, number by number, of inputs that moved by a few last digits."""
    rng = torch.Generator().manual_seed(0)
    n = max(_FEWEST, min(_COPIES, _AT_ONCE // len(found)))
    copies = []
    for values in event:
        many = values.expand(n, -1)
        move = torch.randn(many.shape, generator=rng, dtype=torch.float64) * _MOVE * torch.finfo(torch.float32).eps
        moves = values.is_floating_point() and values.dtype == torch.float32
        copies.append((many.double() * (1 + move)).to(values.dtype) if moves else many)
    made = in_pieces(model, copies)
    low, high = made.min(axis=0), made.max(axis=0)
    low, high = low - (high - low), high + (high - low)
    inside = _relative(np.clip(found, low, high), found, floor) <= TOLERANCE
    return bool((inside & (np.isnan(made).any(axis=0) | ~np.isnan(found))).all())


def _differ(away: Floats, where: str) -> str:
    largest = np.nan_to_num(away, nan=np.inf).max()
    return (
        f"the exported graph differs from the model by {largest:.1e} {where}; expected {TOLERANCE:.0e}; "
        "nothing was written; report this as a bug, with the bundle"
    )
