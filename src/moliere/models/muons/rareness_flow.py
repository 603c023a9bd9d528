"""How the rareness of muons in several quantities hangs together: a flow from independent half-Gaussians."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from moliere.models.networks.flow_matching import flow, flow_matching_loss
from moliere.models.networks.residual_mlp import ResidualMLP

_SOLVER, _STEPS = "midpoint", 8
_WIDTH, _BLOCKS = 64, 2
#: normal scores of half-Gaussian numbers stay within this, where float32 still tells them apart
_FARTHEST = 5.0


class RarenessFlow(nn.Module):
    r"""Independent half-Gaussians ⇄ rareness as muons have it, each of which is half-Gaussian by itself.

    Both become normal, :math:`g = \Phi^{-1}(2 \Phi(a) - 1)`, and flow matching carries one to the other. It does what
    the authors' adversarial auto-encoder was for (:class:`~moliere.models.muons.rareness_autoencoder.\
RarenessAutoencoder`): a muon far out in one quantity is often far out in another, so that four independent numbers ask
    for muons that there are none of.

    Args:
        dim: quantities.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.velocity = ResidualMLP(dim, 0, _WIDTH, _BLOCKS)

    def forward(self, independent: Tensor) -> Tensor:
        """Half-Gaussians (n, dim) → rareness (n, dim)."""
        start = to_normal(independent)
        return to_half_normal(flow(self.velocity, start, start[:, :0], _SOLVER, _STEPS))

    def inverse(self, rareness: Tensor) -> Tensor:
        """Rareness (n, dim) → the half-Gaussians that it comes from, up to the solver's error."""
        end = to_normal(rareness)
        return to_half_normal(flow(_Backwards(self.velocity), end, end[:, :0], _SOLVER, _STEPS))

    def loss(self, rareness: Tensor, rng: torch.Generator) -> Tensor:
        """Of the velocity, for the rareness of muons (n, dim)."""
        x = to_normal(rareness)
        return flow_matching_loss(self.velocity, x, rng, x[:, :0])


class _Backwards(nn.Module):
    """The velocity from the end to the start."""

    def __init__(self, velocity: nn.Module) -> None:
        super().__init__()
        self.velocity = velocity

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        there: Tensor = self.velocity(x, 1 - t, condition)
        return -there


def to_normal(half: Tensor) -> Tensor:
    """Half-Gaussian numbers → normal ones in the same order.

    Example:
        >>> to_normal(torch.tensor([0.6744898])).abs() < 1e-6
        tensor([True])
    """
    # in float64: 2 Φ(a) - 1 of a large a differs from 1 in digits that float32 has not
    score: Tensor = torch.special.ndtri(torch.special.erf(half.double() / math.sqrt(2)))
    return score.clamp(-_FARTHEST, _FARTHEST).to(half)


def to_half_normal(normal: Tensor) -> Tensor:
    """Normal numbers → half-Gaussian ones in the same order."""
    level: Tensor = torch.special.ndtr(normal.double().clamp(-_FARTHEST, _FARTHEST))
    half: Tensor = math.sqrt(2) * torch.special.erfinv(level)
    return half.to(normal)
