"""The study of refinement as a page: what a reconstruction gains, how far traces are from data's, what was done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats
from moliere.evaluation.refinement import ExampleTrace, MeanTraces, RefinementResult
from moliere.report.plots import divide
from moliere.report.section import Picture
from moliere.report.studies import draw_legend, quality_pictures, write_page
from moliere.report.style import GENERATED, REFERENCE, log_ticks, new_figure, style
from moliere.report.words import number
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: sample → colour, line and marker: data as the reference, refined events as what is judged, simulation between
_LOOKS = {"data": (REFERENCE, "-", "o"), "simulation": ("#2f6fb3", ":", "^"), "refined": (GENERATED, "--", "s")}
#: what the study asks for, and the words of the verdict
_LEAST_REDUCTION, _MOST_RESOLUTION = 3.0, 1.15


def write_study(result: RefinementResult, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``study.html`` and ``study.json``.

    Args:
        result: from :func:`moliere.studies.run_refinement`.
        folder: made if it does not exist.
        overwrite: replace what is there.

    Returns:
        The path of the page.

    Raises:
        OutputExists: the folder holds a page and ``overwrite`` is not set.
        WriteError: the folder cannot be written.
    """
    return write_page(
        "study.html",
        result,
        folder,
        lambda: {
            "verdict": verdict_of(result),
            "reached": _is_reached(result),
            "bias": bias_words(result),
            "energies": quality_pictures(
                {name: trained.points for name, trained in result.reconstructions.items()},
                _LOOKS,
                "Energy {} on data (%)",
                "true energy",
            ),
            "traces": _trace_pictures(result),
        },
        overwrite=overwrite,
    )


def verdict_of(result: RefinementResult) -> str:
    """One sentence: what refinement did to bias and resolution on data."""
    if result.short:
        return f"a short run, which shows that every step works and proves nothing: {result.short}; {_found(result)}"
    return _found(result)


def bias_words(result: RefinementResult) -> str:
    """By how much the bias shrinks or grows, or that both biases are too small for their errors."""
    before, after = (result.reconstructions[name].whole for name in ("simulation", "refined"))
    if max(abs(q.bias) / max(q.bias_error, 1e-12) for q in (before, after)) < 2:
        return "Both biases are within two of their errors of 0: whether refinement changes the bias cannot be told."
    factor = result.bias_reduction
    if factor >= 1:
        return f"The bias becomes {number(factor)} times smaller."
    return f"The bias grows: it becomes {number(1 / factor)} times larger."


def _found(result: RefinementResult) -> str:
    before, after = (result.reconstructions[name].whole for name in ("simulation", "refined"))
    return (
        f"trained on refined instead of original simulation, the energy bias on data is {100 * after.bias:+.1f} % "
        f"instead of {100 * before.bias:+.1f} %, the resolution {100 * after.resolution:.1f} % instead of "
        f"{100 * before.resolution:.1f} %, {result.resolution_ratio:.2f} times that of a training on data"
    )


def _is_reached(result: RefinementResult) -> bool:
    return (
        not result.short and result.bias_reduction >= _LEAST_REDUCTION and result.resolution_ratio <= _MOST_RESOLUTION
    )


def _trace_pictures(result: RefinementResult) -> list[Picture]:
    means = [
        Picture(f"mean-trace-{k}", _draw_means(mean, result.bin_width), _interval(mean.signals))
        for k, mean in enumerate(result.means)
    ]
    examples = [
        Picture(f"example-trace-{k}", _draw_example(example, result.bin_width), _title(example))
        for k, example in enumerate(result.examples)
    ]
    return means + examples


def _draw_means(mean: MeanTraces, bin_width: float) -> Figure:
    with style():
        figure = new_figure(3.5, 2.9)
        upper, lower = figure.add_axes((0.18, 0.4, 0.79, 0.5)), figure.add_axes((0.18, 0.15, 0.79, 0.21))
        data = np.asarray(mean.traces["data"])
        for name in ("data", "simulation", "refined"):
            trace = np.asarray(mean.traces[name])
            _step(upper, trace, bin_width, name)
            _step(lower, divide(trace, data), bin_width, name)
        upper.set_yscale("log")
        log_ticks(upper, "y")
        upper.tick_params(labelbottom=False)
        upper.set_ylabel("mean signal (VEM)")
        lower.set_ylim(0.5, 1.5)
        lower.set_ylabel("ratio to data")
        lower.set_xlabel("time (ns)")
        draw_legend(upper)
    return figure


def _draw_example(example: ExampleTrace, bin_width: float) -> Figure:
    with style():
        figure = new_figure(3.5, 2.4)
        axes = figure.add_axes((0.18, 0.18, 0.79, 0.7))
        _step(axes, np.asarray(example.original), bin_width, "simulation")
        _step(axes, np.asarray(example.refined), bin_width, "refined")
        axes.set_xlabel("time (ns)")
        axes.set_ylabel("signal (VEM)")
        draw_legend(axes)
    return figure


def _step(axes: Axes, values: Floats, bin_width: float, name: str) -> None:
    colour, line, _ = _LOOKS[name]
    axes.stairs(values, bin_width * np.arange(len(values) + 1), baseline=None, color=colour, ls=line, label=name)


def _interval(signals: tuple[float, float]) -> str:
    low, high = signals
    if not np.isfinite(high):
        return f"stations above {low:,.0f} VEM"
    return f"stations of {low:,.0f} to {high:,.0f} VEM" if low else f"stations below {high:,.0f} VEM"


def _title(example: ExampleTrace) -> str:
    return f"{format_energy(example.energy)}, station of {sum(example.original):,.0f} VEM"
