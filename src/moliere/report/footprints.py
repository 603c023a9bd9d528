"""Air showers on the ground: stations as circles, their signal as size and their arrival time as colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moliere.detectors.base import Floats
from moliere.detectors.surface_array import SurfaceArray
from moliere.evaluation.findings.examples import ExampleEvent
from moliere.evaluation.findings.mean_showers import MeanShower
from moliere.report.event_display import hex_colours, in_pairs, title_of
from moliere.report.plots import divide
from moliere.report.section import Picture
from moliere.report.style import GUIDE, new_figure, style
from moliere.report.tables import Table
from moliere.units import m

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_KM = 1000 * m
#: pairs that are drawn, and those that the player has: a page is read over networks
_DRAWN, _PLAYED = 3, 8
#: area of a circle in points² for each decade of signal
_AREA = 45.0
_COLOURS = "viridis"
FOOTPRINT_KEY = (
    "Stations as circles: total signal as area, on a logarithmic scale, arrival time as colour; silent ones as rings."
)
GROUND_KEY = "Stations as circles: total signal as area and colour, on logarithmic scales; silent ones as rings."


@dataclass(frozen=True, eq=False)
class Footprint:
    """One shower as its stations recorded it.

    Args:
        traces: in the detector's unit, (n_stations, n_bins).
        times: arrival times in ns from the first station's, NaN where a station is silent or nothing is known.
    """

    traces: Floats
    times: Floats

    @property
    def totals(self) -> Floats:
        """Total signals, (n_stations,)."""
        return np.asarray(self.traces.sum(axis=1))


def footprint_of(event: ExampleEvent, array: SurfaceArray) -> Footprint:
    """An example of a report as a footprint."""
    signals = np.zeros(array.n_channels)
    signals[list(event.channels)] = event.signals
    times = np.full(array.n_stations, np.nan)
    if event.times:
        times[:] = [np.nan if time is None else time for time in event.times]
        times -= np.nanmin(times) if np.isfinite(times).any() else 0.0
    return Footprint(signals.reshape(array.n_stations, array.n_bins), times)


def mean_footprint(whole: MeanShower, array: SurfaceArray) -> Picture:
    """The average of all events, and generated over reference."""
    means = [np.asarray(mean).reshape(array.n_stations, -1).sum(axis=1) for mean in (whole.reference, whole.generated)]
    stations = np.arange(array.n_stations)
    table: Table = {
        "station": [str(k) for k in stations],
        "x (km)": (array.stations[:, 0] / _KM).tolist(),
        "y (km)": (array.stations[:, 1] / _KM).tolist(),
        f"reference ({array.unit})": means[0].tolist(),
        f"generated ({array.unit})": means[1].tolist(),
    }
    title = "mean signal of every station, and generated over reference"
    return Picture("footprint-mean", _draw_average(means, array), title, broad=True, table=table)


def _draw_average(means: Sequence[Floats], array: SurfaceArray) -> Figure:
    """Sizes as of single showers; the generated stations' colour is their ratio to the reference."""
    from matplotlib.colors import LogNorm

    x, y = (array.stations[:, k] / _KM for k in (0, 1))
    with style():
        figure, (left, right), scale = _two_grounds(array)
        for axes, mean in ((left, means[0]), (right, means[1])):
            axes.scatter(x[mean <= 0], y[mean <= 0], 6, facecolors="none", edgecolors=GUIDE, linewidths=0.6)
        left.scatter(x, y, _AREA * np.log10(1 + means[0]), color=GUIDE)
        # a station that only one sample has ends the scale: infinitely more is still more
        colours = np.where(means[0] > 0, divide(means[1], means[0]), np.inf)
        colours = np.clip(colours, 0.5, 2)
        points = right.scatter(
            x, y, _AREA * np.log10(1 + means[1]), c=colours, cmap="RdBu_r", norm=LogNorm(0.5, 2), edgecolors=GUIDE,
            linewidths=0.4,
        )  # fmt: skip
        for axes, name, mean in ((left, "reference", means[0]), (right, "generated", means[1])):
            axes.set_title(f"{name}: {mean.sum():,.0f} {array.unit} an event")
        bar = figure.colorbar(points, cax=scale, label="generated / reference")
        bar.set_ticks([0.5, 0.7, 1, 1.4, 2], labels=["0.5", "0.7", "1", "1.4", "2"])
        bar.ax.minorticks_off()
    return figure


def footprint_pairs(examples: Sequence[ExampleEvent], array: SurfaceArray) -> tuple[Picture, ...]:
    """Some pairs of showers side by side, the most energetic first."""
    chosen = _pairs(examples)
    chosen = [chosen[k] for k in np.unique(np.linspace(0, len(chosen) - 1, _DRAWN).astype(int))] if chosen else []
    return tuple(
        Picture(f"footprint-{k}", _draw_pair(pair, array), title_of(*pair), broad=True) for k, pair in enumerate(chosen)
    )


def _pairs(examples: Sequence[ExampleEvent]) -> list[tuple[ExampleEvent, ExampleEvent]]:
    """Without nearest neighbours, which are compared cell by cell."""
    return in_pairs([event for event in examples if not event.nearest])


def _draw_pair(pair: tuple[ExampleEvent, ExampleEvent], array: SurfaceArray) -> Figure:
    sides = [footprint_of(event, array) for event in pair]
    latest = max((float(np.nanmax(side.times)) for side in sides if np.isfinite(side.times).any()), default=1.0)
    with style():
        figure, grounds, scale = _two_grounds(array)
        for axes, name, side in zip(grounds, ("reference", "generated"), sides, strict=True):
            points = _draw_stations(axes, side, array, latest)
            axes.set_title(f"{name}: {np.count_nonzero(side.totals)} stations, {side.totals.sum():,.0f} {array.unit}")
        figure.colorbar(points, cax=scale, label="arrival time (ns)")
    return figure


def draw_ground(signals: Floats, array: SurfaceArray, title: str, ends: tuple[float, float] | None = None) -> Figure:
    """A single shower, without its times.

    Args:
        signals: of all channels, (n_channels,).
        array: that recorded them.
        title: above.
        ends: of the scale of colours, both above 0, so that several showers can be compared; by default its own.
    """
    from matplotlib.colors import LogNorm

    totals = signals.reshape(array.n_stations, array.n_bins).sum(axis=1)
    lit = totals > 0
    low, high = ends or ((totals[lit].min(), totals[lit].max()) if lit.any() else (1.0, 10.0))
    x, y = (array.stations[:, k] / _KM for k in (0, 1))
    with style():
        figure = new_figure(4.8, 3.5)
        axes = figure.add_axes((0.13, 0.13, 0.68, 0.78))
        axes.scatter(x[~lit], y[~lit], 6, facecolors="none", edgecolors=GUIDE, linewidths=0.6)
        areas = _AREA * np.log10(1 + totals)
        norm = LogNorm(low, max(high, 1.01 * low))
        points = axes.scatter(x[lit], y[lit], areas[lit], c=totals[lit], cmap=_COLOURS, norm=norm)
        axes.set_aspect("equal")
        axes.set(xlabel="x (km)", ylabel="y (km)", title=title)
        figure.colorbar(points, cax=figure.add_axes((0.84, 0.13, 0.03, 0.78)), label=f"signal ({array.unit})")
    return figure


def _two_grounds(array: SurfaceArray) -> tuple[Figure, tuple[Axes, Axes], Axes]:
    """A figure with the ground of the reference, that of the generated events, and a place for a colour scale."""
    figure = new_figure(9.6, 4.46)
    low, high = array.stations[:, :2].min(axis=0) / _KM - 0.6, array.stations[:, :2].max(axis=0) / _KM + 0.6
    x, y = zip(low, high, strict=True)
    left, right = (figure.add_axes((0.07 + 0.43 * k, 0.13, 0.41, 0.78)) for k in (0, 1))
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_xlabel("x (km)")
        axes.set(xlim=x, ylim=y)
    left.set_ylabel("y (km)")
    right.tick_params(labelleft=False)
    return figure, (left, right), figure.add_axes((0.925, 0.13, 0.014, 0.78))


def _draw_stations(axes: Axes, side: Footprint, array: SurfaceArray, latest: float) -> PathCollection:
    """Silent stations as small rings; those without a time are grey."""
    x, y = (array.stations[:, k] / _KM for k in (0, 1))
    lit = side.totals > 0
    timed = lit & np.isfinite(side.times)
    axes.scatter(x[~lit], y[~lit], 6, facecolors="none", edgecolors=GUIDE, linewidths=0.6)
    areas = _AREA * np.log10(1 + side.totals)
    axes.scatter(x[lit & ~timed], y[lit & ~timed], areas[lit & ~timed], color=GUIDE)
    return axes.scatter(
        x[timed], y[timed], areas[timed], c=side.times[timed], cmap=_COLOURS, vmin=0, vmax=max(latest, 1e-9)
    )


def footprints_to_json(examples: Sequence[ExampleEvent], array: SurfaceArray) -> dict[str, Any] | None:
    """What the player needs, in plain types; ``None`` where there is nothing to play.

    Returns:
        ``unit``, ``bin_width`` (ns), ``stations`` (km), ``colours``, and ``pairs`` with a title and both showers: the
        numbers of the stations that are not silent, their arrival times and traces.
    """
    pairs = _pairs(examples)[:_PLAYED]
    if not pairs or array.n_bins == 1:
        return None
    return {
        "unit": array.unit,
        "bin_width": array.bin_width,
        "stations": (array.stations[:, :2] / _KM).round(3).tolist(),
        "colours": hex_colours(_COLOURS, 0, 1),
        "pairs": [
            {"title": title_of(*pair), "showers": [_to_json(footprint_of(event, array)) for event in pair]}
            for pair in pairs
        ],
    }


def _to_json(side: Footprint) -> dict[str, Any]:
    lit = np.flatnonzero(side.totals)
    times = [None if np.isnan(time) else round(time, 1) for time in side.times[lit].tolist()]
    traces = [[float(f"{value:.3g}") for value in trace] for trace in side.traces[lit].tolist()]
    return {"stations": lit.tolist(), "times": times, "traces": traces}
