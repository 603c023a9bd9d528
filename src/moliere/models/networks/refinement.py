"""The refiner of traces and the critic that it learns from; both treat all stations alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.networks.trace_encoder import TraceEncoder, encode_triggered
from moliere.preprocess.traces import from_decades, to_decades

BLOCKS, KERNEL = 4, 7
_SLOPE = 0.2


class TraceRefiner(nn.Module):
    """(m, n_bins) → (m, n_bins), not negative: residual blocks along time, as published for stations side by side.

    The first block's sum spreads the one channel of the input over all. The network starts as the identity: in every
    block the second convolution of channel 0 is zero, so that this channel hands the trace on, and the last layer
    starts to read that channel alone. Behind a ReLU what is zero stays zero: 4 of 256 filters are the price.

    Args:
        features: channels inside.
    """

    def __init__(self, features: int = 64) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_ResidualBlock(1 if k == 0 else features, features) for k in range(BLOCKS))
        self.outward = nn.Conv1d(features, 1, 1)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.outward.weight[:, 0] = 1

    def forward(self, traces: Tensor) -> Tensor:
        """Refine traces."""
        x = traces[:, None]
        for block in self.blocks:
            x = block(x)
        refined: Tensor = F.relu(self.outward(x))
        return refined.squeeze(1)


class _ResidualBlock(nn.Module):
    def __init__(self, in_channels: int, features: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(in_channels, features, KERNEL, padding="same")
        self.second = nn.Conv1d(features, features, KERNEL, padding="same")
        with torch.no_grad():
            self.second.weight[0] = 0
            self.second.bias[0] = 0  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = F.relu(self.second(F.relu(self.first(x))))
        return x + added


class TraceCritic(nn.Module):
    r"""Events (n, n_stations, n_bins) in decades → how real they are, (n,).

    The published critic is not known; this one is built for a refiner that treats all stations alike. Convolutions
    along time and a dense layer make features of a station, with its total signal, in decades, beside them:

    .. math:: \phi(s) = h(c(s), \log_{10}(1 + S)) - h(c(0), 0)

    so that silent stations say nothing, and signals that go to zero reach that in one piece: a jump would count
    stations, which no penalty sees. Sum and maximum over stations, and two dense layers, make the verdict. The order
    and the places of the stations do not matter, so that any array will do; how many have which signals and shapes
    does. No normalisation, as the penalty is of single events.

    Args:
        n_bins: of a trace.
        trace_channels: of the convolutions along time.
        features: of a trace.
        width: of the dense layers.
    """

    def __init__(self, n_bins: int, trace_channels: Sequence[int], features: int, width: int) -> None:
        super().__init__()
        self.encoder = TraceEncoder(n_bins, trace_channels, features, _SLOPE)
        self.station = nn.Linear(features + 1, width)
        self.hidden, self.outward = nn.Linear(2 * width, width), nn.Linear(width, 1)
        self.width = width

    def forward(self, traces: Tensor) -> Tensor:
        """Judge."""
        described = encode_triggered(self._describe, traces, traces.amax(dim=2) > 0, self.width)
        pooled = torch.cat([described.sum(dim=1) / math.sqrt(traces.shape[1]), described.amax(dim=1)], dim=1)
        verdict: Tensor = self.outward(F.leaky_relu(self.hidden(pooled), _SLOPE))
        return verdict.squeeze(1)

    def _describe(self, traces: Tensor) -> Tensor:
        """(m, n_bins) → (m, width), zero for a trace of zeros."""
        with_silence = torch.cat([traces, traces.new_zeros(1, traces.shape[1])])
        total = to_decades(from_decades(with_silence).sum(dim=1, keepdim=True))
        features = F.leaky_relu(self.station(torch.cat([self.encoder(with_silence), total], dim=1)), _SLOPE)
        return features[:-1] - features[-1:]
