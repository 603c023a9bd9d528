"""CaloChallenge's XML: ``<Bins><Bin pid name [etaMin etaMax]><Layer id r_edges n_bin_alpha/></Bin></Bins>``.

Read as the community's own code reads it: layers in file order, a layer with a single edge is kept but unused, sectors
equal over [-pi, pi], so that the middle of an undivided ring is at alpha 0. ATLAS's own files put the ``Bin`` of each
range in |eta| below a ``Particle``; ``etaMin`` and ``etaMax`` are in hundredths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from moliere.detectors.atlas_layers import ATLAS_LAYERS
from moliere.detectors.calorimeter import Calorimeter, Layer
from moliere.detectors.grids import PolarGrid
from moliere.errors import DetectorError

#: layers of a file; no calorimeter has more
_MOST_LAYERS = 10_000
_KNOWN = {"pid", "name", "etaMin", "etaMax", "regionId", "latentDim", "ganVersion", "id", "r_edges", "n_bin_alpha"}
#: attributes that sound as if they said how cells are cut, and the values with which they change nothing
_CUTS = re.compile("alpha|bin|merge|polar|symm|edge|optimi|phi|cartesian|segment|shift|scale|unit", re.IGNORECASE)
_AS_READ = {"isPolar": ("true", "1")}
_OFF = ("false", "0", "")


@dataclass(frozen=True)
class _Choice:
    """One ``Bin`` with what stands above it.

    Args:
        above: the elements from the root to the ``Bin`` itself.
    """

    above: tuple[ElementTree.Element, ...]

    @property
    def element(self) -> ElementTree.Element:
        return self.above[-1]

    def get(self, key: str) -> str:
        """An attribute of the ``Bin``, else of the nearest element above it."""
        return next((found for element in reversed(self.above) if (found := element.get(key)) is not None), "")

    @property
    def layers(self) -> list[ElementTree.Element]:
        return self.element.findall("Layer")

    @property
    def words(self) -> str:
        """The particle and the range in |eta|, as far as the file names them."""
        name, pid = self.get("name"), self.get("pid")
        particle = f"{name} (pid {pid})" if name and pid else name or (f"pid {pid}" if pid else "an unnamed particle")
        low, high = self.get("etaMin"), self.get("etaMax")
        return particle + (f" at |eta| {_hundredths(low)} to {_hundredths(high)}" if low and high else "")

    def is_of(self, particle: str) -> bool:
        return particle in (self.get("name"), self.get("pid"))

    def holds(self, eta: float) -> bool:
        """Whether the range in |eta|, if there is one, holds a pseudorapidity."""
        if not self.get("etaMin") or not self.get("etaMax"):
            return True
        low, high = (_number(self.get(key), key) for key in ("etaMin", "etaMax"))
        return low - 1e-6 <= 100 * abs(eta) < high - 1e-6


def read_xml(path: Path, particle: str | None = None, eta: float | None = None) -> Calorimeter:
    """Read a calorimeter from a binning file.

    Args:
        path: the XML file.
        particle: name or ``pid`` of the ``Bin`` to take; needed only where there are several.
        eta: pseudorapidity that the ``Bin`` is to hold, where there are several ranges.

    Raises:
        DetectorError: not XML, no such particle, or several; an attribute that is missing or wrong, or that says that
            the cells are cut in another way than rings and equal sectors; edges that do not increase.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DetectorError(f"no file {path}") from None
    except OSError as error:
        raise DetectorError(f"{path} cannot be read: {error.strerror}") from None
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise DetectorError(f"{path} is not XML: {error}") from None
    choice = _choose(Path(path), list(_choices(root)), particle, eta)
    _check_attributes(path, choice)
    elements = choice.layers
    if len(elements) > _MOST_LAYERS:
        raise DetectorError(f"{path}: {len(elements):,} layers; no more than {_MOST_LAYERS:,} are possible")
    # only a list of all ATLAS layers has their numbers; elsewhere id 0 is no presampler
    labels = ATLAS_LAYERS if len(elements) == len(ATLAS_LAYERS) else ("",) * len(elements)
    layers = tuple(_read_layer(path, k, *pair) for k, pair in enumerate(zip(elements, labels, strict=True)))
    _check_ids(path, [layer.id for layer in layers])
    pid = choice.get("pid")
    particles = (int(pid),) if re.fullmatch(r"-?[0-9]{1,10}", pid) else ()
    return Calorimeter(
        name=Path(path).stem, layers=layers, particles=particles, description=f"read from {Path(path).name}"
    )


def read_selected(name: str) -> Calorimeter:
    """Read ``FILE.xml``, ``FILE.xml:pion``, ``FILE.xml:211`` or ``FILE.xml:211,eta=0.2``.

    Raises:
        DetectorError: as :func:`read_xml`, or an eta that is no number.
    """
    path, selector = split_selector(name)
    eta, particle = None, None
    for part in filter(None, selector.split(",")):
        if part.startswith("eta="):
            eta = _number(part.removeprefix("eta="), "eta")
        else:
            particle = part
    return read_xml(Path(path), particle, eta)


def split_selector(name: str) -> tuple[str, str]:
    """The file and what is to be taken from it; the latter is empty for every name that is not like ``FILE.xml:pion``.

    Example:
        >>> split_selector("binning.xml:pion"), split_selector("own.toml")
        (('binning.xml', 'pion'), ('own.toml', ''))
    """
    found = re.fullmatch(r"(.*\.xml)[:#]([^/\\]*)", name, re.IGNORECASE | re.DOTALL)
    return (found[1], found[2]) if found else (name, "")


def _choices(element: ElementTree.Element, above: tuple[ElementTree.Element, ...] = ()) -> Iterator[_Choice]:
    """Every ``Bin`` that holds layers, or nothing at all."""
    here = (*above, element)
    if element.tag == "Bin" and (element.find("Layer") is not None or len(element) == 0):
        yield _Choice(here)
    for child in element:
        yield from _choices(child, here)


def _choose(path: Path, choices: Sequence[_Choice], particle: str | None, eta: float | None) -> _Choice:
    fitting = [choice for choice in choices if particle is None or choice.is_of(particle)]
    if particle is not None and not fitting:
        raise DetectorError(f"{path} has bins for {_listed(choices)}; {particle!r} is not among them")
    inside = [choice for choice in fitting if eta is None or choice.holds(eta)]
    if eta is not None and fitting and not inside:
        raise DetectorError(f"{path} has bins for {_listed(fitting)}; none of them holds eta {eta:g}")
    if len(inside) == 1:
        return inside[0]
    if not inside:
        raise DetectorError(f"{path} has bins for no particle; expected <Bins><Bin pid name><Layer .../></Bin></Bins>")
    wanted = "no particle was named" if particle is None else f"several are called {particle!r}"
    raise DetectorError(f"{path} has bins for {_listed(choices)}; {wanted}{_advice(path, inside)}")


def _advice(path: Path, choices: Sequence[_Choice]) -> str:
    """Which name of a detector chooses the first of several bins, if any name does."""
    first = choices[0]
    particle = next((key for key in (first.get("name"), first.get("pid")) if key), None)
    if particle is None or "," in particle:
        return ": give each Bin a name or a pid of its own"
    fitting = [choice for choice in choices if choice.is_of(particle)]
    if len(fitting) == 1:
        return f": name one of them, as in the detector {path.name}:{particle}"
    low = first.get("etaMin")
    if low and len([choice for choice in fitting if choice.holds(_number(low, "etaMin") / 100)]) == 1:
        return f": name one of them, as in the detector {path.name}:{particle},eta={_hundredths(low)}"
    return ": give each Bin a name, a pid or a range in eta of its own"


def _listed(choices: Sequence[_Choice]) -> str:
    words = list(dict.fromkeys(choice.words for choice in choices))
    return ", ".join(words[:12]) + (", …" if len(words) > 12 else "") or "no particle"


def _check_attributes(path: Path, choice: _Choice) -> None:
    """Refuse by name what says that cells are cut in another way than they are read here."""
    for element in (*choice.above, *choice.layers):
        for key, value in element.attrib.items():
            harmless = _AS_READ.get(key, _OFF)
            if key not in _KNOWN and _CUTS.search(key) and value.strip().lower() not in harmless:
                raise DetectorError(
                    f"{path}: {element.tag} says {key}={value!r}, which cuts the cells in a way that is not read here; "
                    "rings in r, each divided into equal sectors over [-pi, pi], are expected"
                )


def _check_ids(path: Path, ids: Sequence[int]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(number for k, number in enumerate(ids) if number in ids[:k])
        raise DetectorError(f"{path}: layer {twice} stands there more than once; give every layer an id of its own")


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
        raise DetectorError(f"{where}: {key}={text[:40]!r} is not a whole number") from None


def _number(text: str, key: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DetectorError(f"{key}={text[:40]!r} is not a number") from None


def _hundredths(text: str) -> str:
    return f"{_number(text, 'eta') / 100:g}"


def _edges(where: str, element: ElementTree.Element) -> tuple[float, ...]:
    text = _attribute(where, element, "r_edges")
    try:
        return tuple(float(edge) for edge in text.split(","))
    except ValueError:
        raise DetectorError(f"{where}: r_edges={text[:40]!r} is not a comma-separated list of numbers in mm") from None
