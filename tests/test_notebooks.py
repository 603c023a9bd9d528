"""The notebooks run from the first cell to the last, on few showers, and are kept without what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[1]
_DATA = _ROOT / "tests" / "data" / "geant4"
#: what stands in a notebook's first code cell → what stands there to be quick
QUICK: dict[str, dict[str, Any]] = {
    "shower-shapes": {"EVENTS": str(_DATA / "eplus.h5"), "GENERATED": 100},
    "comparing-samples": {
        "REFERENCE": str(_DATA / "eplus.h5"),
        "OTHERS": {"simulated photons": str(_DATA / "gamma.h5")},
    },
    "telling-particles-apart": {
        "FILES": {
            name: str(_DATA / f"{file}.h5") for name, file in (("e+", "eplus"), ("gamma", "gamma"), ("pi+", "piplus"))
        },
        "ITERATIONS": 2,
        "SETTINGS": [
            "model.width=8",
            "model.global_width=16",
            "model.blocks=1",
            "model.layer_width=16",
            "training.batch_size=16",
            "training.validations=1",
            "training.threads=1",
        ],
    },
}


def read(name: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads((_ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))[
        "cells"
    ]
    return cells


def run(name: str) -> dict[str, Any]:
    """What a notebook's names hold at its end."""
    names: dict[str, Any] = {}
    for cell in read(name):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}: {cell['id']}", "exec"), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                assert QUICK[name].keys() <= names.keys()
                names |= QUICK[name]
    return names


@pytest.fixture(autouse=True)
def _beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    with plt.style.context("default"), plt.rc_context({"backend": "Agg", "figure.dpi": 20}):
        yield
    plt.close("all")


def test_every_notebook_is_run_here() -> None:
    assert {path.stem for path in (_ROOT / "notebooks").glob("*.ipynb")} == set(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_notebooks_are_kept_without_outputs(name: str) -> None:
    for cell in read(name):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_shower_shapes() -> None:
    import matplotlib.pyplot as plt

    names = run("shower-shapes")
    assert len(names["generated"]) == 100
    assert len(plt.get_fignums()) == 4
    assert names["nearest"] == [int(distances.argmin()) for distances in names["apart"]]


def test_comparing_samples(capsys: pytest.CaptureFixture[str]) -> None:
    names = run("comparing-samples")
    mean = {name: sum(score[0] for score in found.values()) / 20 for name, found in names["scores"].items()}
    assert mean["simulated photons"] > mean["positrons"]
    said = capsys.readouterr().out
    assert "sigma_sd" in said
    assert "separation power, worst: 0." in said
    assert names["report"].metric("separation-worst").value is not None


def test_telling_particles_apart(capsys: pytest.CaptureFixture[str]) -> None:
    names = run("telling-particles-apart")
    assert set(names["table"]) == {("e+", "gamma"), ("e+", "pi+"), ("gamma", "pi+")}
    known = next(row for row in names["table"]["e+", "pi+"] if row.trained_on == row.tested_on == "simulated")
    assert known.auc > 0.9
    assert "trained on generated, tested on simulated" in capsys.readouterr().out
