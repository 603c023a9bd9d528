"""What a file check found, as a page that opens anywhere: findings, responses, the worst event, a table of layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.calorimeter import Calorimeter
from moliere.events import EventSource
from moliere.events.check import CheckReport, Finding
from moliere.events.formats.base import signals_of
from moliere.files import replacing
from moliere.report.event_display import lit_cells
from moliere.report.event_picture import draw_event
from moliere.report.html import render
from moliere.report.scene import build_scene
from moliere.report.section import Picture
from moliere.report.style import REFERENCE, log_ticks, new_figure, style, to_png_uri
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FAULT = "#c2410c"
#: checks whose first event is worth a picture, the most telling first
_TELLING = ("voxel-above-incident", "label", "response", "units", "negative")


def write_check_page(source: EventSource, found: CheckReport, path: Path, *, overwrite: bool = False) -> Path:
    """Write the page.

    Args:
        source: the events that were checked.
        found: what was found.
        path: of the page.
        overwrite: replace it.

    Raises:
        OutputExists: the page exists.
        WriteError: disk full or no permission.
    """
    pictures = [_picture(draw_responses(found))] if np.isfinite(found.response).any() else []
    context = {"found": found, "pictures": pictures, "worst": _worst_event(source, found)}
    with replacing(path, overwrite=overwrite) as partial:
        partial.write_text(render("check.html", **context), encoding="utf-8")
    return path


def _picture(figure: Figure) -> Picture:
    return Picture("responses", figure, "Response of every event", ("faulty events stand out",), broad=True)


def draw_responses(found: CheckReport) -> Figure:
    """Response against incident energy, a point an event; faulty ones in colour, those beyond the axis at its edge."""
    faulty = np.zeros(found.n_events, bool)
    faulty[list(found.reasons)] = True
    known = np.isfinite(found.response) & np.isfinite(found.energy)
    # a cell 2.7e10 times the energy would press all others to the floor
    top = 2.5 * max(float(np.median(found.response[known])), 1e-9)
    beyond = known & (found.response > top)
    with style():
        figure = new_figure(8.4, 3.2)
        axes = figure.subplots()
        drawn = (
            (known & ~beyond & ~faulty, REFERENCE, 3, "o", "sound"),
            (known & ~beyond & faulty, _FAULT, 16, "o", "faulty"),
            (beyond, _FAULT, 30, "^", f"beyond, up to {found.response[known].max():.3g}"),
        )
        for at, colour, size, marker, label in drawn:
            if at.any():
                height = np.minimum(found.response[at], 0.97 * top)
                # painted, not drawn: a hundred thousand points as lines would make a page of 20 MB
                axes.scatter(
                    found.energy[at],
                    height,
                    s=size,
                    color=colour,
                    marker=marker,
                    label=label,
                    linewidths=0,
                    rasterized=True,
                )
        axes.set_xscale("log")
        axes.set_ylim(0, top)
        log_ticks(axes, "x")
        axes.set_xlabel("incident energy [MeV]")
        axes.set_ylabel("total signal / incident energy")
        # above the axes: the events beyond are drawn along their upper edge
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
        figure.tight_layout()
    return figure


def _worst_event(source: EventSource, found: CheckReport) -> dict[str, str] | None:
    """A picture of the most telling faulty event, and which one it is."""
    finding = next((f for name in _TELLING for f in found.faults if f.check == name and len(f.events)), None)
    if finding is None or not isinstance(source.detector, Calorimeter):
        return None
    event = _worst_of(finding, found)
    signals = np.nan_to_num(signals_of(source, slice(event, event + 1))[0], posinf=0.0, neginf=0.0)
    channels = np.flatnonzero(signals > 0)
    scene = build_scene(source.detector)
    if not len(channels):
        return None
    title = f"event {event}: {format_energy(float(found.energy[event]))}, response {found.response[event]:.3g}"
    lit = lit_cells(channels.tolist(), signals[channels].tolist())
    return {"title": title, "check": finding.check, "image": to_png_uri(draw_event(scene, lit, title))}


def _worst_of(finding: Finding, found: CheckReport) -> int:
    """The event of a finding whose response is farthest from the usual one."""
    response = np.nan_to_num(found.response[finding.events], nan=0.0)
    usual = np.nanmedian(found.response) if np.isfinite(found.response).any() else 1.0
    return int(finding.events[np.argmax(np.abs(response - usual))])
