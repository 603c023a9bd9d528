from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from moliere.detectors import Calorimeter, PolarGrid, catalog, load
from moliere.detectors.xml import read_xml
from moliere.errors import DetectorError

TWO = """<Bins>
  <Bin pid="22" name="photon" etaMin="0" etaMax="130">
    <Layer id="0" r_edges="0,5, 10" n_bin_alpha="1"/>
    <Layer id="1" r_edges="0" n_bin_alpha="1"/>
    <Layer id="2" r_edges="0,1,2,4" n_bin_alpha="4"/>
  </Bin>
  <Bin pid="-211" name="pion"><Layer id="7" r_edges="0,3" n_bin_alpha="2"/></Bin>
</Bins>"""


def write(folder: Path, text: str) -> Path:
    path = folder / "binning.xml"
    path.write_text(text)
    return path


def community(path: Path, particle: str) -> list[dict[str, object]]:
    """What the community's handler keeps of each layer: centres in the order of its files, and layers of one edge."""
    layers = []
    for bin_ in ElementTree.parse(path).getroot():
        if bin_.attrib["name"] != particle:
            continue
        for layer in bin_:
            edges = [float(s) for s in layer.attrib["r_edges"].split(",")]
            n_alpha, n_r = int(layer.attrib["n_bin_alpha"]), len(edges) - 1
            centres = []
            borders = [-np.pi + k * 2 * np.pi / n_alpha for k in range(n_alpha + 1)]
            for j in range(n_alpha):
                for i in range(n_r):
                    r, alpha = (edges[i] + edges[i + 1]) / 2, (borders[j] + borders[j + 1]) / 2
                    centres.append((r * np.cos(alpha), r * np.sin(alpha)))
            layers.append({"id": int(layer.attrib["id"]), "n": n_alpha * n_r, "centres": centres})
    return layers


def check(detector: Calorimeter, expected: list[dict[str, object]]) -> None:
    assert [layer.id for layer in detector.layers] == [layer["id"] for layer in expected]
    assert [layer.n_cells for layer in detector.layers] == [layer["n"] for layer in expected]
    centres = [pair for layer in expected for pair in layer["centres"]]  # type: ignore[attr-defined]
    assert detector.centres[:, :2] == pytest.approx(np.array(centres), abs=1e-9)


def test_layers_are_those_of_the_communitys_handler(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    detector = read_xml(path, "photon")
    check(detector, community(path, "photon"))
    assert detector.particles == (22,)
    assert detector.layers[1].grid is None
    assert [layer.id for layer in detector.read_out] == [0, 2]
    assert read_xml(path, "pion").particles == (-211,)


@pytest.mark.parametrize("name", ["calochallenge-1-photons", "calochallenge-1-pions", "calochallenge-2"])
def test_shipped_files_are_read_as_the_communitys_handler_reads_them(name: str) -> None:
    folder = Path(catalog.__file__).parent / "data"
    path = folder / f"{name}.xml"
    particle = ElementTree.parse(path).getroot()[0].attrib["name"]
    check(read_xml(path), community(path, particle))
    detector = catalog.get(name)
    assert isinstance(detector, Calorimeter)
    check(detector, community(path, particle))


def test_one_particle_needs_no_name_and_several_do(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    with pytest.raises(
        DetectorError,
        match=r"photon \(pid 22\) at \|eta\| 0 to 1.3, pion \(pid -211\); no particle was named: .*binning.xml:photon",
    ):
        read_xml(path)
    with pytest.raises(DetectorError, match="'muon' is not among them"):
        read_xml(path, "muon")
    only = write(tmp_path, TWO[: TWO.index('<Bin pid="-211"')] + "</Bins>")
    assert read_xml(only) == read_xml(only, "photon")


def layer(attributes: str) -> str:
    return f'<Bins><Bin pid="22" name="photon"><Layer {attributes}/></Bin></Bins>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Bins><Bin", "is not XML"),
        ("", "is not XML"),
        ("<Bins/>", "no particle"),
        (layer('id="3" n_bin_alpha="1"'), "layer 3 has no attribute 'r_edges'; it has id, n_bin_alpha"),
        (layer('r_edges="0,1" n_bin_alpha="1"'), "layer number 0 has no attribute 'id'"),
        (layer('id="3" r_edges="0,1"'), "has no attribute 'n_bin_alpha'"),
        (layer('id="3" r_edges="0,5,2" n_bin_alpha="1"'), "layer 3: .*5 is followed by 2; sort the edges"),
        (layer('id="3" r_edges="0,5," n_bin_alpha="1"'), "not a comma-separated list"),
        (layer('id="3" r_edges="0,5" n_bin_alpha="many"'), "n_bin_alpha='many' is not a whole number"),
        (layer('id="3" r_edges="0,5" n_bin_alpha="0"'), "0 alpha bins"),
        (layer('id="3" r_edges="0" n_bin_alpha="1"'), "no layer with cells"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        read_xml(write(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"nothing\.xml"):
        read_xml(tmp_path / "nothing.xml")


def test_edges_are_the_grids(tmp_path: Path) -> None:
    grid = read_xml(write(tmp_path, TWO), "photon").layers[0].grid
    assert grid == PolarGrid((0.0, 5.0, 10.0), 1)


FIRST, SECOND = '<Layer id="0" r_edges="0,5,10" n_bin_alpha="4"/>', '<Layer id="0" r_edges="0,50,100" n_bin_alpha="4"/>'
BY_ETA = (
    f'<Bins><Bin pid="22" etaMin="0" etaMax="130" name="photon">{FIRST}</Bin>'
    f'<Bin pid="22" etaMin="130" etaMax="250" name="photon">{SECOND}</Bin></Bins>'
)
ATHENA = (
    f'<Bins isPolar="true"><Particle pid="22" symmetriseAlpha="false" latentDim="50"><Bin etaMin="0" etaMax="130" '
    f'regionId="1">{FIRST}</Bin></Particle><Particle pid="211"><Bin etaMin="0" etaMax="80">{SECOND}</Bin>'
    "</Particle></Bins>"
)
UNNAMED = f'<Bin><Bin pid="11">{FIRST}</Bin><Bin pid="211">{SECOND}</Bin></Bin>'


def outer_radius(name: str) -> float:
    detector = load(name)
    assert isinstance(detector, Calorimeter)
    return float(detector.grids[0].edges[1][-1])


@pytest.mark.parametrize(
    ("text", "choice", "radius"),
    [
        (BY_ETA, "photon,eta=0.2", 10),
        (BY_ETA, "22,eta=-1.3", 100),
        (ATHENA, "22", 10),
        (ATHENA, "211", 100),
        (UNNAMED, "11", 10),
        (UNNAMED, "211", 100),
        (TWO, "photon", 10),
        (TWO, "-211", 3),
    ],
)
def test_a_bin_is_chosen_by_particle_and_eta(tmp_path: Path, text: str, choice: str, radius: float) -> None:
    path = write(tmp_path, text)
    assert outer_radius(f"{path}:{choice}") == radius
    assert outer_radius(f"{path}#{choice}") == radius


@pytest.mark.parametrize("text", [BY_ETA, ATHENA, UNNAMED, TWO])
def test_advice_on_several_bins_works_when_followed(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DetectorError) as error:
        read_xml(path)
    name = str(error.value).rpartition("as in the detector ")[2]
    assert outer_radius(str(tmp_path / name)) in (10, 4)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("photon", "several are called 'photon': name one of them, as in .*binning.xml:photon,eta=0"),
        ("photon,eta=3", "none of them holds eta 3"),
        ("muon", "'muon' is not among them"),
        ("22,eta=far", "eta='far' is not a number"),
    ],
)
def test_a_choice_that_fits_no_bin_is_refused(tmp_path: Path, choice: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        load(f"{write(tmp_path, BY_ETA)}:{choice}")


def test_bins_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, f"<Bins><Bin>{FIRST}</Bin><Bin>{SECOND}</Bin></Bins>")
    with pytest.raises(DetectorError, match="give each Bin a name or a pid of its own"):
        read_xml(path)


@pytest.mark.parametrize(
    ("element", "attribute"),
    [
        ("Bins", 'mergeAlphaBinsInFirstRBin="true"'),
        ("Bins", 'optimisedAlphaBins="1"'),
        ("Bins", 'isPolar="false"'),
        ("Bin", 'symmetriseAlpha="true"'),
        ("Layer", 'isPolar="0"'),
        ("Layer", 'phi_edges="0,1,3"'),
    ],
)
def test_attributes_that_cut_cells_otherwise_are_refused_by_name(tmp_path: Path, element: str, attribute: str) -> None:
    text = f'<Bins ><Bin pid="22" name="photon">{FIRST}</Bin></Bins>'.replace(
        f"<{element} ", f"<{element} {attribute} ", 1
    )
    with pytest.raises(DetectorError, match=f"{element} says {attribute.partition('=')[0]}="):
        read_xml(write(tmp_path, text))


def test_attributes_that_change_nothing_are_passed_over(tmp_path: Path) -> None:
    text = (
        f'<Bins isPolar="true" optimisedAlphaBins="false"><Bin pid="22" regionId="7" comment="x">{FIRST}</Bin></Bins>'
    )
    assert read_xml(write(tmp_path, text)).n_channels == 8


def test_a_layer_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="layer 0 stands there more than once"):
        read_xml(write(tmp_path, f'<Bins><Bin pid="22">{FIRST}{SECOND}</Bin></Bins>'))
