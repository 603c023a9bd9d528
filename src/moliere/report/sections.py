"""What the page shows, in order: a report's numbers drawn and grouped into sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moliere.detectors.calorimeter import Calorimeter
from moliere.evaluation.result import HistogramPair, MeanShower, Report
from moliere.report.plots import draw_histogram, draw_resolution, draw_response
from moliere.report.profiles import draw_longitudinal, draw_radial
from moliere.report.scene import Scene
from moliere.report.shower_images import draw_average_showers
from moliere.report.small_multiples import draw_separations, draw_small_multiples, family
from moliere.report.style import to_svg
from moliere.report.words import number
from moliere.units import format_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GROUPS = {
    "energy": "Energy",
    "longitudinal": "Longitudinal shape",
    "transverse": "Transverse shape",
    "sparsity": "Sparsity",
    "voxels": "Cells",
}
_KEY = (
    "Fraction of all events in each bin: reference filled, generated as a line with statistical errors. "
    "Below, generated / reference on the band of the reference's own error. "
    "“Outside” is the share beyond the axis, reference | generated."
)
#: Families of more layers than this are condensed; so many of their worst members are drawn in full.
_MANY, _WORST = 10, 2
#: Layers side by side in one figure of average showers.
_ROW_OF_LAYERS = 9


@dataclass(frozen=True)
class Picture:
    """One figure of the page.

    Args:
        name: of its file, unique.
        svg: a whole SVG document.
        title: what it shows.
        notes: numbers beside it.
        broad: whether it takes the full width.
    """

    name: str
    svg: str
    title: str
    notes: tuple[str, ...] = ()
    broad: bool = False


@dataclass(frozen=True)
class Section:
    """A heading with pictures; parts are folded until they are asked for.

    Args:
        anchor: for links.
        title: heading.
        pictures: in order.
        parts: what is folded.
        note: below the heading.
    """

    anchor: str
    title: str
    pictures: tuple[Picture, ...] = ()
    parts: tuple[Section, ...] = ()
    note: str = ""


def response_pictures(report: Report) -> tuple[Picture, ...]:
    """Response and resolution against energy; nothing where no energy was binned."""
    if not report.response:
        return ()
    return (
        _picture("response-by-energy", draw_response(report.response), "Mean response against incident energy"),
        _picture("resolution-by-energy", draw_resolution(report.response), "Resolution against incident energy"),
    )


def histogram_sections(histograms: Sequence[HistogramPair]) -> list[Section]:
    """One section a group of observables, large families condensed."""
    sections: list[Section] = []
    for group, title in _GROUPS.items():
        members = [pair for pair in histograms if pair.group == group]
        if members:
            sections.append(_group_section(group, title, members, _KEY if not sections else ""))
    return sections


def _group_section(group: str, title: str, histograms: Sequence[HistogramPair], note: str) -> Section:
    pictures: list[Picture] = []
    parts: list[Section] = []
    for name in dict.fromkeys(map(family, histograms)):
        pairs = [pair for pair in histograms if family(pair) == name]
        if len(pairs) <= _MANY:
            pictures += [_histogram_picture(pair) for pair in pairs]
        else:
            pictures += _condensed(name, pairs)
            parts.append(_all_of(name, pairs))
    return Section(group, title, tuple(pictures), tuple(parts), note)


def _condensed(name: str, pairs: Sequence[HistogramPair]) -> list[Picture]:
    """Separation power of every layer, and the layers where it is worst."""
    words = name.replace("_", " ")
    title, notes = f"{words}, all layers", ("the two layers farthest above their floor are drawn beside",)
    worst = sorted(pairs, key=lambda pair: pair.separation_floor - pair.separation)[:_WORST]
    overview = _picture(f"{name}-separation", draw_separations(pairs), title, *notes)
    return [overview, *(_histogram_picture(pair) for pair in worst)]


def _all_of(name: str, pairs: Sequence[HistogramPair]) -> Section:
    words = name.replace("_", " ")
    figure = draw_small_multiples(pairs)
    picture = _picture(f"{name}-all", figure, "", "Layer number and separation power above each panel.", broad=True)
    return Section(f"all-{name}", f"{words}: all {len(pairs)} layers", (picture,))


def _histogram_picture(pair: HistogramPair) -> Picture:
    notes = (
        f"separation {number(pair.separation)} (floor {number(pair.separation_floor)})",
        f"KS p {number(pair.ks_p)}" if pair.ks_p > 1e-6 else "KS p < 1e-6",
        f"W₁ {number(pair.wasserstein)} {pair.unit}".rstrip(),
    )
    return _picture(_file_name(pair.name), draw_histogram(pair), pair.label, *notes)


def shower_section(report: Report, detector: Calorimeter, scene: Scene) -> Section:
    """Profiles and average showers: all events open, single energies and further layers folded."""
    if not report.mean_showers:
        return Section("showers", "Average showers")
    first, *others = report.mean_showers
    blocks = _blocks(len(scene.layers))
    shown = *_profiles(first, detector), _showers_picture(first, scene, _spread(len(scene.layers)))
    parts = []
    if len(blocks) > 1:
        every = tuple(_showers_picture(first, scene, block) for block in blocks)
        parts.append(Section("showers-layers", "Every layer", every))
    for shower in _ends_and_middle(others):
        pictures = *_profiles(shower, detector), _showers_picture(shower, scene, _spread(len(scene.layers)))
        parts.append(Section(f"showers-{_energy_name(shower)}", f"At {_energy_words(shower)}", pictures))
    return Section("showers", "Average showers", shown, tuple(parts))


def _blocks(n_layers: int) -> list[range]:
    return [range(first, min(first + _ROW_OF_LAYERS, n_layers)) for first in range(0, n_layers, _ROW_OF_LAYERS)]


def _spread(n_layers: int) -> list[int]:
    """As many layers as fit side by side, evenly chosen, first and last among them."""
    return [round(layer) for layer in np.linspace(0, n_layers - 1, min(n_layers, _ROW_OF_LAYERS))]


def _ends_and_middle(showers: Sequence[MeanShower]) -> Iterable[MeanShower]:
    """The lowest, the middle and the highest energy: the page stays small, and report.json has the others."""
    return [showers[k] for k in sorted({0, len(showers) // 2, len(showers) - 1})] if showers else []


def _profiles(shower: MeanShower, detector: Calorimeter) -> tuple[Picture, Picture]:
    means = np.asarray(shower.reference), np.asarray(shower.generated)
    name, words = _energy_name(shower), _energy_words(shower)
    return (
        _picture(f"longitudinal-{name}", draw_longitudinal(detector, *means), f"Mean energy of each layer, {words}"),
        _picture(f"radial-{name}", draw_radial(detector, *means), f"Energy beyond a radius, {words}"),
    )


def _showers_picture(shower: MeanShower, scene: Scene, layers: Sequence[int]) -> Picture:
    figure = draw_average_showers(scene, np.asarray(shower.reference), np.asarray(shower.generated), layers)
    title = f"Mean energy of each cell, {_energy_words(shower)}"
    name = f"showers-{_energy_name(shower)}-{layers[0]}-{layers[-1]}-{len(layers)}"
    return _picture(name, figure, title, *_radii_note(scene), broad=True)


def _radii_note(scene: Scene) -> tuple[str, ...]:
    if scene.radial_scale is None:
        return ()
    return (f"Radii beyond {scene.radial_scale:g} mm are logarithmic; dotted circles at 10, 100 and 1000 mm.",)


def _energy_words(shower: MeanShower) -> str:
    return "all energies" if shower.energy is None else format_energy(shower.energy)


def _energy_name(shower: MeanShower) -> str:
    return "all" if shower.energy is None else _file_name(f"{shower.energy:.6g}MeV")


def _file_name(name: str) -> str:
    """A name without characters that file systems or identifiers mind."""
    return re.sub(r"\W+", "-", name).strip("-")


def _picture(name: str, figure: Figure, title: str, *notes: str, broad: bool = False) -> Picture:
    return Picture(name, to_svg(figure), title, notes, broad)
