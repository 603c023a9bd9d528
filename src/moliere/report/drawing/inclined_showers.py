"""Mean showers from three sides, by incident energy and angle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from moliere.detectors import Detector
from moliere.detectors.calorimeter import Calorimeter
from moliere.evaluation.findings.inclined_showers import InclinedShower, InclinedShowers, Sides
from moliere.evaluation.result import Report
from moliere.report.projection_picture import Sums, draw_projections, projection_table
from moliere.report.projections import Lattice, build_lattice
from moliere.report.scene import build_scene
from moliere.report.section import Picture, Section, draw
from moliere.units import format_energy


@draw.register
def _(finding: InclinedShowers, report: Report, detector: Detector) -> Sequence[Section]:
    del report
    pictures = draw_inclined(detector, finding.showers)
    if not pictures:
        return ()
    return (Section("inclined", finding.title, pictures[:1], _folded(pictures[1:])),)


@singledispatch
def draw_inclined(detector: Detector, showers: Sequence[InclinedShower]) -> tuple[Picture, ...]:
    """One picture a mean shower; nothing where nobody has said how one looks."""
    del detector, showers
    return ()


@draw_inclined.register
def _(detector: Calorimeter, showers: Sequence[InclinedShower]) -> tuple[Picture, ...]:
    scene = build_scene(detector)
    lattice = build_lattice(detector, scene)
    if lattice is None or len(scene.layers) == 1:
        return ()
    pictures = []
    for k, shower in enumerate(showers):
        reference, generated = (_on_planes(lattice, sides) for sides in (shower.reference, shower.generated))
        figure = draw_projections(scene, lattice, reference, generated)
        title = f"Mean shower from the front, from above and from the side, {_words(shower)}"
        note = f"{shower.n_reference:,} events of the reference, {shower.n_generated:,} generated; grey holds none."
        table = projection_table(lattice, reference, generated, scene.unit)
        pictures.append(Picture(f"inclined-{k}", figure, title, (note,), broad=True, table=table))
    return tuple(pictures)


def _folded(pictures: Sequence[Picture]) -> tuple[Section, ...]:
    return (Section("inclined-others", "Other energies and angles", tuple(pictures)),) if pictures else ()


def _on_planes(lattice: Lattice, sides: Sides) -> Sums:
    front, above, side = (
        np.reshape(np.asarray(values), plane.sizes.shape) for values, plane in zip(sides, lattice.planes, strict=True)
    )
    return front, above, side


def _words(shower: InclinedShower) -> str:
    energy = " to ".join(format_energy(end) for end in shower.energy)
    return f"{energy}, {math.degrees(shower.theta[0]):.0f} to {math.degrees(shower.theta[1]):.0f} degrees"
