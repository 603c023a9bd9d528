"""A bundle as C: proven against torch, and refused where it is another model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.cli import main
from moliere.errors import ExportError, OutputExists
from moliere.models import Bundle, load_bundle
from moliere.weights import find_bundle

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
if not shutil.which("gcc"):
    pytest.skip("gcc is not installed", allow_module_level=True)

from moliere.deploy.c.export import as_function, build, check, export  # noqa: E402
from moliere.deploy.c.header import header_of  # noqa: E402
from moliere.deploy.c.write import Source, translate  # noqa: E402
from moliere.deploy.graph import Generation, as_graph  # noqa: E402
from moliere.deploy.onnx import describe, to_onnx  # noqa: E402
from moliere.deploy.parity import Parity  # noqa: E402


def generation(bundle: Bundle) -> Generation:
    graph = as_graph(bundle.model, bundle)
    assert isinstance(graph, Generation)
    return graph


def test_a_bundle_becomes_two_files_that_make_its_showers(small_bundle: Bundle, in_c: tuple[Path, Parity]) -> None:
    folder, parity = in_c
    assert (parity.events, parity.largest < 1e-5) == (300, True)
    assert sorted(path.name for path in folder.iterdir()) == ["small.c", "small.h"]
    header = (folder / "small.h").read_text()
    for line in ("CHANNELS 24", "LATENT 30", 'COLUMN_NAMES {"energy", "eta"}', "PARTICLES {22}", "THRESHOLD 1.0"):
        assert f"#define SMALL_{line}\n" in header
    assert "arXiv:2210.02747" in header
    with pytest.raises(OutputExists):
        export(small_bundle, folder, events=1)


def test_the_range_has_the_slack_of_single_precision(small_bundle: Bundle) -> None:
    header = header_of(describe(generation(small_bundle)), small_bundle.detector)
    energy, eta = header.columns
    assert (energy.low, energy.high) == (256.0 - 0.0256, 2048.0 + 0.2048)
    assert eta.low is not None
    assert float(np.float32(0.2)) > eta.low


def test_c_that_makes_other_showers_is_refused(small_bundle: Bundle) -> None:
    graph = generation(small_bundle)
    header = header_of(describe(graph), small_bundle.detector)
    proto = to_onnx(graph, 1)
    weights = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    changed = onnx.numpy_helper.to_array(weights) * np.float32(1.001)
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    with pytest.raises(ExportError, match="differs from the model"):
        check(graph, translate(proto, header), 50)


def test_the_command_line_writes_c(small_file: Path, tmp_path: Path) -> None:
    command = ["export", str(small_file), "--target", "c", "-o", str(tmp_path), "--events", "20", "--threads", "1"]
    (tmp_path / "small.h").write_text("older")
    assert main(command) == 1
    assert (tmp_path / "small.h").read_text() == "older"
    assert main([*command, "--overwrite", "--weights-beside"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.bin", "small.c", "small.h"]
    assert "SMALL_CHANNELS 24" in (tmp_path / "small.h").read_text()


def test_weights_beside_belong_to_c(small_file: Path, tmp_path: Path) -> None:
    command = ["export", str(small_file), "-o", str(tmp_path / "small.onnx"), "--weights-beside"]
    assert main(command) == 1
    assert not list(tmp_path.iterdir())


def test_a_fixed_batch_belongs_to_onnx(small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(small_file), "--target", "c", "--batch", "4", "-o", str(tmp_path / "c")]) == 1
    assert "leave out the fixed number of 4" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def shipped() -> tuple[Generation, Source]:
    """The photons that come with the package, with their weights beside the code: compilers read numbers slowly."""
    graph = generation(load_bundle(find_bundle("photons")))
    return graph, translate(to_onnx(graph, 1), header_of(describe(graph), graph.bundle.detector), beside=True)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("-O2",), ("-O3", "-march=native")])
def test_the_shipped_flow_makes_torchs_showers_alone_and_together(
    options: tuple[str, ...], shipped: tuple[Generation, Source], tmp_path: Path
) -> None:
    graph, source = shipped
    warnings = ("-std=c99", "-Wall", "-Wextra", "-Werror")
    library = as_function(build(source, tmp_path, "gcc", (*warnings, *options, "-fPIC", "-shared")))
    inputs = graph.examples(300, torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = graph(*inputs).numpy()
    made = library(inputs).numpy()
    size = np.maximum(np.maximum(made, expected), graph.threshold)
    away = (np.abs(made - expected) / size).max(axis=1)
    assert np.median(away) < 3e-6
    assert (away > 1e-5).sum() <= 15  # rounding; and cells that change places
    alone = torch.cat([library([values[k : k + 1] for values in inputs]) for k in range(30)])
    assert (alone.numpy() == made[:30]).all()
