"""Stage two of a flow in numbers: every cell ⇄ a normal number, zeros included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moliere.models.networks.layer_state import LayerState
from moliere.preprocess.quantiles import EnergyKnots, QuantileTables, to_logit, to_normal
from moliere.preprocess.voxels import LayerShares

#: standard deviation of the logit of a uniform number, and the largest such logit that is used
_LOGISTIC, _SUREST = math.pi / math.sqrt(3), 13.0
#: lit cells that say all about the ranks at an incident energy; fewer say less
_FEWEST = 50.0
#: cells of training showers that make a table of their own, where events say which table a cell has
_FEWEST_CELLS = 100
#: rounds in which the odds are changed until what a network makes agrees with the training showers
_TRIMS = 8
#: showers that are made at once where the tables are trimmed: bounds memory
_AT_ONCE = 250


class CellCoder(nn.Module):
    r"""Signals ⇄ one number a cell that is N(0, 1), whatever its layer holds, before anything is learned.

    Between zero and the signals of lit cells there is often a gap of decades. A flow whose zeros lie below a threshold
    fills that gap with cells that no shower has. Here a cell that is lit with probability p becomes

    .. math:: u = (1 - p) U \text{ where it is zero}, \qquad u = 1 - p + p F(v) \text{ where it is lit}, \qquad
       x = \Phi^{-1}(u)

    with U uniform in (0, 1) and F the distribution of the signals of lit cells. There is no gap, spectra and
    occupancies of all cells are right from the start, and the network learns what hangs together. The probability is a
    table in the number of lit cells of the layer, the distribution a table in the layer's energy, both read between
    knots; then the odds of being lit, and the mean and the spread of the ranks, are corrected at each incident energy.

    The inverse gives each layer exactly its count, by taking the cells that are most surely lit, and exactly its
    energy, by moving the ranks of its lit cells together: scaling the signals would push them into the gap.

    Args:
        sizes: number of cells of each layer.
        threshold: in MeV; the smallest signal of a lit cell.
        groups: cells with the same number share their tables (a ring, by symmetry), (n_channels,). Or how many tables
            each layer has, and every event says which of them a cell has: ``groups`` of the methods, (n, n_channels).
        n_knots: counts, and energies, at which the tables are made, equally spaced in their logarithm.
    """

    lit: Tensor
    lit_change: Tensor
    move: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor
    groups: Tensor
    layer: Tensor
    full: Tensor
    rows: Tensor
    stand_in: Tensor

    def __init__(self, sizes: Sequence[int], threshold: float, groups: Sequence[int] | int, n_knots: int = 10) -> None:
        super().__init__()
        self.threshold, self.n_knots = threshold, n_knots
        self.shares = LayerShares(sizes)
        fixed = None if isinstance(groups, int) else torch.tensor(list(groups))
        self.n_groups = groups * len(sizes) if isinstance(groups, int) else max(groups) + 1
        self.register_buffer("lit", torch.full((n_knots, self.n_groups), 0.5))
        self.log_values = QuantileTables(n_knots, self.n_groups)
        for name, value in (("lit_change", 0.0), ("move", 0.0), ("spread", 1.0)):
            self.register_buffer(name, torch.full((n_knots, self.n_groups), value))
        self.incident = EnergyKnots(n_knots)
        self.register_buffer("low", torch.zeros(len(sizes)))
        self.register_buffer("high", torch.ones(len(sizes)))
        self.register_buffer("groups", fixed, persistent=False)
        self.register_buffer("stand_in", torch.arange(self.n_groups) if fixed is None else None)
        self.register_buffer("layer", self.shares.layer.clone(), persistent=False)
        full = torch.tensor([math.log(max(size, 2)) for size in sizes])
        self.register_buffer("full", full, persistent=False)
        starts = [sum(sizes[:layer]) for layer in range(len(sizes))]
        rows = [
            [start + k if k < size else sum(sizes) for k in range(max(sizes))]
            for start, size in zip(starts, sizes, strict=True)
        ]
        self.register_buffer("rows", torch.tensor(rows), persistent=False)

    def fit(self, signals: Tensor, state: LayerState, energy: Tensor, groups: Tensor | None = None) -> None:
        """Make the tables from training showers; signals below the threshold must be zero."""
        for layer, held in enumerate(state.energies.T):
            self.low[layer], self.high[layer] = _ends(held[held > 0])
        self.incident.fit(energy)
        if groups is not None:
            self.stand_in.copy_(_nearest_used(groups, self.n_groups, self.shares.n_layers))
        groups = self._tables_of(groups)
        counts, energies = self._count_place(state), self._energy_place(state)
        for group in range(self.n_groups):
            where = groups == group if groups.dim() == 1 else self.layer == group // (self.n_groups // len(self.full))
            cells = torch.nonzero(where)[:, 0]
            mine = (groups[..., cells] == group).expand(len(signals), -1)
            if not mine.any():
                continue
            layer = int(self.layer[cells[0]])
            values, filled = signals[:, cells], state.counts[:, layer] > 0
            lit = (values > 0) & mine
            for knot in range(self.n_knots):
                weight = _hat(counts[:, layer], knot) * filled
                self.lit[knot, group] = _share_lit(lit, mine, weight, self.lit[knot - 1, group] if knot else 0.5)
            place = energies[:, layer, None].expand(values.shape)[lit]
            self.log_values.fill(group, values[lit].log(), place, math.log(2 * self.threshold))
        self._follow_incident(signals, state, energy, groups)

    def _tables_of(self, groups: Tensor | None) -> Tensor:
        """The table of each cell, (n_channels,) or (n, n_channels); what no training shower has, has another's."""
        return self.groups if groups is None else self.stand_in[groups]

    def _follow_incident(self, signals: Tensor, state: LayerState, energy: Tensor, groups: Tensor) -> None:
        """Correct occupancies, and the ranks' mean and spread, at each knot of the incident energy."""
        expected = torch.where(state.counts[:, self.layer] > 0, self._lit(state, energy, groups), torch.zeros(()))
        lit = self._lit_of(signals, energy, groups)
        self.lit_change.copy_(_log_ratio(lit, self._at_knots(expected, energy, groups)).clamp(-2, 2))
        row, cell = torch.nonzero(signals > 0, as_tuple=True)
        ranks = torch.zeros_like(signals)
        noise = torch.rand(len(row), generator=torch.Generator().manual_seed(0))
        ranks[row, cell] = self._rank(signals, state, groups, row, cell, noise)
        mean, square = (self._at_knots(x, energy, groups) / lit.clamp(min=1e-9) for x in (ranks, ranks.square()))
        spread = (square - mean.square()).clamp(min=0).sqrt().clamp(0.3 * _LOGISTIC, 3 * _LOGISTIC)
        sure = (lit * self._members(groups)).clamp(max=_FEWEST) / _FEWEST  # of few cells, little is known
        self.move.copy_(sure * mean)
        self.spread.copy_(torch.lerp(torch.ones(()), spread / _LOGISTIC, sure))

    def trim(
        self, values: Tensor, signals: Tensor, state: LayerState, energy: Tensor, groups: Tensor | None = None
    ) -> None:
        """Let a network's numbers light each cell as often as the training showers do.

        What a network makes is nearly N(0, 1) in each cell, not exactly, and the inverse lights just as many cells as a
        layer has. So the odds at each incident energy are changed until the mean cell agrees. Moving and spreading the
        ranks until signals agree, too, was tried: it changes how cells vary together, and classifiers notice.

        Args:
            values: what the network made for the layers of the showers, (n, n_channels).
            signals: of the showers.
            state: their layers.
            energy: their incident energies.
            groups: of their cells, where events say which tables cells have.
        """
        groups = self._tables_of(groups)
        wanted = self._lit_of(signals, energy, groups)
        n_lit = wanted * self._members(groups)
        sure = n_lit / (n_lit + _FEWEST)
        for _ in range(_TRIMS):
            made = torch.cat(
                [
                    self._above(values[k], state[k], energy[k], groups if groups.dim() == 1 else groups[k])
                    for k in pieces(len(values))
                ]
            )
            self.lit_change += sure * _log_ratio(wanted, self._lit_of(made, energy, groups)).clamp(-1, 1)

    def _lit_of(self, signals: Tensor, energy: Tensor, groups: Tensor) -> Tensor:
        """How often the mean cell of each group is lit, times the weight of each knot of the incident energy."""
        return self._at_knots((signals > 0).float(), energy, groups)

    def _at_knots(self, columns: Tensor, energy: Tensor, groups: Tensor) -> Tensor:
        """Sums of columns (n, n_channels) around each knot of the incident energy, meant over each group of cells."""
        place = self.incident.place(energy)
        return torch.stack([self._pool(_hat(place, knot), columns, groups) for knot in range(self.n_knots)])

    def _pool(self, weight: Tensor, columns: Tensor, groups: Tensor) -> Tensor:
        """Weighted sums over events of columns (n, n_channels), mean over the cells of each group."""
        parts = weight @ columns if groups.dim() == 1 else (weight[:, None] * columns).flatten()
        return columns.new_zeros(self.n_groups).index_add(0, groups.flatten(), parts) / self._members(groups)

    def _members(self, groups: Tensor) -> Tensor:
        """How many cells of an event each group has, in the mean over events; never 0."""
        n = torch.bincount(groups.flatten(), minlength=self.n_groups).float()
        return n if groups.dim() == 1 else (n / len(groups)).clamp(min=1e-9)

    def encode(
        self, signals: Tensor, state: LayerState, energy: Tensor, rng: torch.Generator, groups: Tensor | None = None
    ) -> Tensor:
        """To network space, (n, n_channels) float32; zeros and tied values are spread by the generator's noise."""
        groups = self._tables_of(groups)
        p = self._lit(state, energy, groups)
        noise = torch.rand(signals.shape, generator=rng, device=signals.device).clamp(1e-6, 1 - 1e-6)
        below = (1 - p) * noise
        logit = below.log() - (-below).log1p()
        row, cell = torch.nonzero(signals > 0, as_tuple=True)
        rank = self._rank(signals, state, groups, row, cell, noise[row, cell])
        move, spread = (self._at_incident(table, energy, groups)[row, cell] for table in (self.move, self.spread))
        above = p[row, cell] * torch.sigmoid(((move - rank) / spread).clamp(-_SUREST, _SUREST))
        logit[row, cell] = (-above).log1p() - above.log()
        return to_normal(logit)

    def decode(self, values: Tensor, state: LayerState, energy: Tensor, groups: Tensor | None = None) -> Tensor:
        """Back to MeV: the cells that are most surely lit, as many as each layer has, with the layer's energy."""
        groups = self._tables_of(groups)
        above = self._above(values, state, energy, groups)
        lit = above > 0
        rank = torch.expm1(above.clamp(min=1e-9)).log()
        rank = rank * self._at_incident(self.spread, energy, groups) + self._at_incident(self.move, energy, groups)
        signals = self._match(rank, lit, state, groups)
        excess = (state.energies - state.counts * self.threshold).clamp(min=0)
        over = torch.where(lit, (signals - self.threshold).clamp(min=1e-6), torch.zeros_like(signals))
        full: Tensor = self.shares.join(excess, over.double()) + self.threshold * lit
        return full

    def _above(self, values: Tensor, state: LayerState, energy: Tensor, groups: Tensor) -> Tensor:
        """How far each cell lies above the bar that just as many cells exceed as its layer has; lit where above 0."""
        above = self._lit(state, energy, groups).log() + nn.functional.softplus(to_logit(values))
        return above - self._bar(above, state.counts)[:, self.layer]

    def _rank(
        self, signals: Tensor, state: LayerState, groups: Tensor, row: Tensor, cell: Tensor, noise: Tensor
    ) -> Tensor:
        place = self._energy_place(state)[row, self.layer[cell]]
        group = groups[cell] if groups.dim() == 1 else groups[row, cell]
        return self.log_values.rank(signals[row, cell].log(), place, group, noise)

    def _match(self, rank: Tensor, lit: Tensor, state: LayerState, groups: Tensor) -> Tensor:
        """Signals of the given ranks, moved together in each layer until they nearly add up to its energy (Newton)."""
        place = self._energy_place(state)[:, self.layer]
        target = state.energies.clamp(min=1e-9).log().float()
        move = torch.zeros_like(target)
        for _ in range(2):
            logs, slope = self.log_values.read(place, groups, rank + move[:, self.layer])
            signals = torch.where(lit, logs.exp(), torch.zeros_like(logs))
            total = self.shares.sum_layers(signals).clamp(min=1e-9)
            growth = self.shares.sum_layers(signals * slope) / total
            move = move + ((target - total.log()) / growth.clamp(min=0.02)).clamp(-3, 3)
        logs, _ = self.log_values.read(place, groups, rank + move[:, self.layer])
        return logs.exp()

    def _count_place(self, state: LayerState) -> Tensor:
        """Of each layer's count among the knots, (n, n_layers) float32."""
        return self._on_knots(state.counts.clamp(min=1).log().float() / self.full)

    def _energy_place(self, state: LayerState) -> Tensor:
        """Of each layer's energy among the knots, (n, n_layers) float32."""
        logs = state.energies.clamp(min=1e-9).log().float()
        return self._on_knots((logs - self.low) / (self.high - self.low))

    def _on_knots(self, share: Tensor) -> Tensor:
        return share.clamp(0, 1) * (self.n_knots - 1)

    def _at_incident(self, table: Tensor, energy: Tensor, groups: Tensor) -> Tensor:
        """A table (n_knots, n_groups) at the incident energies, (n, n_channels)."""
        rows = _between(table, self.incident.place(energy)[:, None])
        return rows[:, groups] if groups.dim() == 1 else rows.gather(1, groups)

    def _lit(self, state: LayerState, energy: Tensor, groups: Tensor) -> Tensor:
        """Probability of each cell to be lit, (n, n_channels)."""
        place = self._count_place(state)[:, self.layer]
        knot = place.floor().clamp(0, self.n_knots - 2)
        index = knot.long() * self.n_groups + groups
        table = self.lit.flatten()
        p = torch.lerp(table[index], table[index + self.n_groups], place - knot)
        change = self._at_incident(self.lit_change, energy, groups).exp()
        p = (p * change / (1 - p + p * change)).clamp(1e-5, 1 - 1e-5)
        return torch.where(state.counts[:, self.layer] > 0, p, p.new_tensor(1e-5))

    def _bar(self, values: Tensor, counts: Tensor) -> Tensor:
        """What just ``counts`` values of each layer exceed, (n, n_layers): 0 where it does, else between the last two.

        Where too many or too few cells would be lit, the bar moves, and the ranks of the lit ones are those above the
        moved bar. Cells that are only pushed over a fixed bar would all have the smallest signals.
        """
        padded = torch.cat([values, values.new_full((len(values), 1), -_SUREST)], dim=1)[:, self.rows.flatten()]
        ordered = padded.unflatten(1, self.rows.shape).sort(dim=2, descending=True).values
        ordered = torch.cat([ordered, ordered[:, :, -1:] - 1], dim=2)
        count = counts.long()
        below = ordered.gather(2, count[:, :, None])[:, :, 0]
        last = ordered.gather(2, (count - 1).clamp(min=0)[:, :, None])[:, :, 0]
        last = torch.where(count > 0, last, below + 2)
        fits = (below < 0) & (last > 0)
        return torch.where(fits, torch.zeros_like(last), (below + last) / 2)


def pieces(n: int) -> list[slice]:
    """Rows of n showers, in pieces that fit in memory where a whole sample is made."""
    return [slice(k, k + _AT_ONCE) for k in range(0, n, _AT_ONCE)]


def _log_ratio(lit: Tensor, other: Tensor) -> Tensor:
    return lit.clamp(min=0.1).log() - other.clamp(min=0.1).log()


def _nearest_used(groups: Tensor, n_groups: int, n_layers: int) -> Tensor:
    """For each group of each layer, the nearest one that enough cells of training showers (n, n_channels) have."""
    members = torch.bincount(groups.flatten(), minlength=n_groups)
    stand_in = torch.arange(n_groups, device=groups.device)
    for part in stand_in.chunk(n_layers):
        used = part[members[part] >= min(_FEWEST_CELLS, int(members[part].max()))]
        part.copy_(used[(part[:, None] - used).abs().argmin(dim=1)])
    return stand_in


def _share_lit(lit: Tensor, mine: Tensor, weight: Tensor, before: Tensor | float) -> Tensor:
    """Weighted share of lit cells among a group's own, kept off 0 and 1; that of the knot before without events."""
    total = (mine * weight[:, None]).sum()
    if total == 0:
        return torch.as_tensor(before)
    return ((lit * weight[:, None]).sum() / total).clamp(1e-5, 1 - 1e-5)


def _hat(place: Tensor, knot: int) -> Tensor:
    """Weights of a knot: 1 there, falling to 0 at the knots beside it."""
    return (1 - (place - knot).abs()).clamp(min=0)


def _ends(energies: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest logarithm, apart from each other."""
    logs = energies.log().float()
    low = logs.min() if len(logs) else torch.zeros(())
    return low, torch.maximum(logs.max() if len(logs) else low, low + 1e-3)


def _between(table: Tensor, place: Tensor) -> Tensor:
    """Rows of a table (n_knots, m) between knots: place (n, 1) → (n, m)."""
    knot = place.floor().clamp(0, len(table) - 2)
    index = knot[:, 0].long()
    return torch.lerp(table[index], table[index + 1], place - knot)
