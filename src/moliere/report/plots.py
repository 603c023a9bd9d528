"""Curves of the report: histograms with a ratio panel, response and resolution against energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.histograms import HistogramPair
from moliere.evaluation.observables.binning import number_of_bins
from moliere.evaluation.response import ResponsePoint
from moliere.report.style import GENERATED, GUIDE, REFERENCE, log_ticks, new_figure, style
from moliere.units import GeV, m

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Ratio panels of histograms end here.
_RATIO = (0.5, 1.5)
#: A ratio is drawn where the reference has so many entries.
_ENOUGH = 10
#: Letters of a label of the usual size below a panel.
_LETTERS = 44
#: A histogram with fewer than this share of its filled bins near its peak's height is drawn logarithmically.
_PEAKED = 0.4
#: The axis is cut where less than this share lies beyond on either side, if that spares so much of it.
_EMPTY, _SPARE = 1e-3, 0.8


def draw_histogram(pair: HistogramPair) -> Figure:
    """Fractions of all events in each bin above their ratio, with statistical errors and what is outside."""
    bins, (factor, unit) = shown_bins(pair), _readable_unit(pair)
    edges = np.asarray(pair.edges)[[bins[0].start, *(part.stop for part in bins)]] / factor
    counts = [gather(sample, bins) for sample in (pair.reference, pair.generated)]
    reference, generated = map(fractions, counts)
    with style():
        figure, upper, lower = with_ratio_panel()
        upper.stairs(reference[0], edges, fill=True, color=REFERENCE, alpha=0.35, label="reference")
        upper.stairs(reference[0], edges, color=REFERENCE, baseline=None, linewidth=0.8)
        upper.stairs(generated[0], edges, color=GENERATED, baseline=None, label="generated")
        _draw_errors(upper, _middles(edges[:-1], edges[1:], log=pair.log_x), *generated)
        _scale_contents(upper, np.concatenate([reference[0], generated[0]]))
        _draw_ratio(lower, edges, *counts, log=pair.log_x)
        lower.set_xlim(edges[0], edges[-1])
        if pair.log_x:
            lower.set_xscale("log")
            log_ticks(lower, "x")
        label_axis(lower, with_unit(pair.label, unit))
        upper.set_ylabel("fraction")
        draw_legend(upper)
        figure.text(0.01, 0.935, _outside(*counts), fontsize=7.0)
    return figure


def visible_bins(pair: HistogramPair) -> slice:
    """The bins that are drawn: all, or fewer where much of the axis would be nearly empty in both samples."""
    n_bins, spans = len(pair.edges) - 1, []
    for counts in (pair.reference, pair.generated):
        inside = np.asarray(counts[1:-1], dtype=np.float64)
        share = inside.cumsum() / max(float(inside.sum()), 1e-300)
        spans.append(np.searchsorted(share, [_EMPTY, 1 - _EMPTY]))
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    if last - first > _SPARE * n_bins or first >= n_bins:
        return slice(0, n_bins)
    return slice(max(0, int(first) - 1), min(n_bins, int(last) + 2))


def shown_bins(pair: HistogramPair) -> list[slice]:
    """The visible bins, neighbours together where both samples are too small to fill them all."""
    seen = visible_bins(pair)
    n_entries = min(sum(pair.reference), sum(pair.generated))
    step = -(-(seen.stop - seen.start) // number_of_bins(seen.stop - seen.start, int(n_entries)))
    return [slice(first, min(first + step, seen.stop)) for first in range(seen.start, seen.stop, step)]


def gather(counts: Sequence[float] | Floats, bins: Sequence[slice]) -> Floats:
    """Content of neighbouring bins together; first what is below them, last what is above.

    Args:
        counts: first what is below the axis, last what is above.
        bins: disjoint, in order; what lies between two of them is lost.

    Example:
        >>> gather([1, 2, 3, 4, 5, 6], [slice(1, 3)]).tolist()
        [3.0, 7.0, 11.0]
    """
    values = np.asarray(counts, dtype=np.float64)
    inside = [values[1 + part.start : 1 + part.stop].sum() for part in bins]
    return np.array([values[: 1 + bins[0].start].sum(), *inside, values[1 + bins[-1].stop :].sum()])


def well_filled(reference: Floats, generated: Floats) -> list[slice]:
    """Neighbouring bins together until the reference has enough entries for a ratio; the rest joins the last.

    Example:
        >>> well_filled(np.array([0.0, 20.0, 4.0, 6.0, 1.0]), np.array([0.0, 18.0, 5.0, 5.0, 0.0]))
        [slice(1, 2, None), slice(2, 5, None)]
    """
    filled = np.flatnonzero((reference > 0) | (generated > 0)).tolist()
    found, waiting = list[slice](), list[int]()
    for k in filled:
        waiting.append(k)
        if reference[waiting].sum() >= _ENOUGH:
            found.append(slice(waiting[0], k + 1))
            waiting = []
    if waiting:
        first = found.pop().start if found else waiting[0]
        found.append(slice(first, waiting[-1] + 1))
    return found


def draw_response(points: Sequence[ResponsePoint]) -> Figure:
    """Mean response against incident energy."""
    return _draw_energy_dependence(
        points,
        [(point.reference_mean, point.reference_mean_error) for point in points],
        [(point.generated_mean, point.generated_mean_error) for point in points],
        label="mean response",
        allowed=0.01,
    )


def draw_resolution(points: Sequence[ResponsePoint]) -> Figure:
    """Relative width of the response (width over mean) against incident energy."""
    return _draw_energy_dependence(
        points,
        [_resolution(p.reference_mean, p.reference_width, p.reference_width_error) for p in points],
        [_resolution(p.generated_mean, p.generated_width, p.generated_width_error) for p in points],
        label="width / mean",
        allowed=0.1,
    )


def fractions(counts: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    """Content of the bins as fractions of all entries, out of range included, and their Poisson errors."""
    values = np.asarray(counts, dtype=np.float64)
    total = max(float(values.sum()), 1e-300)
    return values[1:-1] / total, np.sqrt(values[1:-1]) / total


def divide(value: Floats, base: Floats) -> Floats:
    """A ratio, NaN where the denominator is not positive."""
    return np.asarray(value / np.where(base > 0, base, np.nan))


def label_axis(axes: Axes, text: str) -> None:
    """The observable below its axis, in smaller letters where it is long."""
    axes.set_xlabel(text, labelpad=2, fontsize=min(9.0, 9.0 * _LETTERS / max(len(text), 1)))


def with_unit(label: str, unit: str) -> str:
    """A label with its unit in brackets."""
    return f"{label} ({unit})" if unit else label


def _readable_unit(pair: HistogramPair) -> tuple[float, str]:
    """Factor and unit of the axis: GeV and m where MeV and mm would need five digits."""
    unit, factor = {"MeV": ("GeV", GeV), "mm": ("m", m)}.get(pair.unit, (pair.unit, 1.0))
    return (factor, unit) if np.abs(pair.edges).max() >= 1e4 else (1.0, pair.unit)


def _outside(*samples: Floats) -> str:
    """Shares of both samples beyond the axis, and on which side; rounding of a sum leaves less than 1e-9."""
    ends = np.array([[counts[0], counts[-1]] for counts in samples]).T / [
        max(counts.sum(), 1e-300) for counts in samples
    ]
    sides = [name for name, shares in zip(("below", "above"), ends, strict=True) if shares.max() >= 1e-9]
    if not sides:
        return ""
    return f"{sides[0] if len(sides) == 1 else 'outside'} " + " | ".join(map(_share, ends.sum(axis=0)))


def _share(share: float) -> str:
    return "0" if share < 1e-9 else "<0.01 %" if share < 1e-4 else f"{100 * share:.2f} %"


def _resolution(mean: float, width: float, width_error: float) -> tuple[float, float]:
    """Width over mean; the error of the mean is negligible beside that of the width. NaN where nothing responds."""
    if mean <= 0:
        return float("nan"), float("nan")
    return width / mean, width_error / mean


def _draw_energy_dependence(
    points: Sequence[ResponsePoint],
    reference: Sequence[tuple[float, float]],
    generated: Sequence[tuple[float, float]],
    *,
    label: str,
    allowed: float,
) -> Figure:
    """Values with errors against incident energy; the band in the ratio panel is what is allowed."""
    energies = np.array([point.energy for point in points]) / GeV
    base, value = (np.array(pairs).reshape(-1, 2).T for pairs in (reference, generated))
    ratio = divide(value[0], base[0])
    error = np.abs(ratio) * np.hypot(divide(value[1], np.abs(value[0])), divide(base[1], np.abs(base[0])))
    with style():
        figure, upper, lower = with_ratio_panel()
        upper.errorbar(energies, base[0], base[1], fmt="o-", color=REFERENCE, mfc="none", label="reference")
        upper.errorbar(energies, value[0], value[1], fmt="s--", color=GENERATED, label="generated")
        lower.axhspan(1 - allowed, 1 + allowed, color=REFERENCE, alpha=0.25, linewidth=0)
        lower.errorbar(energies, ratio, error, fmt="s", color=GENERATED)
        grow_ratio(lower, np.concatenate([ratio - error, ratio + error]), 2.5 * allowed)
        if not np.isfinite(ratio).any():  # nothing is drawn, and a logarithmic axis would have no end
            lower.set_xlim(0.8 * energies.min(), 1.25 * energies.max())
        lower.set_xscale("log")
        log_ticks(lower, "x")
        lower.set_xlabel("incident energy (GeV)", labelpad=2)
        upper.set_ylabel(label)
        draw_legend(upper)
    return figure


def with_ratio_panel() -> tuple[Figure, Axes, Axes]:
    """Fixed positions: a layout engine would draw everything twice, and a page has dozens of figures."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(3.5, 2.9)
    # room for the last label of the x axis on the right, and for long labels of the y axis on the left
    upper = figure.add_axes((0.2, 0.37, 0.75, 0.54))
    lower = figure.add_axes((0.2, 0.145, 0.75, 0.195), sharex=upper)
    upper.tick_params(labelbottom=False)
    lower.set_ylabel("ratio")
    upper.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    lower.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
    for axes in (upper, lower):
        axes.yaxis.set_label_coords(-0.21, 0.5)
    return figure, upper, lower


def draw_legend(axes: Axes) -> None:
    """Above the axes, to the right: data never hide it."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2, borderpad=0.1, handlelength=1.3, columnspacing=1.2
    )


def _middles(low: Floats, high: Floats, *, log: bool) -> Floats:
    return np.asarray(np.sqrt(low * high) if log else (low + high) / 2)


def _draw_errors(axes: Axes, places: Floats, values: Floats, errors: Floats) -> None:
    """Bars as one broken line: an SVG holds one path instead of one a bin."""
    filled = values > 0
    centres = places[filled]
    low = np.maximum(values - errors, 1e-3 * values)[filled]
    bars = np.column_stack([low, (values + errors)[filled], np.full(len(low), np.nan)])
    axes.plot(np.repeat(centres, 3), bars.ravel(), color=GENERATED, linewidth=0.5, scaley=False)


def _scale_contents(axes: Axes, values: Floats) -> None:
    top = float(values.max()) or 1.0
    filled = values[values > 0]
    if len(filled) and (filled > 0.03 * top).mean() < _PEAKED:
        axes.set_yscale("log")
        axes.set_ylim(float(filled.min()) * 0.5, top * 3)
        log_ticks(axes, "y")
    else:
        axes.set_ylim(0, 1.12 * top)


def _draw_ratio(axes: Axes, edges: Floats, reference: Floats, generated: Floats, *, log: bool) -> None:
    """Generated over reference where there are entries enough; the band is the reference's own error."""
    axes.axhline(1.0, color=GUIDE, linewidth=0.7)
    axes.set_ylim(*_RATIO)
    axes.set_yticks([0.6, 1.0, 1.4], ["0.6", "1", "1.4"])
    bins = well_filled(reference[1:-1], generated[1:-1])
    if not bins:
        return
    (base, base_error), (value, error) = (fractions(gather(counts, bins)) for counts in (reference, generated))
    low, high = (edges[[getattr(part, end) for part in bins]] for end in ("start", "stop"))
    gaps, ratio, band = np.full(len(bins), np.nan), divide(value, base), divide(base_error, base)
    places = np.column_stack([low, high, gaps]).ravel()
    axes.fill_between(places, np.repeat(1 - band, 3), np.repeat(1 + band, 3), color=REFERENCE, alpha=0.35, linewidth=0)
    axes.plot(places, np.repeat(ratio, 3), color=GENERATED, linewidth=1.1)
    centres = _middles(low, high, log=log)
    _draw_errors(axes, centres, ratio, divide(error, base))
    point_beyond(axes, centres, ratio)


def point_beyond(axes: Axes, places: Floats, values: Floats) -> None:
    """A triangle at the edge of the panel for each value that lies beyond it; call it when the limits are set."""
    low, high = axes.get_ylim()
    for marker, edge, beyond in (("v", low, values < low), ("^", high, values > high)):
        at = places[beyond]
        axes.plot(at, np.full(len(at), edge), marker, color=GENERATED, markersize=3, clip_on=False, scaley=False)


def grow_ratio(axes: Axes, values: Floats, least: float) -> None:
    """A symmetric range about 1 that holds the values, of at least the given half-width and at most 1."""
    reach = float(np.abs(values[np.isfinite(values)] - 1).max(initial=0.0))
    half = min(max(least, 1.15 * reach), 1.0)
    axes.set_ylim(1 - half, 1 + half)
