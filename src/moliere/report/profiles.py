"""The shape of the average shower in two curves: energy by layer, and energy beyond a radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats
from moliere.detectors.calorimeter import Calorimeter
from moliere.report.plots import divide, draw_legend, grow_ratio, point_beyond, with_ratio_panel, with_unit
from moliere.report.style import GENERATED, GUIDE, REFERENCE, log_ticks, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: More layers than this are numbered instead of named.
_MAX_NAMES, _MAX_LETTERS = 8, 48
#: Layers' energies are drawn logarithmically where the brightest has more than so many times the faintest's.
_FAINT = 50


def draw_longitudinal(detector: Calorimeter, reference: Floats, generated: Floats) -> Figure:
    """Mean energy of each layer.

    Args:
        detector: what was read out.
        reference: mean signal of each channel, (n_channels,).
        generated: the same of the generated sample.
    """
    base, value = (np.add.reduceat(mean, detector.boundaries[:-1]) for mean in (reference, generated))
    names = [layer.label for layer in detector.read_out]
    edges = np.arange(len(names) + 1) - 0.5
    with style():
        figure, upper, lower = with_ratio_panel()
        upper.stairs(base, edges, fill=True, color=REFERENCE, alpha=0.35, label="reference")
        upper.stairs(value, edges, baseline=None, color=GENERATED, label="generated")
        lower.stairs(divide(value, base), edges, baseline=None, color=GENERATED)
        lower.axhline(1.0, color=GUIDE, linewidth=0.7)
        grow_ratio(lower, divide(value, base), 0.1)
        point_beyond(lower, np.arange(len(names), dtype=np.float64), divide(value, base))
        _scale_layers(upper, np.concatenate([base, value]))
        draw_legend(upper)
        upper.set_ylabel(with_unit("mean energy", detector.unit))
        _name_layers(lower, names)
    return figure


def draw_radial(detector: Calorimeter, reference: Floats, generated: Floats) -> Figure:
    """Share of the mean energy beyond a radius: falls from 1 to 0, and its tail shows leakage to the side.

    Args:
        detector: what was read out.
        reference: mean signal of each channel, (n_channels,).
        generated: the same of the generated sample.
    """
    radii, base = energy_beyond(detector.r, reference)
    _, value = energy_beyond(detector.r, generated)
    with style():
        figure, upper, lower = with_ratio_panel()
        upper.plot(radii, base, color=REFERENCE, linewidth=3, alpha=0.6, label="reference")
        upper.plot(radii, value, color=GENERATED, label="generated")
        lower.plot(radii, divide(value, base), color=GENERATED)
        lower.axhline(1.0, color=GUIDE, linewidth=0.7)
        grow_ratio(lower, divide(value, base), 0.1)
        if base.max(initial=0.0) > 0:  # a single ring, or a dark shower, leaves nothing to be logarithmic
            lower.set_xscale("log")
            upper.set_yscale("log")
            log_ticks(lower, "x")
            log_ticks(upper, "y")
        draw_legend(upper)
        upper.set_ylabel("energy beyond r")
        lower.set_xlabel("r (mm)", labelpad=2)
    return figure


def energy_beyond(r: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Share of the energy in cells whose centres lie beyond a radius.

    Args:
        r: distance of cell centres from the axis in mm, (n_channels,).
        mean: energies, (n_channels,).

    Returns:
        The radii at which there are cell centres, but for the last, and the shares.

    Example:
        >>> radii, share = energy_beyond(np.array([1.0, 5.0, 5.0, 9.0]), np.array([6.0, 1.0, 1.0, 2.0]))
        >>> radii.tolist(), share.tolist()
        ([1.0, 5.0], [0.4, 0.2])
    """
    radii, position = np.unique(np.round(r, 6), return_inverse=True)
    rings = np.bincount(position, weights=mean, minlength=len(radii))
    beyond = rings[::-1].cumsum()[::-1] / max(float(rings.sum()), 1e-300)
    return radii[:-1], beyond[1:]


def _scale_layers(axes: Axes, energies: Floats) -> None:
    """Logarithmic where a layer would be no more than a line on the axis."""
    bright = energies[energies > 0]
    if len(bright) and bright.max() > _FAINT * bright.min():
        axes.set_yscale("log")
        axes.set_ylim(0.5 * float(bright.min()), 2 * float(bright.max()))
        log_ticks(axes, "y")


def _name_layers(axes: Axes, names: Sequence[str]) -> None:
    if len(names) <= _MAX_NAMES:
        axes.tick_params(axis="x", which="minor", bottom=False)
        size = 7.0 if len(names) * max(map(len, names)) <= _MAX_LETTERS else 5.5  # neighbours must not touch
        axes.set_xticks(range(len(names)), names, fontsize=size)
    else:
        axes.set_xlabel("layer", labelpad=2)
