"""What a notebook shows: the text of the terminal and a small picture."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import moliere
from moliere import samples
from moliere.detectors import catalog
from moliere.evaluation import evaluate
from moliere.events import Events
from moliere.events.formats import write_events
from moliere.models import load_bundle
from moliere.notebook import Shown
from moliere.weights import find_bundle


def picture_in(thing: Any) -> bytes:
    html = thing._repr_html_()
    assert repr(thing).replace(">", "&gt;") in html
    (image,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return base64.b64decode(image)


def air_shower() -> Events:
    array = catalog.get("airshower-9x9")
    signals = np.random.default_rng(0).exponential(5, (2, array.n_channels)).astype(np.float32)
    return Events(array, {"energy": np.full(2, 1e13)}, signals)


@pytest.mark.parametrize("name", ["calogan", "calochallenge-2", "airshower-9x9", "ship-muons"])
def test_detectors_have_a_picture_and_a_short_text(name: str) -> None:
    detector = catalog.get(name)
    assert len(repr(detector)) < 200
    assert name in repr(detector)
    assert picture_in(detector).startswith(b"\x89PNG")


def test_events_show_a_shower(tmp_path: Path) -> None:
    mini = samples.open("photons-mini")
    write_events(tmp_path / "mini.h5", mini[:10])
    assert picture_in(mini[:10]) == picture_in(mini[:3])  # the first shower
    assert picture_in(mini[:10]) != picture_in(mini[1:3])
    assert len(picture_in(moliere.open(tmp_path / "mini.h5"))) > 5_000
    assert picture_in(air_shower()) != picture_in(air_shower().detector)


def test_no_events_and_dark_ones_show_the_detector() -> None:
    mini = samples.open("photons-mini")
    dark = Events(mini.detector, {"energy": np.ones(1) * 1e3}, np.zeros((1, 368), np.float32))
    assert picture_in(mini[:0]) == picture_in(dark) == picture_in(mini.detector)


def test_bundles_and_reports_have_a_picture_and_a_short_text() -> None:
    bundle = load_bundle(find_bundle("photons"))
    assert repr(bundle) == repr(moliere.load("photons"))
    assert picture_in(bundle) == picture_in(bundle.detector)
    mini = samples.open("photons-mini")
    report = evaluate(mini[:60], mini[60:120], classifier_seeds=0, threads=1)
    assert len(repr(report)) < 200
    assert report.verdict in repr(report)
    assert len(picture_in(report)) > 5_000


def test_a_thing_that_nobody_draws_shows_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from moliere import notebook

    monkeypatch.setattr(notebook, "_found", [])
    assert Shown()._repr_html_() is None


def test_who_draws_is_known_without_the_front_door_and_imported_when_asked() -> None:
    code = (
        "import sys\nfrom moliere.detectors import catalog\ndetector = catalog.get('calogan')\n"
        "assert 'matplotlib' not in sys.modules\nassert '<img' in detector._repr_html_()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
