"""Operators that ONNX, or its runtime in double precision, does not have, written in those that every consumer has.

Each function has the signature of the operator that it replaces in an exported program, and is tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

#: Chebyshev coefficients of ln(erfc(z) exp(z²) / t) in 4t - 2 with t = 2 / (2 + z): Numerical Recipes, 3rd ed., 6.2.2
_ERFC = (
    *(-1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3),
    *(-9.46595344482036e-4, 3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5),
    *(-1.624290004647e-6, 1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8),
    *(6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10),
    *(9.6467911e-11, 2.394038e-12, -6.886027e-12, 8.94487e-13),
    *(3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15),
    *(-1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17),
)
#: atan(x) = x + x z P(z) / Q(z), z = x², |x| ≤ 0.66: atan.c of Cephes, highest power first
_ATAN_P = (
    *(-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1),
    *(-1.228866684490136173410e2, -6.485021904942025371773e1),
)
_ATAN_Q = (
    *(1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2),
    *(4.853903996359136964868e2, 1.945506571482613964425e2),
)
_REDUCED = 0.66


def searchsorted(
    sorted_sequence: Tensor, self: Tensor, *, out_int32: bool = False, right: bool = False, **other: Any
) -> Tensor:
    """How many numbers of one increasing row are below each value (``right``: not above it)."""
    del out_int32, other
    values = self.unsqueeze(-1)
    return (sorted_sequence <= values if right else sorted_sequence < values).to(torch.int64).sum(-1)


def cumprod(self: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    """Products of the first 1, 2, … columns, one after the other."""
    columns = (self if dtype is None else self.to(dtype)).unbind(dim)
    products = list(columns[:1])
    for column in columns[1:]:
        products.append(products[-1] * column)
    return torch.stack(products, dim)


def special_ndtr(self: Tensor) -> Tensor:
    """Share of N(0, 1) below each number, in double precision up to the last digits of either tail."""
    half = _erfc_of_positive(self.abs() * math.sqrt(0.5)) / 2
    return torch.where(self > 0, 1 - half, half)


def erf(self: Tensor) -> Any:
    """The error function; in single precision ONNX has it, and nothing is replaced."""
    if self.dtype != torch.float64:
        return NotImplemented
    tail = _erfc_of_positive(self.abs())
    return torch.where(self > 0, 1 - tail, tail - 1)


def _erfc_of_positive(z: Tensor) -> Tensor:
    t = 2 / (2 + z)
    y = 4 * t - 2
    d, dd = torch.zeros_like(z), torch.zeros_like(z)
    for coefficient in reversed(_ERFC[1:]):
        d, dd = y * d - dd + coefficient, d
    return t * torch.exp(-z * z + 0.5 * (_ERFC[0] + y * d) - dd)


def atan2(self: Tensor, other: Tensor) -> Tensor:
    """Angle of (other, self), in (-π, π]; 0 for (0, 0)."""
    y, x = self.abs(), other.abs()
    long, short = torch.maximum(x, y), torch.minimum(x, y)
    first = _atan_of_share(short / torch.where(long > 0, long, torch.ones_like(long)))
    octant = torch.where(y > x, math.pi / 2 - first, first)
    half = torch.where(other < 0, math.pi - octant, octant)
    return torch.where(self < 0, -half, half)


def atan(self: Tensor) -> Tensor:
    """The arc tangent."""
    return atan2(self, torch.ones_like(self))


def _atan_of_share(share: Tensor) -> Tensor:
    """Arc tangent of numbers from 0 to 1."""
    far = share > _REDUCED
    x = torch.where(far, (share - 1) / (share + 1), share)
    z = x * x
    angle = x * z * (_polynomial(_ATAN_P, z) / _polynomial(_ATAN_Q, z)) + x
    return torch.where(far, angle + math.pi / 4, angle)


def _polynomial(coefficients: Sequence[float], z: Tensor) -> Tensor:
    result = torch.full_like(z, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * z + coefficient
    return result


def hypot(self: Tensor, other: Tensor) -> Tensor:
    """Length of (self, other)."""
    return (self * self + other * other).sqrt()


def index(self: Tensor, indices: Sequence[Tensor | None]) -> Any:
    """Rows, or columns, by one tensor of their places; nothing else is replaced."""
    given = [(dim, places) for dim, places in enumerate(indices) if places is not None]
    if len(given) != 1 or given[0][1].dtype == torch.bool or given[0][1].dim() == 0:
        return NotImplemented
    dim, places = given[0]
    taken = self.index_select(dim, places.reshape(-1))
    return taken if places.dim() == 1 else taken.unflatten(dim, places.shape)


#: operator of torch → what it is written as in an exported program
SUBSTITUTES: dict[Any, Callable[..., Any]] = {
    aten.searchsorted.Tensor: searchsorted,
    aten.cumprod.default: cumprod,
    aten.special_ndtr.default: special_ndtr,
    aten.erf.default: erf,
    aten.atan2.default: atan2,
    aten.atan.default: atan,
    aten.hypot.default: hypot,
    aten.index.Tensor: index,
}
