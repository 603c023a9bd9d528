"""The backbone for polar calorimeters: one token a sector, mixed around the ring, the same weights for all sectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.detectors import Calorimeter
from moliere.models.networks.residual_mlp import TimeEmbedding, zero_init


def find_sectors(detector: Calorimeter) -> SectorLayout | None:
    """The common division into sectors, or ``None`` where there is none.

    All layers must be polar, and all that are divided in alpha must have the same number of sectors.

    Example:
        >>> from moliere.detectors import catalog
        >>> layout = find_sectors(catalog.get("calochallenge-1-photons"))
        >>> len(layout.sectors), len(layout.sectors[0]), len(layout.rest)
        (10, 35, 18)
    """
    grids = [grid for grid in detector.grids if grid.kind == "polar"]
    divisions = {grid.n_alpha for grid in grids if grid.n_alpha > 1}
    if len(grids) != len(detector.grids) or len(divisions) != 1:
        return None
    (n_sectors,) = divisions
    rows: list[list[int]] = [[] for _ in range(n_sectors)]
    rest: list[int] = []
    for grid, part in zip(grids, detector.slices, strict=True):
        channels = np.arange(part.start, part.stop).reshape(grid.shape)
        if grid.n_alpha == 1:
            rest.extend(channels[0].tolist())
        else:
            for row, sector in zip(rows, channels, strict=True):
                row.extend(sector.tolist())
    return SectorLayout(tuple(map(tuple, rows)), tuple(rest))


@dataclass(frozen=True)
class SectorLayout:
    """Which channels are a sector's and which belong to rings that are not divided.

    Args:
        sectors: channel numbers, a row a sector, the same rings in the same order in each: (n_sectors, n_rings).
        rest: channels of undivided rings: (n_rest,).
    """

    sectors: tuple[tuple[int, ...], ...]
    rest: tuple[int, ...]


class SectorMixer(nn.Module):
    """Velocity of n showers: (x, t, condition) → the shape of x; commutes with rotating and mirroring the sectors.

    A shower looks the same from every side, so the sectors share their weights: with ten sectors, each weight learns
    from ten times as much data. A block mixes each token with its neighbours at distance 1 and 2 (both sides added,
    hence the mirror symmetry), modulated by a global vector that holds the condition, the time and the undivided rings,
    and that reads the tokens' mean in turn.

    Args:
        layout: where the channels go.
        condition_width: width of the condition.
        width: width of a token.
        global_width: width of the global vector.
        blocks: number of blocks.
    """

    order: Tensor
    back: Tensor

    def __init__(self, layout: SectorLayout, condition_width: int, width: int, global_width: int, blocks: int) -> None:
        super().__init__()
        self.n_sectors, self.n_rings = len(layout.sectors), len(layout.sectors[0])
        order = torch.tensor([channel for row in (*layout.sectors, layout.rest) for channel in row])
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("back", order.argsort(), persistent=False)
        self.time = TimeEmbedding()
        given = condition_width + self.time.width
        self.token_in = nn.Linear(self.n_rings, width)
        self.global_in = nn.Linear(len(layout.rest) + given, global_width)
        self.told = nn.Sequential(nn.Linear(given, global_width), nn.SiLU(), nn.Linear(global_width, global_width))
        self.blocks = nn.ModuleList(_Block(width, global_width) for _ in range(blocks))
        self.token_norm, self.global_norm = nn.LayerNorm(width), nn.LayerNorm(global_width)
        self.token_out = zero_init(nn.Linear(width, self.n_rings))
        self.global_out = zero_init(nn.Linear(global_width, len(layout.rest)))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """The velocity at x and t."""
        divided, rest = x[:, self.order].split(
            [self.n_sectors * self.n_rings, len(self.order) - self.n_sectors * self.n_rings], 1
        )
        given = torch.cat([condition, self.time(t)], dim=1)
        tokens = self.token_in(divided.reshape(-1, self.n_sectors, self.n_rings))
        overall = self.global_in(torch.cat([rest, given], dim=1)) + self.told(given)
        for block in self.blocks:
            tokens, overall = block(tokens, overall)
        divided = self.token_out(self.token_norm(tokens)).flatten(1)
        return torch.cat([divided, self.global_out(self.global_norm(overall))], dim=1)[:, self.back]


class _Block(nn.Module):
    def __init__(self, width: int, global_width: int) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.global_norm = nn.LayerNorm(global_width)
        self.modulate = nn.Linear(global_width, 3 * width)
        self.mix, self.down = nn.Linear(3 * width, 2 * width), nn.Linear(2 * width, width)
        self.read, self.write = nn.Linear(global_width + width, global_width), nn.Linear(global_width, global_width)

    def forward(self, tokens: Tensor, overall: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift, gate = self.modulate(F.silu(self.global_norm(overall)))[:, None].chunk(3, dim=-1)
        z = self.token_norm(tokens) * (1 + scale) + shift
        around = torch.cat([z, *_both_sides(z)], dim=-1)
        tokens = tokens + (1 + gate) * self.down(F.silu(self.mix(around)))
        seen = torch.cat([self.global_norm(overall), tokens.mean(dim=1)], dim=1)
        return tokens, overall + self.write(F.silu(self.read(seen)))


def _both_sides(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the two neighbours at distance 1 and 2 around the ring; views of one padded copy, as rolls copy each."""
    n = tokens.shape[1]
    ring = torch.cat([tokens[:, -2:], tokens, tokens[:, :2]], dim=1)
    return ring[:, 1 : n + 1] + ring[:, 3 : n + 3], ring[:, :n] + ring[:, 4 : n + 4]


def sector_symmetries(layout: SectorLayout) -> Sequence[Sequence[int]]:
    """Channel permutations that rotate and mirror the sectors, the identity first.

    Returns:
        2 n_sectors permutations p, such that ``signals[:, p]`` is the rotated or mirrored shower.
    """
    n = len(layout.sectors)
    n_channels = n * len(layout.sectors[0]) + len(layout.rest)
    result = []
    for mirror in (1, -1):
        for turn in range(n):
            permutation = list(range(n_channels))
            for sector in range(n):
                source = layout.sectors[(mirror * sector + turn) % n]
                for here, there in zip(layout.sectors[sector], source, strict=True):
                    permutation[here] = there
            result.append(permutation)
    return result
