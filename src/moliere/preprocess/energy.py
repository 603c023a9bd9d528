"""Where the energy goes: total over incident, and each layer's share of what is left."""

from __future__ import annotations

import torch
from torch import Tensor

from moliere.preprocess.base import Transform, known, transforms

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
