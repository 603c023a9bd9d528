"""What consumers feed, as they feed it: read from their sources, with onnxruntime in between as they have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.detectors import Calorimeter, Layer, PolarGrid, read_binning
from moliere.errors import BundleError, ExportError
from moliere.models import Batch, BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from moliere.deploy.card import read_card  # noqa: E402
from moliere.deploy.onnx import export  # noqa: E402
from moliere.deploy.runtime import Runtime  # noqa: E402
from moliere.deploy.targets import FastCaloSim, Par04  # noqa: E402

TINY = {
    "slabs": 2,
    "width": 16,
    "global_width": 16,
    "blocks": 1,
    "layer_width": 16,
    "layer_blocks": 1,
    "knots": 4,
    "solver": "euler",
    "layer_steps": 1,
    "steps": 1,
}


def flow(detector: Calorimeter, columns: tuple[str, ...], validity: dict[str, tuple[float, float]]) -> Bundle:
    """A flow that says something, without training: of showers of a few lit cells a layer."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    config = CalorimeterFlowConfig.from_table(TINY)
    model = CalorimeterFlow(config, BuildContext(detector, columns, (22,)))
    condition = np.stack([rng.uniform(*validity.get(name, (1e3, 2e3)), 200) for name in columns], axis=1)
    signals = rng.gamma(0.4, 50.0, (200, detector.n_channels)) * (rng.random((200, detector.n_channels)) < 0.6)
    model.fit_transforms(Batch(torch.tensor(condition), torch.tensor(signals).float()))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return Bundle("tiny", model.eval(), validity=validity)


@pytest.fixture(scope="module")
def fastcalosim(small_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fastcalosim") / "photons.onnx"
    export(small_bundle, path, target="fastcalosim", events=20)
    return path


def test_fastcalosim_feeds_four_inputs_and_reads_voxels_by_number(small_bundle: Bundle, fastcalosim: Path) -> None:
    """The loop of TFCSMLCalorimeterSimulator::getEvent, in Python."""
    session = onnxruntime.InferenceSession(str(fastcalosim), providers=["CPUExecutionProvider"])
    assert {(port.name, port.type) for port in session.get_inputs()} == {
        (name, "tensor(float)") for name in ("inn_eta_in", "inn_einc_in", "cfm_z_shape", "inn_z_energy")
    }
    assert {dim for port in (*session.get_inputs(), *session.get_outputs()) for dim in port.shape} == {1, 6, 24}

    settings = read_card(fastcalosim, session.get_modelmeta().custom_metadata_map).more
    engine, eta, energy = np.random.default_rng(0), -0.25, 1000.0
    fed = {
        "cfm_z_shape": engine.normal(size=(1, settings["nVoxels"])).astype(np.float32),
        "inn_z_energy": engine.normal(size=(1, settings["nLayers"])).astype(np.float32),
        "inn_eta_in": np.full((1, 1), abs(eta) * 10, np.float32),
        "inn_einc_in": np.full((1, 1), energy, np.float32),
    }
    voxels = session.run(None, fed)[0].ravel()
    latent = torch.from_numpy(np.concatenate([fed["inn_z_energy"], fed["cfm_z_shape"]], axis=1))
    with torch.no_grad():
        expected = small_bundle.model.decode(latent, torch.tensor([[energy, 0.25]]).double())[0]  # type: ignore[operator]
    np.testing.assert_allclose(voxels, expected.numpy(), rtol=1e-5, atol=1e-5)

    assert settings["layer_boundaries"] == [0, 4, 16, 24]
    assert settings["used_layers"] == [0, 1, 2]
    cells = read_binning(fastcalosim.with_suffix(".binning.h5"))
    assert isinstance(small_bundle.detector, Calorimeter)
    np.testing.assert_allclose(cells.r, small_bundle.detector.r, rtol=1e-6)
    np.testing.assert_allclose(cells.alpha, small_bundle.detector.alpha, rtol=1e-6)


def test_par04_feeds_one_row_and_reads_r_phi_z(tmp_path: Path) -> None:
    """The loops of Par04InferenceSetup, in Python: every deposit lands in the cell of the model that it came from."""
    grid = PolarGrid((0.0, 5.0, 15.0, 40.0), 4)
    detector = Calorimeter("mesh", tuple(Layer(k, grid, z=(10.0 * k, 10.0 * k + 10)) for k in range(2)), threshold=0.1)
    bundle = flow(detector, ("theta", "energy"), {"energy": (1e3, 5e5), "theta": (0.9, 1.6)})
    export(bundle, tmp_path / "par04.onnx", target="par04", events=20)
    session = onnxruntime.InferenceSession(str(tmp_path / "par04.onnx"), providers=["CPUExecutionProvider"])
    settings = read_card(tmp_path / "par04.onnx", session.get_modelmeta().custom_metadata_map).more
    (port,) = session.get_inputs()
    assert port.shape == [1, settings["sizeLatentVector"] + settings["sizeConditionVector"]]

    engine, energy, angle = np.random.default_rng(0), 2e4, 70.0
    latent = engine.normal(size=settings["sizeLatentVector"])
    row = [*latent, energy / settings["maxEnergy"], angle / settings["maxAngle"], 0, 1]
    deposits = session.run(None, {port.name: np.array([row], np.float32)})[0].ravel() * energy

    condition = torch.tensor([[np.radians(angle), energy]])
    with torch.no_grad():
        expected = bundle.model.decode(torch.tensor(latent[None]).float(), condition)[0].numpy()  # type: ignore[operator]
    n_r, n_phi, n_z = settings["mesh"]
    assert (n_r, n_phi, n_z) == (3, 4, 2)
    channel = {
        (round(r, 3), round(alpha, 3), z): k
        for k, (r, alpha, z) in enumerate(zip(detector.r, detector.alpha, detector.layer_of_channel, strict=True))
    }
    middles = grid.r[:n_r]
    cell = 0
    for r in range(n_r):
        for phi in range(n_phi):
            for z in range(n_z):
                alpha = (phi + 0.5) * 2 * np.pi / n_phi - np.pi
                here = channel[round(float(middles[r]), 3), round(alpha, 3), z]
                assert deposits[cell] == pytest.approx(expected[here], rel=2e-5, abs=1e-4)
                cell += 1
    assert (deposits > 0).any()


def test_what_a_consumer_cannot_give_is_refused(polar: Calorimeter) -> None:
    told = flow(polar, ("energy", "phi"), {})
    with pytest.raises(ExportError, match="conditioned on phi, which fastcalosim does not give"):
        FastCaloSim(told)
    with pytest.raises(ExportError, match="same rings and sectors"):
        Par04(flow(polar, ("energy",), {}))


def test_the_runtime_runs_no_file_of_another_consumer(fastcalosim: Path) -> None:
    with pytest.raises(BundleError, match="arranged for fastcalosim"):
        Runtime(fastcalosim)
