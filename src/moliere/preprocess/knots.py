"""Functions of one number as values at evenly spaced knots: learned by counting, read by straight lines."""

from __future__ import annotations

import torch
from torch import Tensor


def at_knots(table: Tensor, place: Tensor) -> Tensor:
    """Values between knots.

    Args:
        table: values at knots 0, 1, …, at least two.
        place: where to read them, from 0 to the last knot; of any shape.

    Example:
        >>> at_knots(torch.tensor([0.0, 10.0, 40.0]), torch.tensor([0.5, 1.0, 2.0]))
        tensor([ 5., 10., 40.])
    """
    below = place.floor().long().clamp(max=len(table) - 2)
    return torch.lerp(table[below], table[below + 1], (place - below).to(table))


def mean_squares(place: Tensor, values: Tensor, n_knots: int) -> tuple[Tensor, Tensor]:
    """Mean squares of the values nearest to each knot, 0 where there are none, and how many there are.

    Args:
        place: of each value, from 0 to the last knot; of any shape.
        values: of the same shape.
        n_knots: how many knots.
    """
    knot = place.round().long().flatten()
    count = torch.bincount(knot, minlength=n_knots)
    squares = torch.bincount(knot, values.flatten().square(), minlength=n_knots)
    return squares / count.clamp(min=1), count
