"""Geant4 takes its showers from torch, ONNX Runtime or C, and gets the same ones."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moliere.deploy.engines import InC, InOnnx
from moliere.errors import BundleError
from moliere.events import Events
from moliere.front import fast_showers
from moliere.front.fast import ModelShowers
from moliere.models import Batch, BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig
from moliere.simulators.geant4 import FastCalorimeter, Tracks

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

N = 12
STRAIGHT = (0.0, 0.0, 1.0)


def tracks(n: int) -> Tracks:
    key = np.stack([np.full(n, 7), np.arange(n) // 4, np.arange(n)], axis=1)
    return Tracks(np.full(n, 22), np.geomspace(256, 2048, n), np.zeros((n, 2)), np.tile(STRAIGHT, (n, 1)), key)


@pytest.fixture(scope="module")
def bundle(small_bundle: Bundle, polar_events: Events) -> Bundle:
    """The small flow without the angle, which no track says of itself."""
    torch.manual_seed(1)
    config = small_bundle.model.config
    assert isinstance(config, CalorimeterFlowConfig)
    model = CalorimeterFlow(config, BuildContext(polar_events.detector, ("energy",), (22,)))
    energy = torch.tensor(polar_events.energy)[:, None]
    model.fit_transforms(Batch(energy, torch.tensor(polar_events.signals)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return Bundle(
        "small", model.eval(), validity={"energy": (256.0, 2048.0)}, provenance={"fixed_columns": {"pdg_id": 22.0}}
    )


@pytest.fixture(scope="module")
def path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from moliere.deploy.onnx import export

    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export(bundle, path, events=20)
    return path


@pytest.fixture(scope="module")
def by_all(bundle: Bundle, path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelShowers]:
    found = {"torch": fast_showers(bundle), "onnx": fast_showers(path)}
    if shutil.which("gcc"):
        from moliere.deploy.c.export import export

        folder = tmp_path_factory.mktemp("c")
        export(bundle, folder / "c", events=20)
        found["c"] = fast_showers(bundle, engine=InC(folder / "c"))
    return found


def test_all_make_the_same_showers(by_all: dict[str, ModelShowers]) -> None:
    expected = by_all["torch"].make(tracks(N))
    assert expected.sum() > 0
    for showers in by_all.values():
        # in an untrained flow some cells lie just over the bar, where a logarithm enlarges rounding
        np.testing.assert_allclose(showers.make(tracks(N)), expected, rtol=5e-5, atol=1e-5)


def test_an_exported_file_guards_as_its_bundle_does(by_all: dict[str, ModelShowers]) -> None:
    assert by_all["onnx"].knows == by_all["torch"].knows == "gamma of 256 MeV – 2.05 GeV, within 1° of straight in"
    slanted = (0.1, 0.0, np.sqrt(0.99))
    for showers in by_all.values():
        offers = ((22, 1e3, STRAIGHT), (11, 1e3, STRAIGHT), (22, 3e3, STRAIGHT), (22, 1e3, slanted))
        assert [showers.refuses(*offer) for offer in offers] == [None, "particle", "energy", "direction"]
        assert showers.refuses(22, float("nan"), STRAIGHT) == "energy"


def test_showers_travel_to_another_process_and_are_told_apart(by_all: dict[str, ModelShowers]) -> None:
    for showers in by_all.values():
        again = pickle.loads(pickle.dumps(showers))
        assert repr(again) == repr(showers)
        np.testing.assert_array_equal(again.make(tracks(2)), showers.make(tracks(2)))
    assert len({repr(showers) for showers in by_all.values()}) == len(by_all)


def test_events_with_no_track_at_all_need_no_engine(by_all: dict[str, ModelShowers]) -> None:
    for showers in by_all.values():
        calorimeter = FastCalorimeter(showers, 100.0)
        calorimeter.offer(22, 1e3, (0.0, 0.0, 0.0), STRAIGHT, 1)
        calorimeter.end_event(0)
        calorimeter.end_event(1)
        signals, _ = calorimeter.make().in_cells()
        assert signals[0].sum() > 0
        assert signals[1].sum() == 0
        assert len(calorimeter.make()) == 0


def test_a_changed_file_is_refused(path: Path, tmp_path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    changed = tmp_path / "changed.onnx"
    changed.write_bytes(content)
    with pytest.raises(BundleError):
        fast_showers(changed)
    with pytest.raises(BundleError, match=r"missing\.onnx"):
        fast_showers(tmp_path / "missing.onnx")


@dataclass(frozen=True)
class Narrow:
    """An engine of a detector with three channels."""

    columns: tuple[str, ...] = ("energy",)

    def __call__(self, condition: NDArray[np.float64], key: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.ones((len(key), 3), np.float32)


def test_an_engine_of_another_model_is_refused(bundle: Bundle, exported: Path) -> None:
    with pytest.raises(BundleError, match="the engine takes energy and eta, but bundle 'small' is conditioned on ener"):
        fast_showers(bundle, engine=InOnnx(exported))
    with pytest.raises(BundleError, match="the engine makes 3 channels, but"):
        fast_showers(bundle, engine=Narrow()).make(tracks(2))
    with pytest.raises(BundleError, match="conditioned on energy and eta, and a track does not say its eta"):
        fast_showers(exported)
    with pytest.raises(BundleError, match="does not say which particles"):
        fast_showers(replace(bundle, provenance={}))
