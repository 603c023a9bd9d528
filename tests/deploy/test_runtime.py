"""Exported models without torch: the guard, latents from names, and files that are not what was exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.detectors import SurfaceArray
from moliere.detectors.surface_array import station_positions
from moliere.errors import BundleError, ConfigError, InvalidEvents, InvalidQuantity, UnsupportedIncident
from moliere.models import BuildContext, Bundle, TraceRefinerConfig, TraceRefinerGAN

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from moliere.deploy.card import CARD, sign
from moliere.deploy.graph import made_up_signals
from moliere.deploy.philox import draw
from moliere.deploy.runtime import Runtime

ENERGY, ETA = np.geomspace(256.0, 2048.0, 12), np.linspace(0.2, 0.3, 12)


@pytest.fixture
def runtime(exported: Path) -> Runtime:
    return Runtime(exported)


def test_torch_is_not_imported(exported: Path) -> None:
    code = (
        "import sys; from moliere.deploy.runtime import Runtime\n"
        f"made = Runtime({str(exported)!r}).generate(energy=[300.0, 400.0], eta=0.25, run=1, event=2)\n"
        "print(made.shape, sorted({'torch', 'scipy', 'onnx', 'h5py', 'pydantic'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(2, 24) []"


def test_it_makes_what_torch_makes_of_the_same_names(runtime: Runtime, small_bundle: Bundle) -> None:
    made = runtime.generate(energy=ENERGY, eta=ETA, run=3, event=14, track=np.arange(12) + 100)
    latent = draw(runtime.card.latent, 3, 14, np.arange(12) + 100)
    condition = torch.from_numpy(np.stack([ENERGY, ETA], axis=1))
    with torch.no_grad():
        expected = small_bundle.model.decode(torch.from_numpy(latent), condition).numpy()  # type: ignore[operator]
    # in an untrained flow some cells lie just over the bar, where a logarithm enlarges rounding
    np.testing.assert_allclose(made, expected, rtol=5e-5, atol=1e-5)
    assert made.dtype == np.float32


def test_a_shower_alone_in_any_order_and_batch_is_the_same(runtime: Runtime) -> None:
    together = runtime.generate(energy=ENERGY, eta=ETA, run=1, event=np.arange(12) // 4, track=np.arange(12) % 4)
    order = np.random.default_rng(0).permutation(12)
    mixed = runtime.generate(energy=ENERGY[order], eta=ETA[order], run=1, event=order // 4, track=order % 4)
    np.testing.assert_allclose(mixed, together[order], rtol=1e-5, atol=1e-5)
    alone = runtime.generate(energy=float(ENERGY[7]), eta=float(ETA[7]), run=1, event=1, track=3)
    np.testing.assert_allclose(alone, together[7:8], rtol=1e-5, atol=1e-5)
    other = runtime.generate(energy=float(ENERGY[7]), eta=float(ETA[7]), run=2, event=1, track=3)
    assert not np.allclose(alone, other)


def test_a_fixed_batch_makes_the_same(runtime: Runtime, fixed: Path) -> None:
    five = Runtime(fixed)
    for n in (0, 1, 5, 12):
        names = {"energy": ENERGY[:n], "eta": ETA[:n], "run": 1}
        np.testing.assert_allclose(five.generate(**names), runtime.generate(**names), rtol=1e-5, atol=1e-5)


def test_threads_that_no_machine_has(exported: Path) -> None:
    for threads in (-1, 100_000):
        with pytest.raises(ConfigError, match=f"{threads} CPU threads; expected 0 to"):
            Runtime(exported, threads=threads)
    assert Runtime(exported, threads=0).generate(energy=300.0, eta=0.25).shape == (1, 24)


def test_an_event_of_no_showers(runtime: Runtime) -> None:
    assert runtime.generate(energy=[], eta=[]).shape == (0, 24)


def test_outside_the_range_the_caller_chooses(runtime: Runtime) -> None:
    energy = [256.0, 100.0, 2048.0, 3000.0]
    with pytest.raises(UnsupportedIncident, match=r"covers energy 256 MeV – 2\.05 GeV, got 100 MeV \(2 of 4"):
        runtime.generate(energy=energy, eta=0.25)
    assert runtime.covers(energy=energy, eta=0.25).tolist() == [True, False, True, False]
    clipped = runtime.generate(energy=energy, eta=0.25, outside="clip")
    ends = runtime.generate(energy=[256.0, 256.0, 2048.0, 2048.0], eta=0.25)
    np.testing.assert_allclose(clipped, ends, rtol=1e-5, atol=1e-5)
    further = runtime.generate(energy=energy, eta=0.25, outside="extrapolate")
    assert not np.allclose(further[3], ends[3])
    with pytest.raises(UnsupportedIncident, match="got energy -5 MeV, from which nothing can be extrapolated"):
        runtime.generate(energy=[-5.0], eta=0.25, outside="extrapolate")
    with pytest.raises(InvalidQuantity, match="outside='clp'; did you mean 'clip'"):
        runtime.generate(energy=energy, eta=0.25, outside="clp")  # type: ignore[arg-type]
    assert str(runtime.tally) == "12 events made; 8 outside the range, 2 of them clipped"


def test_rounded_ends_are_inside(runtime: Runtime) -> None:
    assert runtime.covers(energy=[255.999, 2048.01, 255.9], eta=0.2).tolist() == [True, True, False]


def test_another_particle_is_refused(runtime: Runtime) -> None:
    assert runtime.covers(energy=300.0, eta=0.25, pdg_id=[22, 11]).tolist() == [True, False]
    for outside in ("refuse", "clip"):
        with pytest.raises(UnsupportedIncident, match=r"knows .*22"):
            runtime.generate(energy=300.0, eta=0.25, pdg_id=11, outside=outside)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedIncident, match="conditioned on energy and eta"):
        runtime.generate(energy=300.0, eta=0.25, phi=0.3)


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        ({"energy": 300.0}, "needs eta"),
        ({"energy": [300.0, float("nan")], "eta": 0.25}, "energy holds values that are not finite"),
        ({"energy": float("inf"), "eta": 0.25}, "not finite"),
        ({"energy": [300.0, 400.0], "eta": [0.2, 0.2, 0.2]}, r"lengths \[2, 3\]"),
        ({"energy": [300.0, 400.0], "eta": 0.25, "track": [1, 2, 3]}, r"lengths \[2, 3\]"),
        ({"energy": [[300.0]], "eta": 0.25}, "one length"),
        ({"energy": "5 GeV", "eta": 0.25}, "energy is '5 GeV'; expected numbers in MeV"),
        ({"energy": 300.0, "eta": 0.25, "latent": np.zeros((1, 5))}, r"takes a latent \(n, \d+\) of finite .*\(1, 5\)"),
        ({"energy": 300.0, "eta": 0.25, "latent": np.full((1, 7), np.nan)}, "of finite numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(runtime: Runtime, incident: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidEvents, match=words):
        runtime.generate(**incident)  # type: ignore[arg-type]


def test_a_refiner_draws_the_noise_of_run_and_event(tmp_path: Path) -> None:
    from moliere.deploy.onnx import export

    array = SurfaceArray("line", station_positions(3, 1500e3, 0.0, "cartesian"), 20, 25.0)
    sizes = {"features": 4, "trace_channels": [4], "critic_features": 4, "critic_width": 8}
    torch.manual_seed(0)
    config = TraceRefinerConfig.model_validate({**sizes, "noise": 1, "context": True})
    model = TraceRefinerGAN(config, BuildContext(array, ("energy",))).eval()
    for parameter in model.refiner.parameters():
        parameter.data += 0.05
    bundle = Bundle("refiner", model, validity={"energy": (1e12, 1e14)})
    export(bundle, tmp_path / "refiner.onnx", events=50)
    runtime = Runtime(tmp_path / "refiner.onnx")
    signals = made_up_signals(bundle, 6, torch.Generator().manual_seed(0))
    energy = np.full(6, 1e13)
    latent = torch.from_numpy(draw(runtime.card.latent, 3, np.arange(6), 0))
    with torch.no_grad():
        expected = model.refine(signals, torch.from_numpy(energy)[:, None], latent).numpy()
    made = runtime.refine(signals.numpy(), run=3, energy=energy)
    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-3)
    assert not np.allclose(runtime.refine(signals.numpy(), run=4, energy=energy), made)


def test_a_generator_neither_refines_nor_reconstructs(runtime: Runtime) -> None:
    with pytest.raises(BundleError, match="generative model, not a refiner"):
        runtime.refine(np.zeros((1, 24)))
    with pytest.raises(BundleError, match="not a reconstructor"):
        runtime.reconstruct(np.zeros((1, 24)))


def test_a_changed_file_is_refused(exported: Path, tmp_path: Path) -> None:
    import onnx

    content = bytearray(exported.read_bytes())
    weight = max(onnx.load(exported).graph.initializer, key=lambda w: w.ByteSize())
    content[content.index(weight.raw_data) + 10] ^= 1
    (tmp_path / "changed.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="changed after it was exported"):
        Runtime(tmp_path / "changed.onnx")
    (tmp_path / "cut.onnx").write_bytes(exported.read_bytes()[:1000])
    with pytest.raises(BundleError):
        Runtime(tmp_path / "cut.onnx")
    with pytest.raises(BundleError, match="no file"):
        Runtime(tmp_path / "none.onnx")


def test_another_file_and_a_newer_version_are_refused(exported: Path, tmp_path: Path) -> None:
    import onnx

    proto = onnx.load(exported)
    card = next(entry for entry in proto.metadata_props if entry.key == CARD)
    table = json.loads(card.value)
    card.value = json.dumps({**table, "format_version": 2, "moliere": "9.1"})
    (tmp_path / "newer.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(BundleError, match=r"moliere 9\.1 .* upgrade"):
        Runtime(tmp_path / "newer.onnx")
    card.value = json.dumps({key: value for key, value in table.items() if key != "latent"})
    checksum = next(entry for entry in proto.metadata_props if entry.key == "moliere-sha256")
    checksum.value = "0" * 64
    (tmp_path / "less.onnx").write_bytes(sign(proto.SerializeToString()))
    with pytest.raises(BundleError, match="no 'latent'"):
        Runtime(tmp_path / "less.onnx")
    del proto.metadata_props[:]
    (tmp_path / "foreign.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(BundleError, match="without moliere's metadata"):
        Runtime(tmp_path / "foreign.onnx")
