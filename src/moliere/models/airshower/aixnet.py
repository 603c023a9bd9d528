"""AixNet: energy, axis, core and depth of an air shower from the traces and arrival times of an array's stations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config
from moliere.detectors import SurfaceArray
from moliere.errors import InvalidEvents
from moliere.events.events import ARRIVAL_TIMES
from moliere.models.airshower.dense_separable import DenseSeparable, Tower
from moliere.models.airshower.targets import Targets
from moliere.models.airshower.trace_encoder import TraceEncoder, encode_triggered
from moliere.models.base import Batch, BuildContext, Loss, Objective, Reconstructor, models
from moliere.preprocess.traces import ArrivalTimes, picture_shape, surface_array, to_decades, to_traces

#: events that are reconstructed at once: more only take more memory
_AT_ONCE = 500


class AixNetConfig(Config):
    """Settings of :class:`AixNet`; the defaults are the published sizes, as far as they are known."""

    kind: Literal["aixnet"] = "aixnet"
    trace_channels: tuple[int, ...] = Field(default=(64, 32), description="of the convolutions along a trace")
    features: int = Field(default=10, ge=1, description="that describe a trace")
    first: int = Field(default=8, ge=1, description="channels of the first separable convolution")
    growth: int = Field(default=16, ge=1, description="channels that each dense block adds")
    blocks: int = Field(default=5, ge=0, le=100)
    tower_channels: tuple[int, ...] = Field(default=(32, 32, 48), description="of the 3 × 3 convolutions of a target")


@models.register("aixnet")
class AixNet(Reconstructor):
    """Convolutions shared by all stations make 10 features of a trace; a dense network reads the picture of them.

    Traces and total signals enter as log10(1 + S) in parts of the training's largest, arrival times standardised:
    features, arrival time and total signal are 12 maps. A station without signal, or with NaN for one, is silent: all
    its maps are 0. Densely connected separable convolutions follow, and for each target a tower of 3 × 3 convolutions
    with two dense layers. Targets are the columns of ``data.condition``; see
    :class:`~moliere.models.airshower.targets.Targets`.

    The loss is the mean squared error of the standardised targets, summed over energy, axis, core and whatever else.
    The published kernels along the trace are not known; those here (7, 7, and the rest, in steps of 4) fit the
    published numbers of features. Sizes of the rest are those of the authors' textbook exercise.

    References:
        A Deep Learning-based Reconstruction of Cosmic Ray-induced Air Showers, M. Erdmann, 2017,
        https://arxiv.org/abs/1708.00647
    """

    config_type: ClassVar[type[Config]] = AixNetConfig
    citation: ClassVar[str] = "Erdmann, Glombitza, Walz 2017, arXiv:1708.00647"
    extras: ClassVar[tuple[str, ...]] = (ARRIVAL_TIMES,)

    def __init__(self, config: AixNetConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.array = surface_array(context.detector, "aixnet")
        shape = picture_shape(self.array)
        self.targets = context.columns
        self.encoding = Targets(context.columns)
        self.times = ArrivalTimes()
        self.register_buffer("bin_scale", torch.ones(()))
        self.register_buffer("total_scale", torch.ones(()))
        self.encoder = TraceEncoder(self.array.n_bins, config.trace_channels, config.features)
        self.trunk = DenseSeparable(config.features + 2, config.first, config.growth, config.blocks)
        self.towers = nn.ModuleDict(
            {
                name: Tower(self.trunk.out_channels, shape, config.tower_channels, width)
                for name, width in self.encoding.widths.items()
            }
        )

    bin_scale: Tensor
    total_scale: Tensor

    def fit_transforms(self, batch: Batch) -> None:
        """Statistics of targets and times, and the largest signals."""
        self.encoding.fit(batch.condition)
        self.times.fit(batch.extras[ARRIVAL_TIMES])
        traces = to_traces(batch.signals, self.array)
        for scale, signals in ((self.bin_scale, traces), (self.total_scale, traces.sum(dim=2))):
            scale.copy_(to_decades(signals.max()) if signals.any() else scale)

    def objectives(self) -> tuple[Objective, ...]:
        """One."""
        return (Objective("reconstruction", self.parameters, self._loss),)

    @torch.no_grad()
    def reconstruct(self, signals: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Traces and arrival times (n, n_stations) in ns, NaN where a station is silent → (n, n_targets).

        Raises:
            InvalidEvents: no arrival times, or not one a station.
        """
        times = _check_times(extras, len(signals), self.array)
        if torch.compiler.is_compiling():  # an exported graph has no loop over events
            return self.encoding.decode(self._predict(signals, times))
        parts = zip(signals.split(_AT_ONCE), times.split(_AT_ONCE), strict=True)
        return torch.cat([self.encoding.decode(self._predict(*part)) for part in parts])

    def _loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        del rng
        return self.encoding.loss(self._predict(batch.signals, batch.extras[ARRIVAL_TIMES]), batch.condition)

    def _predict(self, signals: Tensor, times: Tensor) -> Tensor:
        """(n, width of the encoded targets)."""
        picture = self.trunk(self._maps(signals, times))
        return torch.cat([tower(picture) for tower in self.towers.values()], dim=1)

    def _maps(self, signals: Tensor, times: Tensor) -> Tensor:
        """(n, features + 2, rows, columns)."""
        traces = to_traces(signals, self.array)
        total = traces.sum(dim=2)
        triggered = total > 0
        features = encode_triggered(self.encoder, to_decades(traces) / self.bin_scale, triggered, self.encoder.features)
        beside = torch.stack([self.times(times), to_decades(total) / self.total_scale], dim=2)
        maps = torch.cat([features, beside * triggered[:, :, None]], dim=2).transpose(1, 2)
        picture: Tensor = maps.unflatten(2, picture_shape(self.array))
        return picture


def _check_times(extras: Mapping[str, Tensor], n_events: int, array: SurfaceArray) -> Tensor:
    if ARRIVAL_TIMES not in extras:
        raise InvalidEvents(f"aixnet needs the extra {ARRIVAL_TIMES!r} beside the signals, got {sorted(extras)}")
    times = extras[ARRIVAL_TIMES]
    if times.shape != (n_events, array.n_stations):
        raise InvalidEvents(
            f"{ARRIVAL_TIMES} have shape {tuple(times.shape)}, expected ({n_events}, {array.n_stations}): one a station"
        )
    return times
