"""Kinematics of a particle flux: Cartesian and polar forms, the beam's ring, and ranges for networks.

References:
    "Fast simulation of muons produced at the SHiP experiment using generative adversarial networks", C. Ahdida, 2019,
    https://arxiv.org/abs/1909.04451
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from moliere.detectors import catalog
from moliere.detectors.base import Detector
from moliere.detectors.phase_space import Column
from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.preprocess.base import NO_FACTS, Facts, PlainTransform, transforms

CARTESIAN = ("charge", "x", "y", "z", "px", "py", "pz")
POLAR = ("charge", "r", "theta", "z", "pt", "theta_pt", "pz")

#: where the ends of a range go; of z alone the lower end goes to -1
_BOTTOM, _TOP, _BOTTOM_OF_Z = -0.97, 0.97, -1.0
#: what a wrong unit would make of a column: unit → other unit and its size
_MIX_UPS = {"mm": (("cm", 10.0), ("m", 1000.0)), "MeV": (("GeV", 1000.0),)}
#: float32 angles may end this far beyond π, in rad
_ROUNDING = 1e-6


@transforms.register("polar")
class Polar(PlainTransform):
    r"""Charge, x, y, z, px, py, pz → charge, r, θ, z, pt, θ_pt, pz.

    .. math:: \theta = \mathrm{atan2}(x, y), \quad \theta_{pt} = \mathrm{atan2}(p_x, p_y)

    Angles run from the y axis, as they do in the published data.

    Example:
        >>> Polar()(torch.tensor([[1.0, 3, 4, -7e4, 0, -500, 2e4]])).round(decimals=3)
        tensor([[ 1.0000e+00,  5.0000e+00,  6.4400e-01, -7.0000e+04,  5.0000e+02,  3.1420e+00, 2.0000e+04]])
    """

    def encode(self, values: Tensor) -> Tensor:
        """(n, 7) Cartesian → (n, 7) polar."""
        charge, x, y, z, px, py, pz = values.unbind(1)
        polar = (charge, torch.hypot(x, y), torch.atan2(x, y), z, torch.hypot(px, py), torch.atan2(px, py), pz)
        return torch.stack(polar, dim=1)

    def decode(self, values: Tensor) -> Tensor:
        """(n, 7) polar → (n, 7) Cartesian; a negative radius is a positive one on the other side."""
        charge, r, theta, z, pt, theta_pt, pz = values.unbind(1)
        cartesian = (charge, r * theta.sin(), r * theta.cos(), z, pt * theta_pt.sin(), pt * theta_pt.cos(), pz)
        return torch.stack(cartesian, dim=1)


def to_polar(events: Events) -> Events:
    """A Cartesian flux in polar form, as ``ship-muons-polar``; weights, extras and incident columns stay.

    Raises:
        InvalidEvents: these are no muons in Cartesian form.
    """
    return _convert(events, CARTESIAN, catalog.get("ship-muons-polar"), Polar().encode)


def to_cartesian(events: Events) -> Events:
    """A polar flux in Cartesian form, as ``ship-muons``, which formats like FairShip's can write.

    Raises:
        InvalidEvents: these are no muons in polar form.
    """
    return _convert(events, POLAR, catalog.get("ship-muons"), Polar().decode)


def smear_beam(events: Events, rng: np.random.Generator) -> Events:
    """Move every muon of a Cartesian flux by a random point of the ring over which the beam is swept.

    Productions shoot all protons at the same place, so that most muons start at x = y = 0; the beam does not.

    Args:
        events: with columns charge, x, y, z, px, py, pz.
        rng: source of randomness.

    Raises:
        InvalidEvents: these are no muons in Cartesian form.
    """
    from moliere.simulators.muons.beam_dump import ring_offsets

    names = _names_of(events.detector, CARTESIAN)
    signals = events.signals.astype(np.float64)
    signals[:, [names.index("x"), names.index("y")]] += ring_offsets(len(events), rng)
    return replace(events, signals=signals.astype(np.float32), metadata={**events.metadata, "beam": "ring"})


def _convert(events: Events, expected: Sequence[str], target: Detector, convert: Callable[[Tensor], Tensor]) -> Events:
    names = _names_of(events.detector, expected)
    order = [names.index(name) for name in expected]
    values = torch.from_numpy(events.signals[:, order].astype(np.float64))
    signals = convert(values).numpy().astype(np.float32)
    return replace(events, detector=target, signals=signals)


def _names_of(detector: Detector, expected: Sequence[str]) -> list[str]:
    names = list(detector.column_names)
    if set(names) != set(expected):
        found = f"has columns {', '.join(names)}" if names else "has no named columns"
        raise InvalidEvents(
            f"expected muons with columns {', '.join(expected)}, but {detector.name} {found}; name a flux of "
            "muons, such as of ship-muons"
        )
    return names


@transforms.register("phase-space-ranges")
class PhaseSpaceRanges(PlainTransform):
    """Every column of a flux from its range to [-0.97, 0.97] (z to [-1, 0.97]), as the published networks have it.

    Fitting widens a range where training muons lie outside, and never narrows one; :attr:`widened` says which. Nothing
    is clipped: muons outside map outside. The inverse turns any network output into something physical: r and pt are
    reflected at 0, angles wrapped to ±π, charges taken by sign.

    Args:
        columns: of the detector, with their ranges; where one has none, the training muons decide.
    """

    low: Tensor
    high: Tensor
    bottom: Tensor
    top: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.register_buffer("low", torch.tensor([column.low for column in columns], dtype=torch.float64))
        self.register_buffer("high", torch.tensor([column.high for column in columns], dtype=torch.float64))
        ends = {"charge": (-1.0, 1.0), "z": (_BOTTOM_OF_Z, _TOP)}
        pairs = torch.tensor([ends.get(column.name, (_BOTTOM, _TOP)) for column in columns], dtype=torch.float64)
        self.register_buffer("bottom", pairs[:, 0], persistent=False)
        self.register_buffer("top", pairs[:, 1], persistent=False)

    @property
    def widened(self) -> dict[str, tuple[float, float]]:
        """Columns whose range fitting had to widen, with the new ends in their units."""
        ends = {column: (low, high) for column, low, high in zip(self.columns, self.low, self.high, strict=True)}
        return {
            column.name: (float(low), float(high))
            for column, (low, high) in ends.items()
            if -math.inf < float(low) < column.low or column.high < float(high) < math.inf
        }

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Check training muons (n, d) and widen the ranges to hold all of them.

        Raises:
            InvalidEvents: no muons, values that are not finite, charges that are not ±1, angles that are no radians, or
                columns that look like another unit.
        """
        check_rows(values)
        values = values.double()
        for k, column in enumerate(self.columns):
            _check_column(column, values[:, k])
            if not _is_fixed(column):
                self._widen(k, column, values[:, k])

    def _widen(self, k: int, column: Column, values: Tensor) -> None:
        low, high = float(values.min()), float(values.max())
        if low == high and math.isinf(column.high - column.low):  # a column of one value is only shifted
            low, high = low - 1, high + 1
        self.low[k] = min(low, column.low) if math.isfinite(column.low) else low
        self.high[k] = max(high, column.high) if math.isfinite(column.high) else high

    def encode(self, values: Tensor) -> Tensor:
        """Physical → about [-1, 1], float64."""
        return (values - self.low) / (self.high - self.low) * (self.top - self.bottom) + self.bottom

    def decode(self, values: Tensor) -> Tensor:
        """Network → physical."""
        linear = (values - self.bottom) / (self.top - self.bottom) * (self.high - self.low) + self.low
        return torch.stack([_physical(c, linear[:, k]) for k, c in enumerate(self.columns)], dim=1)


def _is_fixed(column: Column) -> bool:
    """Whether a column's range follows from its kind, as that of an angle."""
    return column.name == "charge" or column.unit == "rad"


def _physical(column: Column, values: Tensor) -> Tensor:
    if column.name == "charge":
        return torch.where(values < 0, -1.0, 1.0).to(values.dtype)
    if column.unit == "rad":
        wrapped = torch.remainder(values + math.pi, 2 * math.pi) - math.pi
        return torch.where(values.abs() > math.pi + _ROUNDING, wrapped, values)
    return values.abs() if column.name in ("r", "pt") else values


def check_rows(values: Tensor) -> None:
    """Refuse to fit anything to no rows, or to rows that hold NaN or infinity.

    Args:
        values: (n, d).

    Raises:
        InvalidEvents: with the first such row.
    """
    if len(values) == 0:
        raise InvalidEvents("there are no muons to fit to; expected at least one row")
    wrong = torch.nonzero(~values.isfinite().all(dim=1)).flatten()
    if len(wrong):
        raise InvalidEvents(
            f"{len(wrong)} of {len(values)} muons hold values that are not finite (first: row {int(wrong[0])}); "
            "drop them"
        )


def _check_column(column: Column, values: Tensor) -> None:
    if column.name == "charge" and bool((values.abs() != 1).any()):
        raise InvalidEvents(f"charges run from {float(values.min()):g} to {float(values.max()):g}; expected 1 and -1")
    if column.unit == "rad" and float(values.abs().max()) > math.pi + _ROUNDING:
        raise InvalidEvents(f"{column.name} reaches {float(values.abs().max()):g}; expected angles within ±π, in rad")
    middle = float(values.median())
    for unit, size in _MIX_UPS.get(column.unit, ()):
        if not column.low <= middle <= column.high and column.low <= middle * size <= column.high:
            raise InvalidEvents(
                f"{column.name} is {middle:g} in the median, outside {column.low:g} … {column.high:g} {column.unit}, "
                f"which looks like {unit}; multiply by {size:g}"
            )


@transforms.register("signed-root")
class SignedRoot(PlainTransform):
    """sign(x) √|x| of some columns, which spreads out what lies near 0: the first networks' form of x and y.

    Args:
        columns: their positions.
    """

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("columns", torch.tensor(list(columns)), persistent=False)

    columns: Tensor

    def encode(self, values: Tensor) -> Tensor:
        """Spread."""
        x = values[:, self.columns]
        return values.index_copy(1, self.columns, x.sign() * x.abs().sqrt())

    def decode(self, values: Tensor) -> Tensor:
        """To x |x|."""
        x = values[:, self.columns]
        return values.index_copy(1, self.columns, x * x.abs())
