from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from moliere.detectors import Calorimeter, PolarGrid, catalog
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
    with pytest.raises(DetectorError, match="photon, pion; no particle was named"):
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
