"""The backbone for any calorimeter: tokens around and along the axis, whose weights follow from the geometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.flow.geometry import CellGeometry, Ints
from moliere.models.networks.residual_mlp import TimeEmbedding, zero_init

#: groups of channels that look along the axis in ways of their own
_HEADS = 4
#: turns of the wave around the axis that each group of channels is projected on
_WAVES = (0, 1, 1, 2)


@dataclass(frozen=True)
class _Weights:
    """What a mixer computes from where cells, layers and slabs lie."""

    inward: Tensor
    outward: Tensor
    local: Tensor
    overall: Tensor
    sides: Tensor | None
    kernels: tuple[Tensor | None, ...]


class GeometryMixer(nn.Module):
    """Velocity of n showers: (x, t, condition, layers) → the shape of x.

    Cells go to tokens, one a sector around the axis and slab along it, and back by weights that a small network
    computes from where the cell lies: its depth in radiation lengths, its distance from the axis in Molière radii, its
    size. So rings, Cartesian cells and any number of layers are the same to the network, and its weights carry over to
    another calorimeter; what each kind of cell has of its own starts at zero and stays behind.

    A block mixes each token with its neighbours around the axis (both sides added, which keeps the mirror symmetry),
    with all slabs along it, and with the slowest waves around it: a shower that leans to one side does so in all cells
    of a layer, in each only a little. A global vector that holds the condition, the time and all layers modulates the
    block, and reads the tokens' mean in turn.

    Args:
        geometry: of the calorimeter.
        condition_width: width of the condition.
        layer_width: numbers that describe a layer.
        width: width of a token, a multiple of 4.
        global_width: width of the global vector.
        blocks: number of blocks.
        vectors: pairs among the numbers that describe a layer, the last ones, that point across the axis; every sector
            is also told how they look from its side.
    """

    order: Tensor
    kind: Tensor
    back: Tensor
    share: Tensor
    features: Tensor
    layer_features: Tensor
    slab: Tensor
    turns: Tensor

    def __init__(
        self,
        geometry: CellGeometry,
        condition_width: int,
        layer_width: int,
        width: int,
        global_width: int,
        blocks: int,
        vectors: int = 0,
    ) -> None:
        super().__init__()
        self.n_sectors, self.width, self.layer_width = geometry.n_sectors, width, layer_width
        distinct, kind = np.unique(geometry.features.round(5), axis=0, return_inverse=True)
        self._place_cells(geometry, np.append(kind, len(distinct)))
        scaled = (distinct - distinct.mean(0)) / distinct.std(0).clip(min=1e-3)
        layers = torch.tensor(geometry.layer_features).float()
        slab = F.one_hot(torch.tensor(geometry.slab_of_layer), geometry.n_slabs).float()
        for name, values in (("features", torch.tensor(scaled).float()), ("layer_features", layers), ("slab", slab)):
            self.register_buffer(name, values, persistent=False)
        self.inward, self.outward = (_weights_from(scaled.shape[1], width) for _ in range(2))
        self.own = nn.Parameter(torch.zeros(2, len(distinct), width))
        self.words = _weights_from(layers.shape[1], layer_width * (width + global_width))
        self.vectors = vectors
        self.sides = _weights_from(layers.shape[1], 2 * vectors * width) if vectors else None
        self.register_buffer("turns", _turns(geometry.n_sectors), persistent=False)
        self.time = TimeEmbedding()
        self.told = nn.Sequential(
            nn.Linear(condition_width + self.time.width, global_width), nn.SiLU(), nn.Linear(global_width, global_width)
        )
        slabs = slab.T @ layers / slab.sum(0)[:, None]
        self.blocks = nn.ModuleList(
            _Block(width, global_width, geometry.n_sectors, slabs, last=k == blocks - 1) for k in range(blocks)
        )
        self.token_norm = nn.LayerNorm(width)
        self._kept: tuple[Any, _Weights] | None = None

    def _place_cells(self, geometry: CellGeometry, kind: Ints) -> None:
        """Entries of each token and of each channel, in rows of equal length; one beyond the last fills the rows."""
        n_channels = int(geometry.channel.max()) + 1
        entry = _rows(geometry.token, geometry.n_sectors * geometry.n_slabs)
        place = np.full(len(geometry.channel) + 1, entry.size)
        place[entry.ravel()] = np.arange(entry.size)
        place[-1] = entry.size
        own = _rows(geometry.channel, n_channels)
        tables = {
            "order": np.append(geometry.channel, n_channels)[entry],
            "kind": kind[entry],
            "back": place[own],
            "share": np.append(geometry.share, 0.0)[own].astype(np.float32),
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, layers: Tensor) -> Tensor:
        """The velocity at x and t; layers is (n, n_layers, layer_width)."""
        weights, held = self._weights(), layers.flatten(1)
        tokens = torch.bmm(self._gather(x), weights.inward)
        tokens = tokens + (held @ weights.local).repeat_interleave(self.n_sectors, 0)
        if weights.sides is not None:
            tokens = tokens + self._from_sides(layers, weights.sides)
        overall = held @ weights.overall + self.told(torch.cat([condition, self.time(t)], dim=1))
        for block, kernel in zip(self.blocks, weights.kernels, strict=True):
            tokens, overall = block(tokens, overall, kernel)
        return self._scatter(torch.bmm(self.token_norm(tokens), weights.outward))

    def _weights(self) -> _Weights:
        """What follows from the geometry and the trained numbers; made once for them where nothing is trained."""
        mixed = torch.is_autocast_enabled(self.own.device.type)
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or mixed:
            return self._make_weights()
        sources = (self.inward, self.outward, self.words, self.sides, *(block.reach for block in self._blocks))
        numbers = [self.own, *(number for source in sources if source is not None for number in source.parameters())]
        # what changes a tensor in its place raises its version, and what moves it changes where its data lie
        state = [(number.data_ptr(), 0 if number.is_inference() else number._version) for number in numbers]
        if self._kept is None or self._kept[0] != state:
            with torch.inference_mode(False), torch.no_grad():
                self._kept = state, self._make_weights()
        return self._kept[1]

    def _make_weights(self) -> _Weights:
        inward, outward = self._cell_weights()
        kernels = tuple(block.kernel() for block in self._blocks)
        return _Weights(inward, outward, *self._layer_weights(), self._side_weights(), kernels)

    @property
    def _blocks(self) -> Iterator[_Block]:
        return cast("Iterator[_Block]", iter(self.blocks))

    def _cell_weights(self) -> tuple[Tensor, Tensor]:
        """Weights of each token's entries: (n_tokens, p, width) inward and (n_tokens, width, p) outward."""
        scale = self.order.shape[1] ** -0.5, self.width**-0.5
        made = (self.inward(self.features) * scale[0], self.outward(self.features) * scale[1])
        nothing = self.own.new_zeros(1, self.width)
        inward, outward = (torch.cat([m + own, nothing])[self.kind] for m, own in zip(made, self.own, strict=True))
        return inward, outward.transpose(1, 2)

    def _layer_weights(self) -> tuple[Tensor, Tensor]:
        """Of what layers hold: for the tokens of each slab (n_slabs, m, width), and for all (m, global_width)."""
        m = len(self.layer_features) * self.layer_width
        words = self.words(self.layer_features).view(m, -1) * m**-0.5
        own = self.slab.repeat_interleave(self.layer_width, 0).T[:, :, None]
        return own * words[:, : self.width], words[:, self.width :]

    def _side_weights(self) -> Tensor | None:
        """Of vectors as a sector sees them, for the tokens of each slab: (n_slabs, n_layers · 2 vectors, width)."""
        if self.sides is None:
            return None
        n = 2 * self.vectors
        words: Tensor = self.sides(self.layer_features).view(-1, self.width) * (n * len(self.layer_features)) ** -0.5
        return self.slab.repeat_interleave(n, 0).T[:, :, None] * words

    def _from_sides(self, layers: Tensor, weights: Tensor) -> Tensor:
        """What the layers' vectors tell each token, (n_tokens, n, width)."""
        vectors = layers[:, :, -2 * self.vectors :].unflatten(2, (self.vectors, 2))
        seen = torch.stack([(vectors @ turn).flatten(1) for turn in self.turns])
        return (seen @ weights[:, None]).flatten(0, 1)

    def _gather(self, x: Tensor) -> Tensor:
        """Cells of each token, (n_tokens, n, p)."""
        padded = torch.cat([x, x.new_zeros(len(x), 1)], 1)
        rows: Tensor = padded[:, self.order.flatten()].unflatten(1, self.order.shape)
        return rows.transpose(0, 1)

    def _scatter(self, made: Tensor) -> Tensor:
        """Entries (n_tokens, n, p) → cells (n, n_channels); a cell in several sectors takes its shares of each."""
        n = made.shape[1]
        entries = made.transpose(0, 1).flatten(1)
        if self.back.shape[1] == 1:
            return entries[:, self.back[:, 0]]
        entries = torch.cat([entries, entries.new_zeros(n, 1)], 1)
        own: Tensor = entries[:, self.back.flatten()].unflatten(1, self.back.shape)
        return (own * self.share).sum(2)


class _Block(nn.Module):
    pairs: Tensor
    around: Tensor
    waves: Tensor

    def __init__(self, width: int, global_width: int, n_sectors: int, slabs: Tensor, *, last: bool) -> None:
        super().__init__()
        self.n_slabs = len(slabs)
        self.register_buffer("around", _around(self.n_slabs, n_sectors), persistent=False)
        self.register_buffer("waves", _waves(self.n_slabs, n_sectors), persistent=False)
        views = 4 if self.n_slabs == 1 else 5
        self.global_norm = nn.LayerNorm(global_width)
        self.modulate = zero_init(nn.Linear(global_width, 3 * width))
        self.mix, self.down = nn.Linear(views * width, 2 * width), nn.Linear(2 * width, width)
        self.reply = None if last else _Reply(width, global_width)
        here, there = (slabs.unsqueeze(1 - k).expand(self.n_slabs, self.n_slabs, -1) for k in (0, 1))
        self.register_buffer("pairs", torch.cat([here, there, here - there], 2), persistent=False)
        self.reach = _weights_from(self.pairs.shape[2], _HEADS) if self.n_slabs > 1 else None

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Weights from before there were waves, which then change nothing."""
        weight = state_dict.get(f"{prefix}mix.weight")
        if weight is not None and self.mix.in_features - weight.shape[1] == weight.shape[0] // 2:
            state_dict[f"{prefix}mix.weight"] = F.pad(weight, (0, weight.shape[0] // 2))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def kernel(self) -> Tensor | None:
        """Shares of all slabs in what each of them sees along the axis, (heads, n_slabs, n_slabs)."""
        return (
            None if self.reach is None else torch.softmax(self.reach(self.pairs), dim=1).permute(2, 0, 1).contiguous()
        )

    def forward(self, tokens: Tensor, overall: Tensor, kernel: Tensor | None) -> tuple[Tensor, Tensor]:
        scale, shift, gate = self.modulate(F.silu(self.global_norm(overall))).chunk(3, dim=-1)
        z = F.layer_norm(tokens, tokens.shape[-1:]) * (1 + scale) + shift
        near, far = (z[self.around[k]] + z[self.around[k + 1]] for k in (0, 2))
        seen = [z, near, far]
        if kernel is not None:
            seen.append(_by_head(kernel, z, self.n_slabs))
        seen.append(_by_head(self.waves, z, len(z)))
        tokens = tokens + (1 + gate) * self.down(F.silu(self.mix(torch.cat(seen, dim=-1))))
        return tokens, overall if self.reply is None else overall + self.reply(self.global_norm(overall), tokens)


class _Reply(nn.Module):
    """What the tokens tell the global vector."""

    def __init__(self, width: int, global_width: int) -> None:
        super().__init__()
        self.read, self.write = nn.Linear(global_width + width, global_width), nn.Linear(global_width, global_width)

    def forward(self, overall: Tensor, tokens: Tensor) -> Tensor:
        said: Tensor = self.write(F.silu(self.read(torch.cat([overall, tokens.mean(dim=0)], dim=1))))
        return said


def _around(n_slabs: int, n_sectors: int) -> Tensor:
    """Tokens at distance 1 and 2 to both sides of each token around the axis, (4, n_tokens)."""
    token = torch.arange(n_slabs * n_sectors)
    first = token - token % n_sectors
    return torch.stack([first + (token - first + step) % n_sectors for step in (-1, 1, -2, 2)])


def _waves(n_slabs: int, n_sectors: int) -> Tensor:
    """Each slab's projections on waves around the axis, (heads, n_tokens, n_tokens); white tokens keep their size."""
    sector = torch.arange(n_sectors)
    angle = (sector[:, None] - sector) * (2 * torch.pi / n_sectors)
    alike = torch.eye(n_slabs)
    return torch.stack([torch.kron(alike, (wave * angle).cos() * _size(wave, n_sectors)) for wave in _WAVES])


def _size(wave: int, n_sectors: int) -> float:
    return float((min(wave + 1, 2) / n_sectors) ** 0.5)


def _turns(n_sectors: int) -> Tensor:
    """From x and y to towards each sector's middle and around the axis, (n_sectors, 2, 2)."""
    angle = (torch.arange(n_sectors) + 0.5) * (2 * torch.pi / n_sectors) - torch.pi
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)


def _by_head(matrices: Tensor, z: Tensor, rows: int) -> Tensor:
    """Each group of channels times a matrix of its own: (heads, rows, rows), tokens (n_tokens, n, width) in rows."""
    heads = [
        (matrix @ part.reshape(rows, -1)).view(part.shape)
        for matrix, part in zip(matrices, z.chunk(_HEADS, dim=2), strict=True)
    ]
    return torch.cat(heads, dim=2)


def _weights_from(n_features: int, width: int) -> nn.Module:
    """A small network from features of places to weights of another network."""
    return nn.Sequential(nn.Linear(n_features, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, width))


def _rows(owner: Ints, n: int) -> Ints:
    """Numbers of each owner's members, (n, most members); ``len(owner)`` fills the rows."""
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=n)
    rows = np.full((n, int(counts.max())), len(owner))
    column = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[owner[order], column] = order
    return cast(Ints, rows)
