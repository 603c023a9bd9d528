"""A small model that has learned nothing but says something, and its exported file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from moliere.cli import main
from moliere.deploy.parity import Parity
from moliere.events import Events
from moliere.models import Batch, BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig, save_bundle


@pytest.fixture(scope="session")
def small_bundle(polar_events: Events) -> Bundle:
    """A flow of two angles of incidence, a few weights wide."""
    sizes = {"slabs": 2, "width": 16, "global_width": 16, "blocks": 1, "layer_width": 16, "layer_blocks": 1, "knots": 4}
    config = CalorimeterFlowConfig.from_table({"solver": "euler", "layer_steps": 2, "steps": 1, **sizes})
    torch.manual_seed(0)
    model = CalorimeterFlow(config, BuildContext(polar_events.detector, ("energy", "eta"), (22,)))
    energy = torch.tensor(polar_events.energy)
    condition = torch.stack([energy, torch.linspace(0.2, 0.3, len(energy), dtype=torch.float64)], dim=1)
    model.fit_transforms(Batch(condition, torch.tensor(polar_events.signals)))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)
    validity = {"energy": (256.0, 2048.0), "eta": (0.2, 0.3)}
    return Bundle("small", model.eval(), validity=validity, provenance={"fixed_columns": {"pdg_id": 22.0}})


@pytest.fixture(scope="session")
def small_file(small_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's file."""
    path = tmp_path_factory.mktemp("bundle") / "small.bundle"
    save_bundle(small_bundle, path)
    return path


@pytest.fixture(scope="session")
def exported(small_bundle: Bundle, small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported file."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    from moliere.deploy.onnx import export

    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export(small_bundle, path, source=small_file, events=300)
    return path


@pytest.fixture(scope="session")
def fixed(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for five events a call, exported on the command line."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("onnx") / "fixed.onnx"
    options = ("--batch", "5", "--events", "50", "--threads", "1")
    assert main(["export", str(small_file), "-o", str(path), *options]) == 0
    return path


@pytest.fixture(scope="session")
def in_c(small_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Parity]:
    """The folder of the same in C, and how well it agrees with torch."""
    pytest.importorskip("onnxscript")
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    from moliere.deploy.c.export import export

    folder = tmp_path_factory.mktemp("c") / "small"
    parity = export(small_bundle, folder, events=300)
    assert parity is not None
    return folder, parity
