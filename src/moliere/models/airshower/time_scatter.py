"""Arrival times that scatter about the front of a shower as those of data do, where a simulation's scatter less."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from moliere.detectors import SurfaceArray
from moliere.preprocess.scaling import at_knots, knot_places
from moliere.preprocess.traces import spreads

#: events with fewer stations say little about a plane front
_STATIONS = 6
#: stations without which their front could not be found: they lie on it whatever their time
_LEVERAGE = 0.9
#: fits of the front, and the smallest scatter in ns, which no station goes below
_PASSES, _LEAST = 3, 1e-3
#: standard errors by which event clocks must differ between the samples
_CERTAIN = 3


class TimeScatter(nn.Module):
    """Noise that simulated arrival times lack beside data's: of each station, and of the clock of an event.

    Times of an event are compared with the plane front that fits them best, in both samples, so that directions do not
    matter; what a plane lacks of a curved front, it lacks in both. Scatter depends on a station's signal.

    Args:
        array: the stations.
        n_knots: signals with a scatter of their own.
    """

    plane: Tensor
    spread: Tensor
    highest: Tensor
    clock: Tensor

    def __init__(self, array: SurfaceArray, n_knots: int = 16) -> None:
        super().__init__()
        places = array.stations[:, :2] - array.stations[:, :2].mean(axis=0)
        plane = np.column_stack([np.ones(len(places)), places / max(1.0, float(np.abs(places).max()))])
        self.register_buffer("plane", torch.tensor(plane), persistent=False)
        #: in ns at each knot, of the simulation and of data
        self.register_buffer("spread", torch.zeros(2, n_knots, dtype=torch.float64))
        self.register_buffer("highest", torch.ones((), dtype=torch.float64))
        self.register_buffer("clock", torch.zeros((), dtype=torch.float64))

    def fit(self, simulation: tuple[Tensor, Tensor], data: tuple[Tensor, Tensor]) -> None:
        """Measure both samples: arrival times (n, n_stations) in ns, NaN of silent stations, and signals in decades."""
        self.highest.fill_(max(float(decades.max()) for _, decades in (simulation, data)))
        for spread, (times, decades) in zip(self.spread, (simulation, data), strict=True):
            known = torch.ones_like(spread)
            for _ in range(_PASSES):  # a front is found by exact times first, and how exact they are, by the front
                away, used = self._away(times, at_knots(known, self._knots(decades)))
                found = spreads(self._knots(decades[used]), away[used], len(spread))
                if found is None:
                    return
                known = found.clamp(min=_LEAST)
            spread.copy_(known)
        common = [_common(times) for times, _ in (simulation, data)]
        (simulated, one_error), (measured, other_error) = map(_variance, common)
        times, decades = simulation
        known = times.isfinite()
        added = self._lacking(decades, decades).square() * known
        simulated += float((added.sum(dim=1) / known.sum(dim=1).square())[_enough(known)].mean())
        if measured - simulated > _CERTAIN * (one_error**2 + other_error**2) ** 0.5:
            self.clock.fill_((measured - simulated) ** 0.5)

    def forward(self, times: Tensor, before: Tensor, after: Tensor, noise: Tensor) -> Tensor:
        """Scatter simulated times.

        Args:
            times: in ns, NaN of silent stations, (n, n_stations).
            before: signals of the simulation in decades, of the same shape.
            after: the same, refined.
            noise: N(0, 1), (n, 1 + n_stations): of the event, and of its stations.

        Returns:
            In ns, (n, n_stations).
        """
        return times + self.clock * noise[:, :1] + self._lacking(before, after) * noise[:, 1:]

    def _lacking(self, before: Tensor, after: Tensor) -> Tensor:
        """Standard deviation in ns of what the times of a simulation lack."""
        simulated, measured = (
            at_knots(spread, self._knots(decades)) for spread, decades in zip(self.spread, (before, after), strict=True)
        )
        return (measured.square() - simulated.square()).clamp(min=0).sqrt()

    def _knots(self, decades: Tensor) -> Tensor:
        return knot_places(decades.double(), 0.0, self.highest, self.spread.shape[1])

    def _away(self, times: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Distances from the front in ns, larger by what the fit of the front took of them; and which ones count."""
        known = times.isfinite() & _enough(times.isfinite())[:, None]
        weight, known_times = known / spread.square(), times.double().nan_to_num(nan=0.0)
        inverse = torch.linalg.pinv(torch.einsum("ns,si,sj->nij", weight, self.plane, self.plane), hermitian=True)
        front = torch.einsum("ns,si,nij->nj", weight * known_times, self.plane, inverse) @ self.plane.T
        leverage = weight * torch.einsum("si,nij,sj->ns", self.plane, inverse, self.plane)
        used = known & (leverage < _LEVERAGE)
        return (known_times - front) / (1 - leverage).clamp(min=1 - _LEVERAGE).sqrt(), used


def _enough(known: Tensor) -> Tensor:
    """Which events have stations enough for a plane, (n,)."""
    return known.sum(dim=1) >= _STATIONS


def _common(times: Tensor) -> Tensor:
    """Mean times of events with stations enough, (m,)."""
    return times.double()[_enough(times.isfinite())].nanmean(dim=1)


def _variance(values: Tensor) -> tuple[float, float]:
    """Variance of some values and its standard error."""
    squares = (values - values.mean()).square()
    return float(squares.mean()), float(squares.std()) / len(values) ** 0.5
