from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from moliere.detectors import catalog
from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.errors import DetectorError, OutputExists
from moliere.report.detector_picture import draw_detector, save_picture

_STACK = (Plate("G4_Pb", 2.0), Plate("lAr", 4.0, layer=0, active=True), Plate("G4_Pb", 2.0))
_POLAR = Calorimeter(
    "wide", (Layer(0, PolarGrid((0.0, 2.0, 10.0, 2000.0), 4), name="EMB <1> & $\\co$ mm"),), stack=_STACK
)
_BOXES = Calorimeter("boxes", tuple(Layer(k, CartesianGrid((-5.0, 0.0, 5.0), (-5.0, 1.0, 5.0))) for k in range(3)))


@pytest.mark.parametrize("detector", [_POLAR, _BOXES], ids=lambda detector: detector.name)
def test_picture_is_not_empty(detector: Calorimeter, tmp_path: Path) -> None:
    from matplotlib.image import imread

    pixels = np.asarray(imread(save_picture(detector, tmp_path / "out.png")))[..., :3]
    assert pixels.shape[0] > 500
    assert 0.01 < (pixels.min(axis=-1) < 0.99).mean() < 0.9


@pytest.mark.parametrize("name", catalog.names())
def test_every_detector_of_the_catalogue_has_a_picture(name: str) -> None:
    figure = draw_detector(catalog.get(name))
    assert name in " ".join(text.get_text() for text in figure.findobj(Text))


def test_picture_as_svg_names_the_layers(tmp_path: Path) -> None:
    text = save_picture(_POLAR, tmp_path / "out.svg").read_text(encoding="utf-8")
    assert "EMB &lt;1&gt; &amp; $\\co$ mm" in text
    assert "G4_Pb" in text


def test_existing_picture_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="overwrite"):
        save_picture(_BOXES, path)
    assert path.read_text() == "mine"
    save_picture(_BOXES, path, overwrite=True)
    assert path.stat().st_size > 1000


def test_unknown_suffix_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"out\.xyz.*\.png"):
        save_picture(_BOXES, tmp_path / "out.xyz")
    assert not list(tmp_path.iterdir())
