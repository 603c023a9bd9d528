"""Weights in fewer bits: the nearest numbers, the same in both graphs, and kept only where showers stay as good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moliere.cli import main
from moliere.deploy.graph import Graph, as_graph
from moliere.deploy.quality import judge
from moliere.deploy.shrink import rounded, shrink, to_small
from moliere.errors import ExportError
from moliere.models import Bundle

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
ort = pytest.importorskip("onnxruntime")


@pytest.fixture
def weights() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32) * np.geomspace(1e-3, 1e3, 30, dtype="f4")


def test_bfloat16_is_the_nearest(weights: Any) -> None:
    expected = torch.from_numpy(weights).bfloat16().float().numpy()
    assert (to_small(weights, "bf16", (0,)).expanded == expected).all()


def test_eight_bits_are_within_half_a_step_of_each_column(weights: Any) -> None:
    small = to_small(weights, "int8", (0,))
    step = np.abs(weights).max(axis=0) / 127
    assert (np.abs(small.expanded - weights) <= 0.5001 * step).all()
    assert np.abs(small.numbers).max() == 127


def test_a_column_of_zeros_stays_zero() -> None:
    given = np.zeros((4, 2), np.float32)
    given[:, 1] = 3.0
    assert (to_small(given, "int8", (0,)).expanded == given).all()


@pytest.mark.parametrize("width", ["bf16", "int8"])
def test_both_graphs_make_the_same(width: Any, exported: Path) -> None:
    graph = onnx.load(exported)
    inputs = {
        "latent": np.random.default_rng(1).normal(size=(20, 30)).astype(np.float32),
        "condition": np.stack([np.geomspace(256.0, 2048.0, 20), np.linspace(0.2, 0.3, 20)], axis=1),
    }
    small, whole, before = (model.SerializeToString() for model in (shrink(graph, width), rounded(graph, width), graph))
    made, expected, usual = (ort.InferenceSession(file).run(None, inputs)[0] for file in (small, whole, before))
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)
    assert not np.allclose(made, usual, rtol=1e-5, atol=1e-5)


def test_a_graph_without_weights_is_refused() -> None:
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    ports = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ports[:1], ports[1:]))
    with pytest.raises(ExportError, match="no tables of weights"):
        shrink(model, "int8")


@pytest.fixture
def graph(small_bundle: Bundle) -> Graph:
    return as_graph(small_bundle.model, small_bundle)


def test_the_same_showers_are_as_good(graph: Graph) -> None:
    quality = judge(graph, lambda values: graph(*values), lambda values: graph(*values), 600)
    assert quality.figures > 5
    assert "600 showers stay at their floors" in str(quality)


def test_other_showers_are_refused(graph: Graph) -> None:
    with pytest.raises(ExportError, match=r"leave their floors; the worst: .* before\); nothing was written"):
        judge(graph, lambda values: graph(*values), lambda values: 1.1 * graph(*values), 600)


@pytest.mark.slow
def test_the_command_line_says_what_came(small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.onnx"
    command = ["export", str(small_file), "-o", str(path), "--events", "20", "--threads", "1"]
    assert main([*command, "--bf16"]) == 0
    assert "figures of 2,000 showers stay at their floors" in " ".join(capsys.readouterr().out.split())
    assert any(tensor.data_type == onnx.TensorProto.BFLOAT16 for tensor in onnx.load(path).graph.initializer)


@pytest.mark.parametrize(
    "options", [("--bf16", "--int8"), ("--int8", "--target", "c"), ("--bf16", "--target", "par04")]
)
def test_what_cannot_be_is_refused_at_once(options: tuple[str, ...], small_file: Path, tmp_path: Path) -> None:
    assert main(["export", str(small_file), "-o", str(tmp_path / "small"), *options]) == 1
    assert not list(tmp_path.iterdir())
