from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, PhaseSpace, PolarGrid, SurfaceArray, catalog, load, toml
from moliere.detectors.toml import read_toml
from moliere.errors import DetectorError, UnknownName


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(textwrap.dedent(text))
    return path


def calorimeter(path: Path) -> Calorimeter:
    detector = read_toml(path)
    assert isinstance(detector, Calorimeter)
    return detector


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    assert toml.__doc__ is not None
    example = toml.__doc__.partition("::\n")[2].partition("Arrays take")[0]
    detector = calorimeter(write(tmp_path, example))
    assert detector.n_channels == 20
    assert detector.read_out[0].sampling_fraction == 0.2
    grid = detector.read_out[0].grid
    assert isinstance(grid, CartesianGrid)
    assert grid.x_edges == pytest.approx(np.linspace(-50, 50, 11))
    assert grid.y_edges == (-50, 0, 50)
    assert len(detector.stack) == 30
    assert detector.depths.tolist() == [[0, pytest.approx(15 * 5.7)]]
    assert [plate.active for plate in detector.stack[:2]] == [False, True]


def test_layers_repeat_and_stacks_advance(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        name = "deep"
        [[layers]]
        id = 5
        repeat = 3
        grid = {kind = "polar", r_edges = [0, 1], n_alpha = 2}
        [[stack]]
        plates = [["G4_Al", 9.0]]
        [[stack]]
        repeat = 3
        layer = 0
        advance = true
        plates = [["G4_W", 1.0], ["G4_Si", 0.5, "active"]]
        """,
    )
    detector = calorimeter(path)
    assert [layer.id for layer in detector.layers] == [5, 6, 7]
    assert [plate.layer for plate in detector.stack] == [-1, 0, 0, 1, 1, 2, 2]
    assert detector.depths == pytest.approx(np.array([[9.0, 10.5], [10.5, 12.0], [12.0, 13.5]]))


def test_layers_come_from_an_xml_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rings.xml").write_text(
        '<Bins><Bin pid="22" name="photon"><Layer id="4" r_edges="0,2,3" n_bin_alpha="3"/>'
        '<Layer id="9" r_edges="0" n_bin_alpha="1"/></Bin></Bins>'
    )
    path = write(
        tmp_path,
        """
        name = "rings"
        xml = "rings.xml"
        [[layer_settings]]
        positions = [0]
        sampling_fraction = 0.1
        z = [1, 4]
        """,
    )
    detector = calorimeter(path)
    assert detector.layers[0].grid == PolarGrid((0.0, 2.0, 3.0), 3)
    assert (detector.layers[0].sampling_fraction, detector.layers[1].sampling_fraction) == (0.1, 1.0)
    assert detector.layers[1].grid is None
    assert detector.depths.tolist() == [[1, 4]]


def test_other_families_are_read_too(tmp_path: Path) -> None:
    array = write(
        tmp_path,
        """
        kind = "surface-array"
        name = "four"
        layout = {n = 2, spacing = 100, height = 5, layout = "cartesian"}
        n_bins = 3
        bin_width = 10
        """,
    )
    detector = load(str(array))
    assert isinstance(detector, SurfaceArray)
    assert detector.stations.tolist() == [[-50, -50, 5], [-50, 50, 5], [50, -50, 5], [50, 50, 5]]
    flux = write(tmp_path, 'kind = "phase-space"\nname = "flux"\ncolumns = [{name = "pz", unit = "MeV", low = 0}]')
    assert isinstance(load(str(flux)), PhaseSpace)


HEAD = 'name = "own"\n'
LAYER = '[[layers]]\nid = 0\ngrid = {kind = "polar", r_edges = [0, 1], n_alpha = 2}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        (HEAD + "treshold = 1\n" + LAYER, "treshold: unknown key; did you mean 'threshold'"),
        (HEAD + LAYER.replace("n_alpha", "n_alhpa"), "n_alhpa: unknown key; did you mean 'n_alpha'"),
        (HEAD + LAYER + "sampling_fracton = 1\n", "did you mean 'sampling_fraction'"),
        (HEAD + LAYER.replace("polar", "polr"), "'polar', 'cartesian'"),
        (HEAD + LAYER + '[[stack]]\nplate = [["G4_Pb", 1]]\n', "plate: unknown key; did you mean 'plates'"),
        (HEAD + LAYER + "[[stack]]\nrepeat = 2\n", "stack: 'plates' is missing"),
        (HEAD + LAYER + '[[stack]]\nplates = [["G4_Pb", 1, "activ"]]\n', "activ"),
        (HEAD + LAYER + '[[stack]]\nlayer = 4\nplates = [["G4_Pb", 1]]\n', "belongs to layer 4"),
        (HEAD + LAYER + '[[stack]]\nplates = [["G4_Pb"]]\n', "plate"),
        (HEAD + LAYER.replace("[0, 1]", "[1, 0]"), "1 is followed by 0"),
        (HEAD + LAYER.replace("[0, 1]", "[0, 1_000, 'x']").replace("'", '"'), "valid number"),
        (HEAD, "layers"),
        (HEAD + "layers = [1]\n", "layers"),
        (HEAD + 'xml = "none.xml"\n', r"no file .*none\.xml"),
        ('kind = "calorimetre"\n' + HEAD + LAYER, "did you mean 'calorimeter'"),
        ('kind = "surface-array"\n' + HEAD + "layout = {m = 2}\n", r"layout\.m: unknown key"),
        ('kind = "surface-array"\n' + HEAD + "layuot = {n = 2}\n", "did you mean 'layout'"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message) as caught:
        read_toml(write(tmp_path, text))
    assert "own.toml" in str(caught.value)


def test_settings_of_a_layer_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rings.xml").write_text(
        '<Bins><Bin pid="22" name="photon"><Layer id="4" r_edges="0,2" n_bin_alpha="3"/></Bin></Bins>'
    )
    path = write(
        tmp_path, 'name = "x"\nxml = "rings.xml"\n[[layer_settings]]\npositions = [1]\nsampling_fraction = 1\n'
    )
    with pytest.raises(DetectorError, match=r"position 1.*1 layers"):
        read_toml(path)


def test_load_takes_names_and_files(tmp_path: Path) -> None:
    assert load("calogan") is catalog.get("calogan")
    with pytest.raises(UnknownName, match="calogan"):
        load("calogann")
    with pytest.raises(DetectorError, match=r"no file .*nothing\.toml"):
        load(str(tmp_path / "nothing.toml"))
