"""Energies of voxels and layers, and numbers of cells with energy, in network space."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from moliere.preprocess.base import PlainTransform, Transform, known, transforms
from moliere.preprocess.scaling import Logit

_TINY = 1e-300


@transforms.register("incident-fraction")
class IncidentFraction(Transform):
    """Energies as a fraction of the incident energy."""

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """MeV → fraction."""
        return values / known(energy)[:, None]

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Fraction → MeV."""
        return values * known(energy)[:, None]


@transforms.register("energy-ladder")
class EnergyLadder(Transform):
    r"""Layer energies as total over incident, then each layer's share of what is left behind it.

    .. math:: u_0 = \sum_j E_j / E_\mathrm{inc}, \qquad u_i = E_{i-1} / \sum_{j \ge i-1} E_j \in [0, 1]

    so that any :math:`u_0 \ge 0` and any shares in [0, 1] make layer energies that are not negative and add up. Where
    nothing is left, the share is 0. Computed in float64: shares of 1e-7 are common at high energy.

    References:
        CaloFlow II, Krause and Shih, 2021, https://arxiv.org/abs/2110.11377; CaloINN, Ernst et al., 2023,
        https://arxiv.org/abs/2312.09290

    Example:
        >>> ladder = EnergyLadder()
        >>> ladder(torch.tensor([[10.0, 60.0, 20.0]]), torch.tensor([100.0]))
        tensor([[0.9000, 0.1111, 0.7500]], dtype=torch.float64)
    """

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """(n, n_layers) in MeV → (n, n_layers) ladder."""
        left = values.double().flip(1).cumsum(1).flip(1)
        shares = values[:, :-1] / left[:, :-1].clamp(min=_TINY)
        return torch.cat([left[:, :1] / known(energy).double()[:, None], shares], dim=1)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """(n, n_layers) ladder → (n, n_layers) in MeV, float64."""
        values = values.double()
        total = values[:, :1].clamp(min=0) * known(energy).double()[:, None]
        shares = values[:, 1:].clamp(0, 1)
        left = torch.cat([total, total * (1 - shares).cumprod(1)], dim=1)
        return torch.cat([left[:, :-1] * shares, left[:, -1:]], dim=1)


@transforms.register("layer-shares")
class LayerShares(PlainTransform):
    """Voxels as their layer's energy and their share of it: (n, n_channels) → (n, n_layers + n_channels).

    An empty layer has shares 0. The inverse normalises the shares, so that layer energies come out as they went in
    whatever a network made of the shares.

    Args:
        sizes: number of channels of each layer.

    Example:
        >>> LayerShares([2, 2])(torch.tensor([[1.0, 3.0, 0.0, 0.0]]))
        tensor([[4.0000, 0.0000, 0.2500, 0.7500, 0.0000, 0.0000]])
    """

    layer: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.n_layers, self.sizes = len(sizes), list(sizes)
        layer = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(list(sizes)))
        self.register_buffer("layer", layer, persistent=False)

    def sum_layers(self, signals: Tensor) -> Tensor:
        """(n, n_channels) → (n, n_layers)."""
        if torch.compiler.is_compiling():  # an exported graph has no sum by index
            return torch.stack([part.sum(dim=1) for part in signals.split(self.sizes, dim=1)], dim=1)
        zeros = signals.new_zeros(len(signals), self.n_layers)
        return zeros.index_add(1, self.layer, signals)

    def join(self, layer_energies: Tensor, shares: Tensor) -> Tensor:
        """Signals with exactly these layer energies: shares are normalised within each layer."""
        scale = layer_energies / self.sum_layers(shares).clamp(min=1e-30)
        return shares * scale[:, self.layer]

    def encode(self, values: Tensor) -> Tensor:
        """MeV → layer energies and shares."""
        layer_energies = self.sum_layers(values)
        shares = values / layer_energies.clamp(min=1e-30)[:, self.layer]
        return torch.cat([layer_energies, shares], dim=1)

    def decode(self, values: Tensor) -> Tensor:
        """Layer energies and shares → MeV."""
        return self.join(values[:, : self.n_layers], values[:, self.n_layers :])


@transforms.register("zero-band")
class ZeroBand(Transform):
    r"""Replaces values below a threshold by noise that is log-uniform over a band right below it.

    A spike at zero has no density that a flow could learn; a band does, and its upper edge is where the inverse cuts.
    The threshold is in MeV, not in shares: cutting shares was measured to take the tails off energetic showers (radial
    width 40 % too small).

    .. math:: x < \theta \mapsto \theta \cdot 10^{-w u},\ u \sim U(0, 1); \qquad \text{inverse: } y < \theta \mapsto 0

    Args:
        threshold: in MeV; values below it become zero, which is the only loss.
        decades: width w of the band in powers of ten.
    """

    def __init__(self, threshold: float, decades: float = 1.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.decades = decades

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """Fill the band."""
        u = torch.rand(values.shape, generator=rng, dtype=values.dtype, device=values.device)
        return torch.where(values < self.threshold, self.threshold * 10 ** (-self.decades * u), values)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Cut below the threshold."""
        return torch.where(values < self.threshold, torch.zeros_like(values), values)


@transforms.register("logit-fraction")
class LogitFraction(Transform):
    r"""The logit of a voxel's fraction of the incident energy, counted from an empty voxel's.

    .. math:: u = \mathrm{logit}(R + (1 - 2R)\, E_\mathrm{voxel} / E_\mathrm{inc}) - \mathrm{logit}(R)

    An empty voxel is exactly 0 and one that holds everything 2 logit(1 − R), 32.24 for the published R. A voxel with
    more than the incident energy has no u (NaN).

    Args:
        smallest: R.

    References:
        Denoising diffusion models with geometry adaptation for high fidelity calorimeter simulation, O. Amram, 2023, https://arxiv.org/abs/2308.03876

    Example:
        >>> LogitFraction()(torch.tensor([[0.0, 100.0]]), torch.tensor([100.0])).round(decimals=2)
        tensor([[ 0.0000, 32.2400]], dtype=torch.float64)
    """

    def __init__(self, smallest: float = 1e-7) -> None:
        super().__init__()
        self.fraction, self.logit = IncidentFraction(), Logit(smallest)
        self.empty = math.log(smallest / (1 - smallest))

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """MeV → u, float64."""
        open_ = self.logit(self.fraction(values, energy, rng), energy, rng)
        # where a voxel is empty, rounding must not make it a little of something
        return torch.where(values == 0, torch.zeros_like(open_), open_ - self.empty)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """U → MeV; what is not above 0 is empty."""
        fraction = self.logit.inverse(values.double().clamp(min=0) + self.empty, energy)
        full = self.fraction.inverse(fraction, energy)
        return torch.where(values > 0, full, torch.zeros_like(full))


@transforms.register("counts")
class Counts(Transform):
    """Whole numbers 0 … size as fractions in (0, 1), spread uniformly over a bin each.

    Args:
        sizes: largest count of each column.
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("sizes", torch.tensor(list(sizes), dtype=torch.float64), persistent=False)

    def forward(self, values: Tensor, energy: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """Counts → fractions."""
        u = torch.rand(values.shape, generator=rng, dtype=torch.float64, device=values.device)
        return (values.double() + u) / (self.sizes + 1)

    def inverse(self, values: Tensor, energy: Tensor | None = None) -> Tensor:
        """Fractions → counts."""
        return torch.minimum((values * (self.sizes + 1)).floor().clamp(min=0), self.sizes)


def keep_largest(values: Tensor, counts: Tensor, slices: Sequence[slice]) -> Tensor:
    """Zero all but the ``counts`` largest values of each layer.

    Args:
        values: not negative, (n, n_channels).
        counts: (n, n_layers).
        slices: channels of each layer.
    """
    parts = []
    for layer, part in enumerate(slices):
        inside = values[:, part]
        ordered = inside.sort(dim=1, descending=True).values
        last = (counts[:, layer, None].long() - 1).clamp(min=0)
        kept = (inside >= ordered.gather(1, last)) & (counts[:, layer, None] > 0)
        parts.append(torch.where(kept, inside, torch.zeros_like(inside)))
    return torch.cat(parts, dim=1)
