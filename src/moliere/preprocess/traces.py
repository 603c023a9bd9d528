"""Traces and footprints of surface detectors ⇄ network space: decades of signal, arrival times, centred pictures.

References:
    "Generating and refining particle detector simulations using the Wasserstein distance in adversarial networks",
    M. Erdmann, 2018, https://arxiv.org/abs/1802.03325; tutorials of the same authors, https://github.com/3pia/iml2019
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from moliere.detectors import Detector, SurfaceArray, of_kind
from moliere.errors import DetectorError
from moliere.events import Events
from moliere.events.events import ARRIVAL_TIMES
from moliere.preprocess.base import NO_FACTS, Encoding, Facts, PlainTransform
from moliere.preprocess.scaling import at_knots, knot_places, mean_squares

_LN_10 = math.log(10)
#: decades that float32 can undo and no station has seen
_MOST_DECADES = 12.0
#: values at a level from which their spread is trusted
_ENOUGH = 30


def to_decades(signals: Tensor) -> Tensor:
    """log10(1 + S): zeros stay zeros, and six decades of signal become numbers of order one.

    Example:
        >>> to_decades(torch.tensor([0.0, 9.0, 999.0]))
        tensor([0., 1., 3.])
    """
    return signals.log1p() / _LN_10


def from_decades(decades: Tensor) -> Tensor:
    """10ˣ - 1, the way back; clipped where no signal is.

    Example:
        >>> from_decades(torch.tensor([-0.5, 0.0, 1.0]))
        tensor([0., 0., 9.])
    """
    return torch.expm1(decades.clamp(0.0, _MOST_DECADES) * _LN_10)


class GappedDecades(PlainTransform):
    """log10(1 + S), but a chosen gap between silence and the smallest signal of a station.

    Stations below their trigger are silent, so that nothing lies between zero and two decades of signal. A network
    whose output is continuous can hardly jump that far from one station to the next; across a small gap it can.

    Args:
        gap: decades between silence and the smallest signal; by default all there are, as published.

    Example:
        >>> scale = GappedDecades(gap=0.5)
        >>> scale.fit(torch.tensor([0.0, 99.0, 999.0]))
        >>> scale(torch.tensor([0.0, 99.0, 999.0]))
        tensor([0.0000, 0.5000, 1.5000])
        >>> scale.inverse(torch.tensor([0.2, 0.3, 1.5])).round()
        tensor([  0.,  99., 999.])
    """

    smallest: Tensor

    def __init__(self, gap: float | None = None) -> None:
        super().__init__()
        self.gap = gap
        self.register_buffer("smallest", torch.zeros(()))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """The smallest signal of a station that has one; without any, it stays as it is."""
        if bool((values > 0).any()):
            self.smallest.copy_(values[values > 0].min())

    def encode(self, values: Tensor) -> Tensor:
        """VEM → decades of the same shape, 0 for silence (0 or NaN)."""
        return torch.where(values > 0, to_decades(values) - self._closed(), torch.zeros_like(values))

    def decode(self, values: Tensor) -> Tensor:
        """Decades → VEM: what is nearer to silence than to the smallest signal is silent, nothing else is smaller."""
        lowest = to_decades(self.smallest) - self._closed()
        signals = from_decades(values + self._closed()).clamp(min=self.smallest)
        return torch.where(values <= lowest / 2, torch.zeros_like(signals), signals)

    def total(self, decades: Tensor) -> Tensor:
        """log10(1 + the sum of the signals), (n, …) → (n, 1); differentiable."""
        signals = torch.where(decades > 0, from_decades(decades + self._closed()), torch.zeros_like(decades))
        return to_decades(signals.flatten(1).sum(dim=1, keepdim=True))

    def _closed(self) -> Tensor:
        """Decades that the gap is smaller than in nature."""
        natural = to_decades(self.smallest)
        return torch.zeros_like(natural) if self.gap is None else (natural - self.gap).clamp(min=0)


def total_decades(traces: Tensor) -> Tensor:
    """log10(1 + the sum) of traces in decades, (…, n_bins) → (…, 1)."""
    return to_decades(from_decades(traces).sum(dim=-1, keepdim=True))


class Roughness(Encoding):
    """Distance of a bin from the mean of its neighbours, in units of that distance in the traces of the fit.

    Decades hide noise: the electronics' few percent are two hundredths of a decade in a bright trace, and ten times
    that in a faint one. Here both are of order one.

    Args:
        weight: that it is multiplied by.
        n_knots: levels of signal with a spread of their own.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> level = torch.tensor([1.0, 4.0]).repeat_interleave(500)[:, None]
        >>> traces = level + torch.randn(1000, 10, generator=rng) / (10 * level)
        >>> roughness = Roughness()
        >>> roughness.fit(traces)
        >>> bool((roughness(traces)[:, 1:-1].std(dim=1) - 1).abs().mean() < 0.3)
        True
    """

    spread: Tensor

    def __init__(self, weight: float = 1.0, n_knots: int = 40) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("spread", torch.ones(n_knots))
        self.register_buffer("highest", torch.ones(()))

    highest: Tensor

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Learn the spread at each level from traces in decades, (m, n_bins); without any, it stays as it is."""
        if values.shape[0] == 0 or values.shape[1] < 3:
            return
        away, level = _curvature(values), _smooth(values)
        self.highest.copy_(level.max().clamp(min=1e-3))
        found = spreads(self._knots(level), away, len(self.spread))
        if found is not None:
            self.spread.copy_(found.clamp(min=1e-4))

    def forward(self, values: Tensor) -> Tensor:
        """Traces in decades (m, n_bins) → of the same shape, 0 at both ends."""
        if values.shape[1] < 3:
            return torch.zeros_like(values)
        unit = at_knots(self.spread, self._knots(_smooth(values).detach()))
        return F.pad(self.weight * _curvature(values) / unit, (1, 1))

    def _knots(self, level: Tensor) -> Tensor:
        """Levels in steps between knots."""
        return knot_places(level, 0.0, self.highest, len(self.spread))


def spreads(place: Tensor, values: Tensor, n_knots: int) -> Tensor | None:
    """Root mean squares of the values nearest to each knot; one that few reach takes that of the nearest with enough.

    Args:
        place: of each value, from 0 to the last knot; of any shape.
        values: of the same shape.
        n_knots: how many knots.

    Returns:
        (n_knots,), or ``None`` where no knot has enough values.
    """
    squares, count = mean_squares(place, values, n_knots)
    filled = (count >= _ENOUGH).nonzero().squeeze(1)
    if len(filled) == 0:
        return None
    nearest = filled[(torch.arange(n_knots)[:, None] - filled).abs().argmin(dim=1)]
    return squares[nearest].sqrt()


def _smooth(traces: Tensor) -> Tensor:
    return (traces[:, :-2] + traces[:, 1:-1] + traces[:, 2:]) / 3


def _curvature(traces: Tensor) -> Tensor:
    return traces[:, 1:-1] - (traces[:, :-2] + traces[:, 2:]) / 2


def to_traces(signals: Tensor, array: SurfaceArray) -> Tensor:
    """Signals (n, n_channels) → (n, n_stations, n_bins), 0 where a silent station has NaN."""
    traces: Tensor = signals.nan_to_num(nan=0.0).unflatten(1, (array.n_stations, array.n_bins))
    return traces


class ArrivalTimes(Encoding):
    """Arrival times to mean 0 and standard deviation 1 over all stations that have one; silent ones (NaN) become 0.

    Example:
        >>> times = ArrivalTimes()
        >>> times.fit(torch.tensor([[100.0, 300.0, float("nan")]]))
        >>> times(torch.tensor([[100.0, float("nan"), 200.0]]))
        tensor([[-1.,  0.,  0.]])
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("std", torch.ones((), dtype=torch.float64))

    def fit(self, values: Tensor, facts: Facts = NO_FACTS) -> None:
        """Take mean and standard deviation of times in ns, (n, n_stations); without any, they stay as they are."""
        present = values[values.isfinite()].double()
        if len(present) == 0:
            return
        std, mean = torch.std_mean(present, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(std if std > 0 else torch.ones_like(std))

    def forward(self, values: Tensor) -> Tensor:
        """(n, n_stations) in ns → of order one, float32."""
        return ((values - self.mean) / self.std).nan_to_num(nan=0.0).float()


def surface_array(detector: Detector, user: str) -> SurfaceArray:
    """The detector as an array of stations.

    Args:
        detector: any.
        user: name of the model that needs an array, for the message.

    Raises:
        DetectorError: it is none.
    """
    return of_kind(detector, SurfaceArray, user, advice="use an array of stations such as airshower-9x9")


def picture_shape(detector: SurfaceArray) -> tuple[int, int]:
    """Rows and columns of an array that is a picture.

    Raises:
        DetectorError: it is none.
    """
    if detector.shape is None:
        raise DetectorError(
            f"the {detector.n_stations} stations of {detector.name} form no picture, and convolutions need one: give "
            "the array a shape = [rows, columns], with stations in the order of its rows"
        )
    return detector.shape


def centred_footprints(events: Events) -> Events:
    """Total signals of the stations as a picture with the hottest one in its middle.

    A picture is moved by whole stations: what leaves it is lost, what comes in is silent. Cores move along. In an
    array whose every other row is shifted, a move by an odd number of rows leaves stations half a spacing from where
    the picture says; the published footprints have the same flaw.

    Args:
        events: of an array with a picture's shape; traces or footprints.

    Returns:
        Events of the same array with one time bin; arrival times are kept, other extras are not.

    Raises:
        DetectorError: no array of stations, or one without a shape.
    """
    array = surface_array(events.detector, "a footprint")
    footprint = array.footprint(events.signals)
    hottest = _hottest(array, footprint)
    extras = {}
    if ARRIVAL_TIMES in events.extras:
        extras[ARRIVAL_TIMES] = _moved(array, events.extras[ARRIVAL_TIMES], hottest, np.nan)
    incident = {**events.incident, **_moved_cores(array, events, hottest)}
    signals = _moved(array, footprint, hottest, 0).astype(np.float32)
    metadata = {**events.metadata, "footprints": f"of {array.name}, centred"}
    return Events(_summed(array), incident, signals, events.weights, metadata, extras)


def _summed(array: SurfaceArray) -> SurfaceArray:
    name = array.name if array.n_bins == 1 else f"{array.name}-footprints"
    return SurfaceArray(name, array.positions, 1, array.n_bins * array.bin_width, array.shape, unit=array.unit)


def _middle(array: SurfaceArray) -> int:
    rows, columns = picture_shape(array)
    return rows // 2 * columns + columns // 2


def _hottest(array: SurfaceArray, footprint: NDArray[Any]) -> NDArray[np.int64]:
    """Number of each event's hottest station; without a signal it is the middle one, and nothing moves."""
    return np.where(footprint.max(axis=1) > 0, footprint.argmax(axis=1), _middle(array))


def _moved(array: SurfaceArray, values: NDArray[Any], hottest: NDArray[np.int64], empty: float) -> NDArray[Any]:
    """(n, n_stations) with ``hottest`` in the middle."""
    rows, columns = picture_shape(array)
    row, column = np.divmod(np.arange(rows * columns), columns)
    row = row + (hottest // columns)[:, None] - rows // 2
    column = column + (hottest % columns)[:, None] - columns // 2
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    taken = np.take_along_axis(values, np.where(inside, row * columns + column, 0), axis=1)
    return np.where(inside, taken, empty)


def _moved_cores(array: SurfaceArray, events: Events, hottest: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    shift = array.stations[_middle(array)] - array.stations[hottest]
    names = ("core_x", "core_y")
    return {name: events.incident[name] + shift[:, k] for k, name in enumerate(names) if name in events.incident}
