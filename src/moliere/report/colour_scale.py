"""Colour scales of pictures: energies over decades, and ratios about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.base import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

#: Maps for energies and for ratios and differences; both can be read without telling red from green.
ENERGY, RATIO = "inferno", "RdBu_r"
#: Colours span this many decades below what is brightest: what is fainter holds no energy that matters.
_DECADES = 4
#: Ratios beyond this factor share one colour.
_FACTOR = 2.0


def lit(values: Floats) -> Floats:
    """What holds no energy stays blank instead of taking the faintest colour."""
    return np.where(values > 0, values, np.nan)


def ratio(reference: Floats, generated: Floats) -> Floats:
    """Generated over reference, blank where either is dark."""
    both = (reference > 0) & (generated > 0)
    return np.asarray(np.divide(generated, reference, out=np.full(reference.shape, np.nan), where=both))


def energy_norm(values: Floats) -> LogNorm:
    """A logarithmic scale that ends at the brightest value."""
    from matplotlib.colors import LogNorm

    high = float(values.max()) or 1.0
    bright = values[values > high * 10.0**-_DECADES]
    return LogNorm(min(float(bright.min(initial=high)), high / 10), high)


def ratio_norm() -> LogNorm:
    """From half to double."""
    from matplotlib.colors import LogNorm

    return LogNorm(1 / _FACTOR, _FACTOR)


def draw_energy_key(figure: Figure, place: Axes, norm: LogNorm, label: str) -> None:
    """The scale of energies, into axes of its own."""
    from matplotlib.cm import ScalarMappable

    key = figure.colorbar(ScalarMappable(norm, ENERGY), cax=place, orientation="horizontal")
    key.set_label(label, parse_math=False)


def draw_ratio_key(figure: Figure, place: Axes, norm: LogNorm) -> None:
    """The scale of ratios, into axes of its own."""
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(norm, RATIO)
    key = figure.colorbar(mappable, cax=place, orientation="horizontal", extend="both", label="generated / reference")
    ticks = [1 / _FACTOR, 1.0, _FACTOR]
    key.ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    key.ax.minorticks_off()
