"""Any distribution ⇄ N(0, 1), by tables of quantiles that follow another quantity."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from moliere.preprocess.base import NO_FACTS, Facts, Transform, known, transforms
from moliere.preprocess.scaling import spread_knots

#: logit Φ(x) = _LINEAR x + _CUBIC x³ up to 1.4e-4 in Φ; unlike Φ it has an inverse that every runtime can compute
_LINEAR, _CUBIC = 1.5976, 0.070566
#: logits of the ranks that tables hold: -REACH … REACH in equal steps
REACH, _STEP = 8.0, 0.25
_N_RANKS = int(2 * REACH / _STEP) + 1
#: no logit of a rank is larger
_FARTHEST = 13.0
#: values that a table is made from, if necessary from further away
_FEWEST = 200


def to_normal(logit: Tensor) -> Tensor:
    """Logit of a uniform number → N(0, 1); exact inverse of :func:`to_logit` (Cardano's formula for one real root).

    Example:
        >>> to_logit(to_normal(torch.tensor([-9.0, 0.0, 3.0]))).round(decimals=4)
        tensor([-9.,  0.,  3.])
    """
    a = math.sqrt(_LINEAR / (3 * _CUBIC))
    return 2 * a * torch.sinh(torch.asinh(logit / (2 * _CUBIC * a**3)) / 3)


def to_logit(normal: Tensor) -> Tensor:
    """N(0, 1) → logit of a number that is uniform in (0, 1) up to 1.4e-4."""
    return normal * (_LINEAR + _CUBIC * normal.square())


class EnergyKnots(nn.Module):
    """Incident energies among knots: the energies themselves where there are few, else their quantiles.

    Args:
        n: how many knots.
    """

    logs: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.register_buffer("logs", torch.arange(n, dtype=torch.float64))

    def __len__(self) -> int:
        """How many."""
        return len(self.logs)

    def fit(self, energy: Tensor) -> None:
        """Place the knots."""
        self.logs.copy_(spread_knots(energy.double().log(), len(self)))

    def place(self, energy: Tensor) -> Tensor:
        """From 0 at the first knot to n - 1 at the last, (n_events,) float32; that of the nearest one outside."""
        logs = energy.double().log().clamp(self.logs[0], self.logs[-1])
        below = ((logs[:, None] >= self.logs).sum(1) - 1).clamp(0, len(self) - 2)
        low, high = self.logs[below], self.logs[below + 1]
        return (below + (logs - low) / (high - low)).float()


class QuantileTables(nn.Module):
    """Quantiles of groups of values at knots of another quantity, linear between knots and between ranks.

    Args:
        n_knots: how many knots, 0 … n_knots - 1.
        n_groups: how many distributions a knot has.
    """

    values: Tensor

    def __init__(self, n_knots: int, n_groups: int) -> None:
        super().__init__()
        self.n_knots, self.n_groups = n_knots, n_groups
        self.register_buffer("values", torch.zeros(n_knots, n_groups, _N_RANKS))

    def fill(self, group: int, values: Tensor, place: Tensor, without: float = 0.0) -> None:
        """Make a group's quantiles at every knot from the values nearest to it.

        Args:
            group: which.
            values: (m,).
            place: of each value among the knots, (m,).
            without: what the table holds where there are no values at all.
        """
        ranks = torch.sigmoid(torch.linspace(-REACH, REACH, _N_RANKS, dtype=torch.float64))
        ranks[0], ranks[-1] = 0, 1  # the extremes are in the table
        for knot in range(self.n_knots):
            distance = (place - knot).abs()
            found = values
            for reach in (0.5, 1.0, 2.0, 4.0):
                if int((distance <= reach).sum()) >= _FEWEST:
                    found = values[distance <= reach]
                    break
            self.values[knot, group] = _quantiles(found, ranks, without)

    def rank(self, values: Tensor, place: Tensor, group: Tensor, noise: Tensor) -> Tensor:
        """Logits of ranks; values that a table holds several times get ranks spread evenly by the noise.

        Args:
            values: (m,).
            place: among the knots, (m,).
            group: (m,).
            noise: uniform in (0, 1), (m,).
        """
        knot = place.floor().clamp(0, self.n_knots - 2)
        low, high = (self.values[knot.long() + k, group] for k in (0, 1))
        return _rank(torch.lerp(low, high, (place - knot)[:, None]), values, noise)

    def read(self, place: Tensor, group: Tensor, logit: Tensor) -> tuple[Tensor, Tensor]:
        """Values of ranks given by their logits, and the slope in the logit; of the shape of ``place``."""
        knot = place.floor().clamp(0, self.n_knots - 2)
        rank = (logit.clamp(-REACH, REACH) + REACH) / _STEP
        step = rank.floor().clamp(0, _N_RANKS - 2)
        index = (knot.long() * self.n_groups + group) * _N_RANKS + step.long()
        table, after = self.values.flatten(), self.n_groups * _N_RANKS
        low = torch.lerp(table[index], table[index + after], place - knot)
        high = torch.lerp(table[index + 1], table[index + after + 1], place - knot)
        return torch.lerp(low, high, rank - step), (high - low) / _STEP


@transforms.register("energy-quantiles")
class EnergyQuantiles(Transform):
    """Every column N(0, 1) at every incident energy, whatever its distribution; spikes are spread by noise.

    A NaN, where a column has no meaning for an event, becomes N(0, 1) noise. The inverse makes a value of it like of
    any other number, and never leaves the range of the training events.

    Args:
        width: number of columns.
        n_knots: energies at which the tables are made.
    """

    lossy: ClassVar[bool] = True

    def __init__(self, width: int, n_knots: int = 10) -> None:
        super().__init__()
        self.tables = QuantileTables(n_knots, width)
        self.knots = EnergyKnots(n_knots)

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Make the tables."""
        self.knots.fit(known(facts.energy))
        place = self.knots.place(known(facts.energy))
        for column, found in enumerate(values.T):
            has = ~found.isnan()
            self.tables.fill(column, found[has], place[has])

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """To N(0, 1), float32."""
        noise = torch.rand(values.shape, generator=rng, device=values.device)
        noise = noise.clamp(1e-6, 1 - 1e-6)
        row, column = torch.nonzero(~values.isnan(), as_tuple=True)
        logit = noise.logit()
        place = self.knots.place(known(energy))[row]
        logit[row, column] = self.tables.rank(values[row, column].float(), place, column, noise[row, column])
        return to_normal(logit)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Back, float32."""
        place = self.knots.place(known(energy))[:, None].expand(values.shape)
        group = torch.arange(values.shape[1], device=values.device)
        return self.tables.read(place, group, to_logit(values.float()))[0]


def _quantiles(found: Tensor, ranks: Tensor, without: float) -> Tensor:
    """Quantiles between order statistics; a constant where there is nothing."""
    if len(found) == 0:
        return ranks.new_full((len(ranks),), without)
    ordered = found.double().sort().values
    place = ranks * (len(ordered) - 1)
    below = place.floor().long().clamp(max=max(len(ordered) - 2, 0))
    return torch.lerp(ordered[below], ordered[(below + 1).clamp(max=len(ordered) - 1)], place - below)


def _rank(table: Tensor, values: Tensor, noise: Tensor) -> Tensor:
    """Logits of the ranks of values (m,) in increasing tables (m, n_ranks), spread evenly where a table is level."""
    first = torch.searchsorted(table, values[:, None]).clamp(max=_N_RANKS - 1)
    last = (torch.searchsorted(table, values[:, None], right=True) - 1).clamp(min=0)
    before = (first - 1).clamp(min=0)
    low, high = table.gather(1, before), table.gather(1, first)
    inside = ((values[:, None] - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
    between = (before + inside * (first - before)) * _STEP - REACH
    ends = [(place.double() * _STEP - REACH).sigmoid() for place in (first, last)]
    ends[0] = torch.where(first == 0, 0.0, ends[0])
    ends[1] = torch.where(last == _N_RANKS - 1, 1.0, ends[1])
    spread = torch.lerp(ends[0], ends[1], noise[:, None].double()).logit().float()
    return torch.where(last > first, spread, between)[:, 0].clamp(-_FARTHEST, _FARTHEST)
