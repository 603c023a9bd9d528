"""Single events of both samples: to turn in three dimensions, or to play in time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from moliere.detectors import Detector
from moliere.detectors.calorimeter import Calorimeter
from moliere.detectors.surface_array import SurfaceArray
from moliere.evaluation.findings.examples import ExampleEvent, Examples
from moliere.evaluation.result import Report
from moliere.report.event_display import display_to_json, event_pairs
from moliere.report.event_picture import draw_pair
from moliere.report.footprints import FOOTPRINT_KEY, footprint_pairs, footprints_to_json
from moliere.report.scene import build_scene
from moliere.report.section import Section, draw
from moliere.report.style import to_png_uri


@draw.register
def _(finding: Examples, report: Report, detector: Detector) -> Sequence[Section]:
    del report
    return draw_events(detector, finding.events)


@singledispatch
def draw_events(detector: Detector, events: Sequence[ExampleEvent]) -> Sequence[Section]:
    """Single events of one kind of detector; nothing where nobody has said how they look.

    Args:
        detector: what was read out.
        events: of both samples.
    """
    del detector, events
    return ()


@draw_events.register
def _(detector: Calorimeter, events: Sequence[ExampleEvent]) -> Sequence[Section]:
    pairs = event_pairs(events)
    if not pairs:
        return ()
    scene = build_scene(detector)
    data = {"data": display_to_json(scene, pairs), "pairs": pairs, "still": to_png_uri(draw_pair(scene, pairs[0]))}
    scripts = ("three.bundle.min.js", "event_cells.js", "event_display.js")
    title = "Events in three dimensions"
    return (Section("events", title, template="event_display.html", data={"display": data}, scripts=scripts),)


@draw_events.register
def _(detector: SurfaceArray, events: Sequence[ExampleEvent]) -> Sequence[Section]:
    pictures, played = footprint_pairs(events, detector), footprints_to_json(events, detector)
    sections = []
    if pictures:
        sections.append(Section("footprints", "Showers on the ground", pictures, note=FOOTPRINT_KEY))
    if played is not None:
        name, script = "footprints.html", "footprint_player.js"
        title = "Showers in time"
        sections.append(Section("player", title, template=name, data={"footprints": played}, scripts=(script,)))
    return sections
