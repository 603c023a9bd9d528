"""Maps that open bounded or positive ranges, standardisations, and functions that are read between knots."""

from __future__ import annotations

import torch
from torch import Tensor

from moliere.errors import ConfigError
from moliere.preprocess.base import NO_FACTS, Facts, PlainTransform, Transform, known, transforms


@transforms.register("log")
class Log(PlainTransform):
    """ln(x + epsilon); epsilon 0 where every value is positive."""

    def __init__(self, epsilon: float = 0.0) -> None:
        super().__init__()
        self.epsilon = epsilon

    def encode(self, values: Tensor) -> Tensor:
        """Positive → real."""
        return (values + self.epsilon).log()

    def decode(self, values: Tensor) -> Tensor:
        """Real → not negative; clipped at the largest logarithm that float32 can undo."""
        return (values.clamp(max=80.0).exp() - self.epsilon).clamp(min=0)


@transforms.register("logit")
class Logit(PlainTransform):
    r"""logit of values in [0, 1], kept :math:`\epsilon` away from both ends.

    .. math:: y = \ln\frac{z}{1 - z}, \quad z = \epsilon + (1 - 2\epsilon) x

    The affine squeeze is undone exactly, so 0 and 1 come back as 0 and 1. Computed in float64, because in float32
    an epsilon below 1e-7 is lost beside 1.

    Args:
        epsilon: 1e-6 in CaloFlow, CaloDREAM and CaloScore.
        first: columns before this one pass unchanged (the ladder's total, which is not bounded by 1).
    """

    def __init__(self, epsilon: float = 1e-6, first: int = 0) -> None:
        super().__init__()
        if not 0 < epsilon < 0.5:
            raise ConfigError(f"logit epsilon is {epsilon}, expected a small number between 0 and 0.5 such as 1e-6")
        self.epsilon = epsilon
        self.first = first

    def encode(self, values: Tensor) -> Tensor:
        """[0, 1] → real, float64."""
        before, bounded = values[:, : self.first].double(), values[:, self.first :].double()
        return torch.cat([before, torch.logit(self.epsilon + (1 - 2 * self.epsilon) * bounded)], dim=1)

    def decode(self, values: Tensor) -> Tensor:
        """Real → [0, 1]."""
        before, real = values[:, : self.first].double(), values[:, self.first :].double()
        bounded = (torch.sigmoid(real) - self.epsilon) / (1 - 2 * self.epsilon)
        return torch.cat([before, bounded.clamp(0, 1)], dim=1)


@transforms.register("standardise")
class Standardise(PlainTransform):
    """Column by column to mean 0 and standard deviation 1; a constant column is only shifted."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("std", torch.ones(width, dtype=torch.float64))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take mean and standard deviation."""
        std, mean = torch.std_mean(values.double(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, torch.ones_like(std)))

    def encode(self, values: Tensor) -> Tensor:
        """To order one."""
        return (values - self.mean) / self.std

    def decode(self, values: Tensor) -> Tensor:
        """Back."""
        return values * self.std + self.mean


@transforms.register("energy-standardise")
class EnergyStandardise(Transform):
    """Standardise with a mean and a standard deviation that follow the incident energy.

    A calorimeter's resolution falls from 13 % at 256 MeV to 1 % at 33 GeV: one standard deviation for all would leave
    the energetic showers as a needle that a network cannot resolve. Both are linear in ln E between knots.

    Args:
        width: number of columns.
        n_knots: energies at which mean and standard deviation are taken: quantiles of the training energies.
        floor: smallest standard deviation, for columns that hardly vary.
    """

    knots: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, width: int, n_knots: int = 8, floor: float = 1e-3) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("knots", torch.linspace(0, 1, n_knots, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(n_knots, width, dtype=torch.float64))
        self.register_buffer("std", torch.ones(n_knots, width, dtype=torch.float64))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Place the knots at energy quantiles and take the statistics of the events nearest to each."""
        log_energy = known(facts.energy).double().log()
        self.knots.copy_(spread_knots(log_energy, len(self.knots)))
        nearest = (log_energy[:, None] - self.knots).abs().argmin(dim=1)
        for knot in range(len(self.knots)):
            inside = values[nearest == knot].double()
            if len(inside) < 2:  # fewer energies than knots: the spare ones repeat the last
                self.mean[knot], self.std[knot] = self.mean[knot - 1], self.std[knot - 1]
                continue
            self.mean[knot] = inside.mean(0)
            self.std[knot] = inside.std(0, correction=0).clamp(min=self.floor)

    def _at(self, energy: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation at these energies; constant outside the knots.

        In the values' own precision: for tens of thousands of voxels these two are the largest arrays there are.
        """
        log_energy = energy.to(self.knots.dtype).log().clamp(self.knots[0], self.knots[-1])
        right = torch.searchsorted(self.knots, log_energy).clamp(1, len(self.knots) - 1)
        low, high = self.knots[right - 1], self.knots[right]
        w = ((log_energy - low) / (high - low))[:, None].to(dtype)
        means, stds = self.mean.to(dtype), self.std.to(dtype)
        mean = torch.lerp(means[right - 1], means[right], w)
        return mean, torch.lerp(stds[right - 1], stds[right], w)

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """To order one at every energy."""
        mean, std = self._at(known(energy), values.dtype)
        return (values - mean) / std

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Back."""
        mean, std = self._at(known(energy), values.dtype)
        return values * std + mean


def spread_knots(log_energy: Tensor, n: int) -> Tensor:
    """Increasing knots: the energies themselves where there are few, quantiles where there are many."""
    distinct: Tensor = torch.unique(log_energy)
    if len(distinct) < n:
        extra = torch.linspace(1e-3, 1.0, n - len(distinct), dtype=torch.float64)
        return torch.cat([distinct, distinct[-1] + extra])
    if len(distinct) == n:
        return distinct
    levels = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    quantiles: Tensor = torch.quantile(distinct, levels)
    return quantiles


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


def knot_places(values: Tensor, low: float | Tensor, high: float | Tensor, n_knots: int) -> Tensor:
    """Where values lie among knots that are even from low to high, the first one at 0; those beyond, at the ends.

    Example:
        >>> knot_places(torch.tensor([-9.0, 0.5, 9.0]), 0.0, 2.0, 5)
        tensor([0., 1., 4.])
    """
    return ((values - low) / (high - low)).clamp(0, 1) * (n_knots - 1)


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
