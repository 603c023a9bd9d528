"""Column by column towards a normal distribution, as scikit-learn does it, with the fitted numbers in buffers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from moliere.detectors.phase_space import PhaseSpace
from moliere.errors import ConfigError, InvalidEvents
from moliere.preprocess.base import NO_FACTS, Chain, Facts, PlainTransform, Transform, transforms
from moliere.preprocess.kinematics import PhaseSpaceRanges, check_rows

#: scikit-learn maps the outermost quantiles to the normal scores of this probability, ±5.2
_OUTERMOST = 1e-7
_OUTERMOST_SCORE = -float(torch.special.ndtri(torch.tensor(_OUTERMOST, dtype=torch.float64)))
#: smallest number whose power the inverse of Box-Cox takes
_TINY = 1e-12


class _Columns(PlainTransform):
    """A transform of some columns; the others pass unchanged, all in float64."""

    columns: Tensor

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__()
        if not columns:
            raise ConfigError("no columns to transform; name at least one by its position")
        self.register_buffer("columns", torch.tensor(list(columns)), persistent=False)

    def encode(self, values: Tensor) -> Tensor:
        """To network space."""
        values = values.double()
        return values.index_copy(1, self.columns, self._forward(values[:, self.columns]))

    def decode(self, values: Tensor) -> Tensor:
        """Back."""
        values = values.double()
        return values.index_copy(1, self.columns, self._inverse(values[:, self.columns]))

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """These columns to network space."""

    @abstractmethod
    def _inverse(self, y: Tensor) -> Tensor:
        """These columns back."""


@transforms.register("affine")
class Affine(_Columns):
    """scale · x + shift.

    Args:
        columns: positions of the columns.
        scale: not 0.
        shift: added after scaling.
    """

    def __init__(self, columns: Sequence[int], scale: float, shift: float = 0.0) -> None:
        super().__init__(columns)
        if scale == 0:
            raise ConfigError("an affine transform with scale 0 cannot be undone; give another scale")
        self.scale, self.shift = scale, shift

    def _forward(self, x: Tensor) -> Tensor:
        return self.scale * x + self.shift

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.shift) / self.scale


@transforms.register("quantile-normal")
class QuantileNormal(_Columns):
    """Normal score of the share of training values below: scikit-learn's ``QuantileTransformer`` to a normal output.

    Unlike scikit-learn's, it continues as a straight line outside the training values, so that nothing is clipped and
    the inverse is exact. Where many training values are equal, they get the score in the middle of their ranks.

    Args:
        columns: positions of the columns.
        n_quantiles: knots between which shares are interpolated.
        spacing: of the knots; evenly in the share of values below, as scikit-learn has it, or in their normal score,
            so that the outermost knots lie between single values: then tails keep their shape.
    """

    quantiles: Tensor
    levels: Tensor

    def __init__(
        self, columns: Sequence[int], n_quantiles: int = 500, spacing: Literal["share", "score"] = "share"
    ) -> None:
        super().__init__(columns)
        if n_quantiles < 2:
            raise ConfigError(f"{n_quantiles} quantiles; expected at least 2, the two ends")
        start = torch.linspace(0, 1, n_quantiles, dtype=torch.float64)
        self.spacing = spacing
        self.register_buffer("levels", start)
        self.register_buffer("quantiles", start[:, None].repeat(1, len(columns)))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take the quantiles of training values (n, d); raises :class:`InvalidEvents` where there are none."""
        check_rows(values)
        if self.spacing == "score":
            self.levels.copy_(_even_scores(len(self.levels), len(values)))
        found = np.quantile(values[:, self.columns].double().numpy(), self.levels.numpy(), axis=0)
        # rounding in the interpolation can make them fall by an epsilon
        self.quantiles.copy_(torch.from_numpy(np.maximum.accumulate(found)))

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack(
            [_scores(x[:, k], q, self.levels) for k, q in enumerate(self.quantiles.T.contiguous())], dim=1
        )

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.stack(
            [_values(y[:, k], q, self.levels) for k, q in enumerate(self.quantiles.T.contiguous())], dim=1
        )


def _even_scores(n: int, n_values: int) -> Tensor:
    """Levels with evenly spaced normal scores, except the two ends, which have one value beyond them."""
    if n < 4:
        return torch.linspace(0, 1, n, dtype=torch.float64)
    farthest = -torch.special.ndtri(torch.tensor(1 / (n_values + 1), dtype=torch.float64))
    inside = torch.special.ndtr(torch.linspace(-1, 1, n - 2, dtype=torch.float64) * farthest)
    return torch.cat([inside.new_zeros(1), inside, inside.new_ones(1)])


def _ends(quantiles: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First and last quantile, their score, and how far a score reaches outside of them."""
    first, last = quantiles[0], quantiles[-1]
    score = torch.full_like(first, _OUTERMOST_SCORE)
    reach = torch.where(last > first, (last - first) / (2 * score), torch.ones_like(first))
    return first, last, score, reach


def _scores(x: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    first, last, score, reach = _ends(quantiles)
    # ties: the mean of the highest and the lowest level that they have
    share = (_interpolate(x, quantiles, levels, right=True) + _interpolate(x, quantiles, levels, right=False)) / 2
    inside = torch.special.ndtri(_OUTERMOST + (1 - 2 * _OUTERMOST) * share.clamp(0, 1))
    above, below = score + (x - last) / reach, -score + (x - first) / reach
    return torch.where(x > last, above, torch.where(x < first, below, inside))


def _values(y: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    first, last, score, reach = _ends(quantiles)
    share = (torch.special.ndtr(y) - _OUTERMOST) / (1 - 2 * _OUTERMOST)
    inside = _interpolate(share.clamp(0, 1), levels, quantiles, right=True)
    above, below = last + (y - score) * reach, first + (y + score) * reach
    return torch.where(y > score, above, torch.where(y < -score, below, inside))


def _interpolate(x: Tensor, knots: Tensor, values: Tensor, *, right: bool) -> Tensor:
    """Straight lines between knots; of several equal knots the last one counts (``right``), else the first."""
    at = torch.searchsorted(knots, x.contiguous(), right=right).clamp(1, len(knots) - 1)
    width = knots[at] - knots[at - 1]
    w = (x - knots[at - 1]) / torch.where(width > 0, width, torch.ones_like(width))
    return values[at - 1] + w * (values[at] - values[at - 1])


@transforms.register("box-cox")
class BoxCox(_Columns):
    r"""The power of positive values that is most nearly normal, standardised: scikit-learn's ``PowerTransformer``.

    .. math:: y = (x^\lambda - 1) / \lambda, \quad \ln x \text{ where } \lambda = 0

    Args:
        columns: positions of the columns.

    References:
        An Analysis of Transformations, G. E. P. Box, 1964, doi:10.1111/j.2517-6161.1964.tb00553.x
    """

    power: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__(columns)
        self.register_buffer("power", torch.ones(len(columns), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(len(columns), dtype=torch.float64))
        self.register_buffer("std", torch.ones(len(columns), dtype=torch.float64))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Find the powers by maximum likelihood.

        Raises:
            InvalidEvents: no rows, values that are not above 0, or a column of one value.
        """
        from sklearn.preprocessing import PowerTransformer

        check_rows(values)
        x = values[:, self.columns].double()
        _check_positive(x)
        if bool((x.amin(0) == x.amax(0)).any()):
            raise InvalidEvents("Box-Cox is fitted to a column of one value only; leave that column out")
        fitted = PowerTransformer("box-cox", standardize=True).fit(x.numpy())
        self.power.copy_(torch.from_numpy(fitted.lambdas_))
        std, mean = torch.std_mean(self._raise(x), dim=0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(std)

    def _raise(self, x: Tensor) -> Tensor:
        return torch.where(self.power == 0, x.log(), torch.expm1(self.power * x.log()) / self._divisor)

    @property
    def _divisor(self) -> Tensor:
        return torch.where(self.power == 0, torch.ones_like(self.power), self.power)

    def _forward(self, x: Tensor) -> Tensor:
        _check_positive(x)
        return (self._raise(x) - self.mean) / self.std

    def _inverse(self, y: Tensor) -> Tensor:
        raised = y * self.std + self.mean
        power = (1 + self.power * raised).clamp(min=_TINY).log() / self._divisor
        return torch.where(self.power == 0, raised, power).exp()


def _check_positive(x: Tensor) -> None:
    wrong = torch.nonzero(~(x > 0).all(dim=1)).flatten()
    if len(wrong):
        raise InvalidEvents(
            f"Box-Cox takes values above 0 only, but {len(wrong)} of {len(x)} rows have others (first: row "
            f"{int(wrong[0])}); put an affine transform in front"
        )


def box_cox_chain(columns: Sequence[int]) -> list[Transform]:
    """What published networks have behind the ranges of these columns: (u + 1) / 2.4 + 0.1, Box-Cox, over 7."""
    return [Affine(columns, 1 / 2.4, 1 / 2.4 + 0.1), BoxCox(columns), Affine(columns, 1 / 7)]


def gaussianised(detector: PhaseSpace) -> Chain:
    """The published chain of a polar flux: ranges, (u + 1) / 2.4 + 0.1, Box-Cox or quantiles for angles, all over 7.

    The authors gave it up for plain ranges later.

    Args:
        detector: with columns charge, which passes as it is, angles in rad, and others.
    """
    angles = [k for k, column in enumerate(detector.columns) if column.unit == "rad"]
    others = [k for k, column in enumerate(detector.columns) if column.unit != "rad" and column.name != "charge"]
    both = angles + others
    squeeze = Affine(both, 1 / 2.4, 1 / 2.4 + 0.1)
    ranges = PhaseSpaceRanges(detector.columns)
    return Chain([ranges, squeeze, BoxCox(others), QuantileNormal(angles), Affine(both, 1 / 7)])
