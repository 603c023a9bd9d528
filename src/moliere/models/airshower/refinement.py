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

    Noise and surroundings are not published. The first channel of noise is also added at the end, multiplied by a
    second output of the network, which starts at zero.

    Args:
        features: channels inside.
        noise: normal numbers of each bin beside the trace.
        context: numbers that say where in the shower a trace was recorded.
    """

    def __init__(self, features: int = 64, noise: int = 0, context: int = 0) -> None:
        super().__init__()
        self.noise, self.context = noise, context
        inputs = [1 + noise, *[features] * (BLOCKS - 1)]
        self.blocks = nn.ModuleList(_ResidualBlock(width, features, context) for width in inputs)
        self.outward = nn.Conv1d(features, 1 + (noise > 0), 1)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.outward.weight[0, 0] = 1

    def forward(self, given: Tensor) -> Tensor:
        """Refine traces (m, n_bins); behind each its noise and what is said of its place, if there are any."""
        n_bins = (given.shape[1] - self.context) // (1 + self.noise)
        x = given[:, : n_bins * (1 + self.noise)].unflatten(1, (1 + self.noise, n_bins))
        drawn, place = x[:, 1:2], given[:, given.shape[1] - self.context :]
        passed = x[:, :1]
        for block in self.blocks:
            x = passed = block(x, passed, place)
        out = self.outward(x)
        refined: Tensor = F.relu(out[:, :1] + out[:, 1:] * drawn if self.noise else out)
        return refined.squeeze(1)


class _ResidualBlock(nn.Module):
    def __init__(self, in_channels: int, features: int, context: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(in_channels, features, KERNEL, padding="same")
        self.second = nn.Conv1d(features, features, KERNEL, padding="same")
        self.place = nn.Linear(context, features, bias=False) if context else None
        with torch.no_grad():
            self.second.weight[0] = 0
            self.second.bias[0] = 0  # type: ignore[index]

    def forward(self, x: Tensor, passed: Tensor, place: Tensor) -> Tensor:
        """What is passed on, and what the block adds to it."""
        hidden = self.first(x)
        if self.place is not None:
            hidden = hidden + self.place(place)[:, :, None]
        added: Tensor = F.relu(self.second(F.relu(hidden)))
        return passed + added


class TraceCritic(nn.Module):
    r"""Traces in decades, their roughness and their surroundings, (m, 2 n_bins + context) → how real, (m,).

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
        context: numbers that say where in the shower a trace was recorded.
    """

    def __init__(self, n_bins: int, trace_channels: Sequence[int], features: int, width: int, context: int = 0) -> None:
        super().__init__()
        self.n_bins = n_bins
        self.beyond = covering_bins(n_bins, len(trace_channels)) - n_bins
        self.encoder = TraceEncoder(n_bins + self.beyond, trace_channels, features, _SLOPE, inputs=2)
        self.layers = LeakyMLP(features + 1 + context, (width, width), 1)

    def forward(self, seen: Tensor) -> Tensor:
        """Judge."""
        pictures = seen[:, : 2 * self.n_bins].unflatten(1, (2, self.n_bins))
        features = self.encoder(F.pad(pictures, (0, self.beyond)))
        known = [features, total_decades(pictures[:, 0]), seen[:, 2 * self.n_bins :]]
        verdict: Tensor = self.layers(torch.cat(known, dim=1))
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
