from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import (
    Calorimeter,
    CartesianGrid,
    PhaseSpace,
    PolarGrid,
    SurfaceArray,
    catalog,
    from_spec,
    load,
    toml,
)
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


CELLS = """
name = "toy"
[[layers]]
id = 0
repeat = 2
grid = {kind = "cartesian", x_edges = {start = -50, stop = 50, bins = 10}, y_edges = [-50, 0, 50]}
"""
STACK = """
[[stack]]
advance = true
layer = 0
repeat = 2
plates = [["G4_Pb", 1.5], ["G4_lAr", 4.2, "active"]]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', "active"', "", "no active plate of the stack belongs to layer 0.*mark what is read out"),
        ("repeat = 2\nplates", "plates", "no active plate of the stack belongs to layer 1.*layer = 1"),
        ("layer = 0\n", "", "an active plate of G4_lAr belongs to no layer"),
        ("1.5", "nan", "a G4_Pb plate is nan mm thick"),
        ("1.5", "inf", "a G4_Pb plate is inf mm thick"),
    ],
)
def test_a_stack_that_would_leave_no_signal_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert len(calorimeter(write(tmp_path, CELLS + STACK)).stack) == 4
    with pytest.raises(DetectorError, match=message):
        read_toml(write(tmp_path, CELLS + STACK.replace(old, new)))


@pytest.mark.parametrize(
    ("word", "meant"), [("Tungsten", "G4_W"), ("Lead", "G4_Pb"), ("liquid argon", "G4_lAr"), ("G4_Tungsten", "G4_W")]
)
def test_a_material_that_drops_the_radiation_lengths_is_named(tmp_path: Path, word: str, meant: str) -> None:
    text = calorimeter(write(tmp_path, CELLS + STACK.replace("G4_Pb", word))).describe()
    assert f"unknown material {word!r}; did you mean {meant!r}?" in text
    assert "X0" in calorimeter(write(tmp_path, CELLS + STACK.replace("G4_Pb", meant))).describe()


@pytest.mark.parametrize(
    "text",
    [
        'kind = ["a"]\nname = "t"',
        'kind = {a = 1}\nname = "t"',
        CELLS.replace("bins = 10", "bins = inf"),
        CELLS.replace("bins = 10", "bins = nan"),
        CELLS.replace("bins = 10", 'bins = "ten"'),
        CELLS.replace("bins = 10", "bins = 1000000000"),
        CELLS.replace("start = -50", 'start = "left"'),
        CELLS.replace("repeat = 2", "repeat = 1000000000"),
        CELLS.replace("repeat = 2", 'repeat = "many"'),
        CELLS.replace("id = 0", 'id = "first"'),
        CELLS.replace("id = 0", "id = 0\nsampling_fraction = 0"),
        CELLS.replace("id = 0", "id = 0\nz = [3, 1]"),
        'name = "t"\nlayers = 3',
        'name = "t"\nlayers = {a = 1}',
        'name = "t"\nxml = 3',
        'name = "t"\nlayout = 7\nkind = "surface-array"',
        (
            'name = "t"\nkind = "surface-array"\nn_bins = 8\nbin_width = 25\n'
            'layout = {n = 100000000, spacing = 1.0, height = 0.0, layout = "cartesian"}'
        ),
        (
            'name = "t"\nkind = "surface-array"\nn_bins = 8\nbin_width = 25\n'
            'layout = {n = 2, spacing = 1.0, height = 0.0, layout = "round"}'
        ),
        'name = "t"\nkind = "surface-array"\npositions = [[0, 0, nan]]\nn_bins = 8\nbin_width = 25',
        'name = "t"\nkind = "surface-array"\npositions = [[0, 0, 0]]\nn_bins = 1000000000\nbin_width = 25',
        'name = "t"\nkind = "phase-space"\ncolumns = "x"',
        'name = "t"\n[[layers]]\ngrid = {kind = "polar", r_edges = [0, 1], n_alpha = 1000000000}\nid = 0',
        'name = "t"\n[[stack]]\nplates = 3',
        "a = " + "[" * 5000,
        ".".join(["a"] * 5000) + " = 1",
    ],
)
def test_values_of_a_wrong_type_or_an_absurd_size_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DetectorError):
        read_toml(write(tmp_path, text))


@pytest.mark.parametrize("spec", [3, None, "x", [], {"kind": ["a"]}, {"kind": None}, {1: 2}, {"kind": "calorimeter"}])
def test_a_description_of_a_wrong_type_is_refused(spec: Any) -> None:
    with pytest.raises(DetectorError):
        from_spec(spec)


def test_a_folder_is_no_detector(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(DetectorError, match="cannot be read"):
        read_toml(tmp_path / "folder.toml")
