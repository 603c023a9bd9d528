"""What single cells hold by layer and distance from the shower's axis: a normal number a cell → energies."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

#: rings are 2^(1/6) apart in 1 + distance / size
_RINGS_PER_OCTAVE = 6
#: a ring's cells are lit at least so often, and leave the other case so often
_RAREST = 1e-5
#: standard normal numbers at which quantiles are held: -_FURTHEST … _FURTHEST in equal steps
_FURTHEST, _STEP = 3.0, 0.5
_N_SCORES = int(2 * _FURTHEST / _STEP) + 1
#: lit cells that a table is made from, if necessary from all layers
_FEWEST = 20
#: events count for a knot of the energy up to this distance, in units of their spacing
_NEAR = 0.75


class CellSpectra(nn.Module):
    r"""Occupancies and energies of cells in rings around the axis, at a few incident energies.

    With p the share of lit cells of a ring, and F the distribution of their energies, a cell with the normal number x

    .. math:: \text{is lit where } \Phi(x) > 1 - p, \qquad
       \text{then with the energy } F^{-1}\!\left(1 - \frac{1 - \Phi(x)}{p}\right)

    so that independent x ~ N(0, 1) give the mean shower, its sparsity and its cells' spectra before any network has
    learned; what hangs together is left to it. p and F are tables over layers and rings, linear in ln(incident energy)
    between knots.

    Args:
        n_layers: number of layers.
        size: of a cell in mm, which sets the width of the rings.
        reach: largest distance from the axis in mm.
        n_knots: incident energies at which there are tables.
    """

    ends: Tensor
    thresholds: Tensor
    log_values: Tensor

    def __init__(self, n_layers: int, size: float, reach: float, n_knots: int = 8) -> None:
        super().__init__()
        self.size, self.n_knots = size, n_knots
        self.n_rings = int(_RINGS_PER_OCTAVE * math.log2(1 + reach / size)) + 1
        shape = n_knots, n_layers, self.n_rings
        self.register_buffer("ends", torch.tensor([0.0, 1.0], dtype=torch.float64))
        self.register_buffer("thresholds", torch.zeros(shape))
        self.register_buffer("log_values", torch.zeros(*shape, _N_SCORES))

    def fit(self, energies: Tensor, distances: Tensor, incident: Tensor) -> None:
        """Make the tables.

        Args:
            energies: of the cells in MeV, (n, n_layers, n_x, n_y).
            distances: from the axis in mm, of the same shape.
            incident: energies in MeV, (n,).
        """
        logs = incident.double().log()
        self.ends.copy_(torch.stack([logs.min(), torch.maximum(logs.max(), logs.min() + 1e-3)]))
        place, rings = self._place(incident), self._rings(distances)
        for knot in range(self.n_knots):
            near = (place - knot).abs() <= _NEAR
            near = near if near.any() else torch.ones_like(near)
            self._fill(knot, energies[near].flatten(2), rings[near].flatten(2))

    def _fill(self, knot: int, energies: Tensor, rings: Tensor) -> None:
        """The tables of one knot from energies and rings (n, n_layers, n_cells)."""
        n_layers = energies.shape[1]
        group = torch.arange(n_layers, device=rings.device)[:, None] * self.n_rings + rings
        lit, size = energies > 0, n_layers * self.n_rings
        cells, found = (torch.bincount(part, minlength=size) for part in (group.flatten(), group[lit]))
        share = (found / cells.clamp(min=1)).clamp(_RAREST, 1 - _RAREST)
        self.thresholds[knot] = -torch.special.ndtri(share.double()).view(n_layers, self.n_rings)
        logs = energies[lit].log()
        own, of_ring = _quantiles(logs, group[lit], size), _quantiles(logs, rings[lit], self.n_rings)
        of_all = _quantiles(logs, torch.zeros_like(rings[lit]), 1)
        seldom = torch.bincount(rings[lit], minlength=self.n_rings) < _FEWEST
        of_ring = torch.where(seldom[:, None], of_all, of_ring)
        few = found.view(n_layers, self.n_rings, 1) < _FEWEST
        self.log_values[knot] = torch.where(few, of_ring, own.view(n_layers, self.n_rings, _N_SCORES))

    def forward(self, normals: Tensor, distances: Tensor, incident: Tensor, counts: Tensor | None = None) -> Tensor:
        """Energies of cells, with a gradient for those that are lit.

        Args:
            normals: (n, n_layers, n_x, n_y).
            distances: from the axis in mm, of the same shape.
            incident: energies in MeV, (n,).
            counts: how many cells of each layer are lit, (n, n_layers), the most probable ones; by their own chance
                without it.

        Returns:
            In MeV, of the shape of ``normals``.
        """
        rings, place = self._rings(distances).flatten(2), self._place(incident)
        knot = place.floor().clamp(max=self.n_knots - 2)
        below, beyond = knot.long(), place - knot
        thresholds = torch.lerp(self.thresholds[below], self.thresholds[below + 1], beyond[:, None, None])
        flat = normals.flatten(2)
        surplus = flat - thresholds.gather(2, rings)
        lit = surplus > 0 if counts is None else _largest(surplus, counts)
        event, layer, cell = torch.nonzero(lit, as_tuple=True)
        ring = rings[event, layer, cell]
        rarity = _beyond(flat[event, layer, cell]) / _beyond(thresholds[event, layer, ring])
        score = -_normal_of(rarity.clamp(1e-6, 1 - 1e-6))
        low, high = (self._read(below[event] + k, layer, ring, score) for k in (0, 1))
        values = torch.lerp(low, high, beyond[event]).exp()
        return torch.zeros_like(flat).index_put((event, layer, cell), values).view_as(normals)

    def _read(self, knot: Tensor, layer: Tensor, ring: Tensor, score: Tensor) -> Tensor:
        """ln(energy) at normal scores; all (m,)."""
        place = (score.clamp(-_FURTHEST, _FURTHEST) + _FURTHEST) / _STEP
        step = place.floor().clamp(max=_N_SCORES - 2)
        low, high = (self.log_values[knot, layer, ring, step.long() + k] for k in (0, 1))
        return torch.lerp(low, high, place - step)

    def _rings(self, distances: Tensor) -> Tensor:
        ring = _RINGS_PER_OCTAVE * torch.log2(1 + distances.float() / self.size)
        return ring.long().clamp(max=self.n_rings - 1)

    def _place(self, incident: Tensor) -> Tensor:
        """Of incident energies among the knots, (n,) float32."""
        share = (incident.double().log() - self.ends[0]) / (self.ends[1] - self.ends[0])
        return share.clamp(0, 1).float() * (self.n_knots - 1)


def _beyond(normals: Tensor) -> Tensor:
    """1 - Φ, never 0."""
    return (0.5 * (1 - torch.erf(normals / math.sqrt(2)))).clamp(min=1e-7)


def _normal_of(share: Tensor) -> Tensor:
    """Φ⁻¹ to 0.05 between -3.1 and 3.1, by Tukey's lambda; unlike Φ⁻¹, every runtime can compute it."""
    return 4.91 * (share**0.14 - (1 - share) ** 0.14)


def _quantiles(values: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Of values (m,) by group (m,), between order statistics: (n_groups, n_scores); 0 of groups without any."""
    if not len(values):
        return values.new_zeros(n_groups, _N_SCORES)
    order = values.argsort()
    ordered = values[order[group[order].argsort(stable=True)]]
    counts = torch.bincount(group, minlength=n_groups)
    scores = torch.linspace(-_FURTHEST, _FURTHEST, _N_SCORES, dtype=torch.float64)
    place = torch.special.ndtr(scores) * (counts[:, None] - 1).clamp(min=0)
    first = (counts.cumsum(0) - counts)[:, None] + place.floor().long()
    low, high = (ordered[(first + k).clamp(max=len(ordered) - 1)] for k in (0, 1))
    return torch.where(counts[:, None] > 1, torch.lerp(low, high, (place - place.floor()).float()), low)


def _largest(values: Tensor, counts: Tensor) -> Tensor:
    """Which cells are the ``counts`` largest of their layer: (n, n_layers, n_cells), (n, n_layers) → as values."""
    ordered = values.sort(dim=2, descending=True).values
    last = (counts.long() - 1).clamp(0, values.shape[2] - 1)
    return (values >= ordered.gather(2, last[..., None])) & (counts[..., None] > 0)
