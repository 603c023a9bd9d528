"""A trace in a few numbers: convolutions along time, the same for every station."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from moliere.errors import ConfigError

KERNEL, STRIDE = 7, 4


class TraceEncoder(nn.Module):
    """(m, n_bins), or (m, inputs, n_bins) → (m, features).

    Each of ``channels`` is a convolution of 7 bins that moves by 4; a last one takes in all bins that are left.

    Args:
        n_bins: of a trace.
        channels: of the convolutions before the last.
        features: outputs.
        slope: of the activations below zero; 0 is a ReLU.
        inputs: numbers of each bin.

    Raises:
        ConfigError: traces too short for a convolution, which is named.
    """

    def __init__(
        self, n_bins: int, channels: Sequence[int], features: int, slope: float = 0.0, inputs: int = 1
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        left = n_bins
        for k, outputs in enumerate(channels):
            if left < KERNEL:
                raise ConfigError(_too_short(n_bins, left, k, len(channels)))
            layers += [nn.Conv1d(inputs, outputs, KERNEL, STRIDE), nn.LeakyReLU(slope)]
            left, inputs = (left - KERNEL) // STRIDE + 1, outputs
        self.layers = nn.Sequential(*layers, nn.Conv1d(inputs, features, left), nn.LeakyReLU(slope))
        self.features = features
        for layer in self.layers:
            if isinstance(layer, nn.Conv1d):
                nn.init.kaiming_normal_(layer.weight, slope)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, traces: Tensor) -> Tensor:
        """Features of each trace."""
        features: Tensor = self.layers(traces if traces.dim() == 3 else traces[:, None])
        return features.squeeze(2)


def covering_bins(n_bins: int, n: int) -> int:
    """The smallest length, at least ``n_bins``, at which n convolutions see every bin, the last ones too.

    Two convolutions do not see the last of 80 bins: a critic made of them would not notice wrong signals there.

    Example:
        >>> covering_bins(80, 2), covering_bins(79, 2), covering_bins(80, 0)
        (95, 79, 80)
    """
    if n == 0:
        return n_bins
    steps = -(-max(0, n_bins - KERNEL) // STRIDE) + 1
    return (covering_bins(steps, n - 1) - 1) * STRIDE + KERNEL


def _too_short(n_bins: int, left: int, k: int, n: int) -> str:
    needed = 1
    for _ in range(n):
        needed = (needed - 1) * STRIDE + KERNEL
    return (
        f"trace convolution {k + 1} takes in {KERNEL} time bins, but of the array's {n_bins} only {left} reach it; "
        f"{n} of them need traces of {needed} bins: set fewer in model.trace_channels, none at all is []"
    )


def encode_triggered(encoder: Callable[[Tensor], Tensor], traces: Tensor, triggered: Tensor, features: int) -> Tensor:
    """Features of the stations that triggered, zeros for the others, which cost nothing.

    Args:
        encoder: (m, n_bins) → (m, features).
        traces: (n, n_stations, n_bins).
        triggered: (n, n_stations).
        features: how many the encoder makes.

    Returns:
        (n, n_stations, features).
    """
    if torch.compiler.is_compiling():  # an exported graph has sizes that do not depend on the signals
        everything = encoder(traces.flatten(0, 1)).unflatten(0, triggered.shape)
        return torch.where(triggered[:, :, None], everything, torch.zeros_like(everything))
    encoded = encoder(traces[triggered])
    everywhere = torch.zeros(*triggered.shape, features, dtype=encoded.dtype, device=encoded.device)
    everywhere[triggered] = encoded
    return everywhere
