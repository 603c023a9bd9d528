"""The refiner of traces, which sees one station at a time, and the critics that it learns from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from moliere.models.airshower.trace_encoder import TraceEncoder, covering_bins
from moliere.models.networks.leaky_mlp import LeakyMLP
from moliere.preprocess.traces import total_decades

BLOCKS, KERNEL = 4, 7
_SLOPE = 0.2


class TraceRefiner(nn.Module):
    """(m, n_bins) → (m, n_bins), not negative: residual blocks along time, as published for stations side by side.

    The first block's sum spreads the one channel of the input over all. The network starts as the identity: in every
    block the second convolution of channel 0 is zero, so that this channel passes the trace on, and the last layer
    starts to read that channel alone. A filter behind a ReLU that starts at zero stays at zero: this costs 4 of 256
    filters.

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
    r"""Traces in decades and their roughness (m, 2, n_bins) → how real they are, (m,).

    The published critic is not known; this one judges single traces, as the refiner makes them one by one:
    convolutions along time, the total signal in decades beside their features, and dense layers. A critic of whole
    events gives one verdict where this one gives a dozen, and the refiner learns many times more slowly from it.
    Roughness (:class:`~moliere.preprocess.traces.Roughness`) stands beside the signals because a critic's slope is
    held to one: in decades, noise of a few percent is too small for it to notice, although the missing noise makes
    bright refined traces easy to recognise. No
    normalisation, as the penalty is of single traces.

    Args:
        n_bins: of a trace.
        trace_channels: of the convolutions along time.
        features: of a trace.
        width: of the dense layers.
    """

    def __init__(self, n_bins: int, trace_channels: Sequence[int], features: int, width: int) -> None:
        super().__init__()
        self.beyond = covering_bins(n_bins, len(trace_channels)) - n_bins
        self.encoder = TraceEncoder(n_bins + self.beyond, trace_channels, features, _SLOPE, inputs=2)
        self.layers = LeakyMLP(features + 1, (width, width), 1)

    def forward(self, seen: Tensor) -> Tensor:
        """Judge."""
        features = self.encoder(F.pad(seen, (0, self.beyond)))
        verdict: Tensor = self.layers(torch.cat([features, total_decades(seen[:, 0])], dim=1))
        return verdict.squeeze(1)


class TotalsCritic(nn.Module):
    """Total signals of an event's stations (n, n_stations) → how real the event is, (n,).

    Single traces do not show how many stations of an event are bright. Where this number differs from data of the same
    energies, a reconstruction that learns from refined events is biased. Stations are sorted, as showers fall anywhere
    on the array.

    Args:
        brightest: how many stations are looked at.
    """

    def __init__(self, brightest: int) -> None:
        super().__init__()
        self.brightest = brightest
        self.layers = LeakyMLP(brightest, (64, 64), 1)

    def forward(self, totals: Tensor) -> Tensor:
        """Judge."""
        verdict: Tensor = self.layers(totals.topk(self.brightest, dim=1).values)
        return verdict.squeeze(1)
