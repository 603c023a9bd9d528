"""CaloChallenge's XML: ``<Bins><Bin pid name [etaMin etaMax]><Layer id r_edges n_bin_alpha/></Bin></Bins>``.

Read as the community's own code reads it: layers in file order, a layer with a single edge is kept but unused, sectors
equal over [-pi, pi], so that the middle of an undivided ring is at alpha 0.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.errors import DetectorError

ATLAS_LAYERS = (
    *("PreSamplerB", "EMB1", "EMB2", "EMB3", "PreSamplerE", "EME1", "EME2", "EME3"),
    *("HEC0", "HEC1", "HEC2", "HEC3", "TileBar0", "TileBar1", "TileBar2", "TileGap1", "TileGap2", "TileGap3"),
    *("TileExt0", "TileExt1", "TileExt2", "FCal0", "FCal1", "FCal2"),
)


def read_xml(path: Path, particle: str | None = None) -> Calorimeter:
    """Read a calorimeter from a binning file.

    Args:
        path: the XML file.
        particle: name of the ``Bin`` to take; needed only where there are several.

    Raises:
        DetectorError: not XML, no such particle, an attribute missing or wrong, edges that do not increase.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DetectorError(f"no file {path}") from None
    except ElementTree.ParseError as error:
        raise DetectorError(f"{path} is not XML: {error}") from None
    bin_ = _choose(path, root, particle)
    elements = list(bin_.iter("Layer"))
    # only a list of all ATLAS layers has their numbers; elsewhere id 0 is no presampler
    labels = ATLAS_LAYERS if len(elements) == len(ATLAS_LAYERS) else ("",) * len(elements)
    layers = tuple(_read_layer(path, k, *pair) for k, pair in enumerate(zip(elements, labels, strict=True)))
    particles = (int(bin_.attrib["pid"]),) if bin_.get("pid", "").lstrip("-").isdigit() else ()
    return Calorimeter(
        name=Path(path).stem, layers=layers, particles=particles, description=f"read from {Path(path).name}"
    )


def _choose(path: Path, root: ElementTree.Element, particle: str | None) -> ElementTree.Element:
    bins = {element.get("name", ""): element for element in root.iter("Bin")}
    if particle is None and len(bins) == 1:
        return next(iter(bins.values()))
    if particle not in bins:
        wanted = "no particle was named" if particle is None else f"{particle!r} is not among them"
        raise DetectorError(f"{path} has bins for {', '.join(bins) or 'no particle'}; {wanted}")
    return bins[particle]


def _read_layer(path: Path, position: int, element: ElementTree.Element, name: str) -> Layer:
    where = f"{path}, layer {element.get('id', f'number {position}')}"
    number = _whole(where, element, "id")
    edges = _edges(where, element)
    if len(edges) == 1:
        return Layer(id=number, grid=None, name=name)
    try:
        return Layer(id=number, grid=PolarGrid(edges, _whole(where, element, "n_bin_alpha")), name=name)
    except DetectorError as error:
        raise DetectorError(f"{where}: {error}") from None


def _attribute(where: str, element: ElementTree.Element, key: str) -> str:
    if key not in element.attrib:
        raise DetectorError(f"{where} has no attribute {key!r}; it has {', '.join(element.attrib) or 'none'}")
    return element.attrib[key]


def _whole(where: str, element: ElementTree.Element, key: str) -> int:
    text = _attribute(where, element, key)
    try:
        return int(text)
    except ValueError:
        raise DetectorError(f"{where}: {key}={text!r} is not a whole number") from None


def _edges(where: str, element: ElementTree.Element) -> tuple[float, ...]:
    text = _attribute(where, element, "r_edges")
    try:
        return tuple(float(edge) for edge in text.split(","))
    except ValueError:
        raise DetectorError(f"{where}: r_edges={text!r} is not a comma-separated list of numbers in mm") from None
