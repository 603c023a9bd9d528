"""Slices whose layers agree become one sample that tells eta; others are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moliere.detectors import Calorimeter, catalog
from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.events.join import eta_of, join_slices

Slice = Callable[[str], Events]


@pytest.fixture(scope="module")
def simulated() -> Slice:
    """A few showers of a stand-in."""
    from moliere.simulators import build_simulator

    def make(name: str) -> Events:
        energy = np.array([1e3, 5e4, 2e5])
        return build_simulator("gflash", catalog.get(name), {}).simulate({"energy": energy}, np.random.default_rng(1))

    return make


def test_agreeing_slices_are_joined(simulated: Slice) -> None:
    one, two = simulated("atlas-like-eta-020"), simulated("atlas-like-eta-040")
    joined = Events.concatenate(list(join_slices([(0.2, one), (0.4, two)])))
    assert joined.detector == one.detector
    assert joined.incident["eta"].tolist() == [0.2] * 3 + [0.4] * 3
    assert np.array_equal(joined.signals[3:], two.signals)


def test_a_steeper_slice_has_more_material_in_front(simulated: Slice) -> None:
    """Of the same showers' energy, less reaches behind the middle of the calorimeter."""
    mean = {}
    for eta in ("020", "040"):
        events = simulated(f"atlas-like-eta-{eta}")
        assert isinstance(events.detector, Calorimeter)
        layers = events.detector.layer_energies(events.signals)[-1]
        mean[eta] = float((layers * np.arange(len(layers))).sum() / layers.sum())
    assert mean["040"] < mean["020"]


def test_slices_of_other_layers_are_refused(simulated: Slice) -> None:
    slices = [(0.2, simulated("atlas-like-eta-020")), (0.0, simulated("atlas-like-eta-000"))]
    with pytest.raises(InvalidEvents, match=r"eta 0 \(atlas-like-eta-000\) has layers \[0, 1, 2, 3, 12\], not"):
        list(join_slices(slices))


def test_slices_of_other_cells_are_refused(polar_events: Events, simulated: Slice) -> None:
    one = simulated("atlas-like-eta-020")
    cells = catalog.get("atlas-eta-020")
    other = Events(cells, dict(one.incident), one.signals)
    with pytest.raises(InvalidEvents, match="the same layers in other cells"):
        list(join_slices([(0.2, one), (0.25, other)]))


def test_eta_is_in_the_name_of_the_file_or_the_detector(polar_events: Events, simulated: Slice) -> None:
    assert eta_of("runs/dataset_eta_055_positive.h5", polar_events) == 0.55
    assert eta_of("any.h5", simulated("atlas-like-eta-040")) == 0.4
    with pytest.raises(InvalidEvents, match="name the file like eta-020"):
        eta_of("any.h5", polar_events)


def test_from_simulation_to_generated_slices(tmp_path: Path, capsys: Any) -> None:
    """The commands of the recipe, small."""
    from moliere.cli import main

    for eta in ("020", "040"):
        simulate = ["simulate", "gflash", "--detector", f"atlas-like-eta-{eta}", "--energy", "64GeV:512GeV"]
        assert main([*simulate, "--spectrum", "powers-of-2", "-n", "60", "-o", str(tmp_path / f"eta-{eta}.h5")]) == 0
    files = [str(tmp_path / f"eta-{eta}.h5") for eta in ("020", "040")]
    slices, made = str(tmp_path / "slices.h5"), str(tmp_path / "made.h5")
    assert main(["prepare", "slices", *files, "-o", slices]) == 0
    assert "120 events of eta 0.2, 0.4 in atlas-like-eta-020" in capsys.readouterr().out
    small = ["data.events=" + slices, "model.channels=[4, 8]", "model.levels=[4, 4, 4]", "training.batch_size=8"]
    small += ["training.stage=[{iterations = 2}, {iterations = 1, objectives = ['prior']}]", "training.threads=1"]
    settings = [word for text in small for word in ("--set", text)]
    assert main(["train", "atlas-hvae", *settings, "-o", str(tmp_path / "run")]) == 0
    bundle = str(tmp_path / "run" / "atlas-hvae.bundle")
    assert main(["generate", bundle, "--like", slices, "-o", made]) == 0
