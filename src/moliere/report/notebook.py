"""Small pictures for notebooks: of a shower, of a detector (a bundle has one), of the worst figure of a report."""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from moliere.detectors import Calorimeter, Detector, SurfaceArray
from moliere.evaluation import Report
from moliere.events import Events
from moliere.report.detector_picture import draw_detector
from moliere.report.event_display import lit_cells
from moliere.report.event_picture import draw_event
from moliere.report.footprints import draw_ground
from moliere.report.html import worst_observables
from moliere.report.plots import draw_histogram
from moliere.report.scene import build_scene
from moliere.report.style import to_png_uri
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: dots per inch: a picture of a notebook is as wide as a column of text
_DPI = 72


def html_of(thing: Any) -> str:
    """The text that a terminal shows, and a picture below it where there is one."""
    figure = picture_of(thing)
    # white: the text in figures is dark, and notebooks may be
    look = "max-width: 100%; background: white"
    image = "" if figure is None else f'<img src="{to_png_uri(figure, _DPI)}" alt="" style="{look}">'
    return f"<div><pre>{escape(repr(thing))}</pre>{image}</div>"


@singledispatch
def picture_of(thing: Any) -> Figure | None:
    """The picture of a thing; by default the first of its events, or what it is read out by."""
    if hasattr(thing, "take") and len(thing):
        return draw_first(thing.detector, thing.take(slice(0, 1)))
    return draw_detector(thing.detector)


@picture_of.register(Detector)
def _(thing: Detector) -> Figure:
    return draw_detector(thing)


@picture_of.register(Report)
def _(thing: Report) -> Figure | None:
    pair = next(iter(worst_observables(thing)), None)
    return None if pair is None else draw_histogram(pair)


@singledispatch
def draw_first(detector: Detector, event: Events) -> Figure:
    """One event; of a kind of detector whose events nobody has drawn yet, the detector."""
    del event
    return draw_detector(detector)


@draw_first.register(Calorimeter)
def _(detector: Calorimeter, event: Events) -> Figure:
    lit = np.flatnonzero(event.signals[0] > 0)
    if not len(lit):
        return draw_detector(detector)
    return draw_event(build_scene(detector), lit_cells(lit.tolist(), event.signals[0, lit].tolist()), _title(event))


@draw_first.register(SurfaceArray)
def _(detector: SurfaceArray, event: Events) -> Figure:
    return draw_ground(event.signals[0], detector, _title(event))


def _title(event: Events) -> str:
    return (
        f"the first event, {format_energy(float(event.energy[0]))}" if "energy" in event.incident else "the first event"
    )
