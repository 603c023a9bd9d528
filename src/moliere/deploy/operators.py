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
#: numerators and denominators of AS241, highest power first: in the middle, in the tail, far out in the tail
_QUANTILE = (
    (
        *(2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987),
        *(13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665),
    ),
    (
        *(5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597),
        *(5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0),
    ),
    (
        *(0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684),
        *(3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835),
    ),
    (
        *(1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008),
        *(0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0),
    ),
    (
        *(2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124),
        *(0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103),
    ),
    (
        *(2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133),
        *(0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0),
    ),
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


def special_ndtri(self: Tensor) -> Tensor:
    """The number that this share of N(0, 1) lies below (Wichura's algorithm AS241, as in Python's ``statistics``)."""
    q = self - 0.5
    r = (-torch.log(torch.minimum(self, 1 - self))).sqrt()
    middle, near, far = 0.180625 - q * q, r - 1.6, r - 5.0
    centre = q * _polynomial(_QUANTILE[0], middle) / _polynomial(_QUANTILE[1], middle)
    close = _polynomial(_QUANTILE[2], near) / _polynomial(_QUANTILE[3], near)
    beyond = _polynomial(_QUANTILE[4], far) / _polynomial(_QUANTILE[5], far)
    tail = torch.where(r <= 5.0, close, beyond)
    return torch.where(q.abs() <= 0.425, centre, torch.where(q < 0, -tail, tail))


def special_erfinv(self: Tensor) -> Tensor:
    """The inverse of the error function, by its other name."""
    return erfinv(self)


def erfinv(self: Tensor) -> Tensor:
    """The inverse of the error function."""
    return special_ndtri((self + 1) / 2) * math.sqrt(0.5)


def special_erf(self: Tensor) -> Any:
    """The error function, by its other name."""
    return erf(self)


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


def tan(self: Tensor) -> Tensor:
    """The tangent."""
    return self.sin() / self.cos()


def hypot(self: Tensor, other: Tensor) -> Tensor:
    """Length of (self, other)."""
    return (self * self + other * other).sqrt()


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    dilation: Sequence[int] = (1, 1, 1),
    groups: int = 1,
) -> Any:
    """A convolution that has a bias; without one, torch's exporter makes one of a wrong shape."""
    given = weight.new_zeros(weight.shape[0]) if bias is None else bias
    return aten.convolution.default(
        input, weight, given, list(stride), list(padding), list(dilation), False, [0, 0, 0], groups
    )


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
    aten.special_ndtri.default: special_ndtri,
    aten.erf.default: erf,
    aten.special_erf.default: special_erf,
    aten.erfinv.default: erfinv,
    aten.special_erfinv.default: special_erfinv,
    aten.atan2.default: atan2,
    aten.atan.default: atan,
    aten.tan.default: tan,
    aten.hypot.default: hypot,
    aten.index.Tensor: index,
    aten.conv3d.default: conv3d,
}
