"""The exported file: what it says about itself, that it is proven, and that nothing wrong is left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from moliere.deploy.parity import compare
from moliere.errors import ExportError, OutputExists
from moliere.models import Bundle

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from moliere.deploy.card import read_card  # noqa: E402
from moliere.deploy.graph import as_graph  # noqa: E402
from moliere.deploy.onnx import check, export  # noqa: E402

#: operators of ONNX's main domain that consumers of plain graphs have
PLAIN = {
    *("Abs", "Add", "And", "Cast", "Concat", "Constant", "Cos", "Div", "Equal", "Exp", "Expand", "Floor", "Gather"),
    *("GatherElements", "Gemm", "Greater", "GreaterOrEqual", "Identity", "LayerNormalization", "Less", "LessOrEqual"),
    *("Log", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "Pow", "Reciprocal", "ReduceMean", "ReduceSum", "Reshape"),
    *("ScatterElements", "Shape", "Sigmoid", "Sin", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "TopK"),
    *("Transpose", "Unsqueeze", "Where", "Clip", "ConstantOfShape", "Or", "ReduceMax", "ReduceMin", "CumSum"),
    "Softplus",
}


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_file_describes_itself(exported: Path, small_file: Path, small_bundle: Bundle) -> None:
    card = read_card(exported, metadata(exported))
    assert (card.name, card.kind, card.model, card.unit) == ("small", "generative", "CalorimeterFlow", "MeV")
    assert card.columns == ("energy", "eta")
    assert [(port.name, port.dtype) for port in card.inputs] == [("latent", "float32"), ("condition", "float64")]
    assert [(part.size, part.law) for part in card.latent] == [(6, "normal"), (24, "normal")]
    assert card.validity == {"energy": (256.0, 2048.0), "eta": (0.2, 0.3)}
    assert (card.fixed, card.particles, card.threshold, card.batch) == ({"pdg_id": 22.0}, (22,), 1.0, None)
    assert "arXiv:2210.02747" in card.citation
    assert card.bundle_sha256 == hashlib.sha256(small_file.read_bytes()).hexdigest()
    assert card.detector == small_bundle.detector.to_spec()


def test_the_graph_is_valid_and_of_plain_operators(exported: Path) -> None:
    proto = onnx.load(exported)
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} <= {""}
    assert {node.op_type for node in proto.graph.node} <= PLAIN
    assert not proto.functions
    shapes = [port.type.tensor_type.shape.dim for port in (*proto.graph.input, *proto.graph.output)]
    assert [(d[0].dim_param, d[1].dim_value) for d in shapes] == [("events", 30), ("events", 2), ("events", 24)]


def test_a_fixed_batch_has_fixed_shapes(fixed: Path) -> None:
    graph = onnx.load(fixed).graph
    shapes = [[d.dim_value for d in port.type.tensor_type.shape.dim] for port in (*graph.input, *graph.output)]
    assert shapes == [[5, 30], [5, 2], [5, 24]]
    assert read_card(fixed, metadata(fixed)).batch == 5


def test_a_graph_that_makes_something_else_is_not_left_behind(
    small_bundle: Bundle, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One matrix of many is off by a thousandth: as if an operator were translated wrongly."""
    import moliere.deploy.onnx as module

    def spoiled(*arguments: object) -> object:
        del arguments
        proto = onnx.load(exported)
        weight = max((w for w in proto.graph.initializer if len(w.dims) == 2), key=lambda w: w.ByteSize())
        values = onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(1.001 * values, weight.name))
        return proto

    monkeypatch.setattr(module, "to_onnx", spoiled)
    (tmp_path / "old.onnx").write_bytes(b"old")
    with pytest.raises(ExportError, match="differs from the model by"):
        export(small_bundle, tmp_path / "old.onnx", events=100, overwrite=True)
    assert (tmp_path / "old.onnx").read_bytes() == b"old"
    with pytest.raises(ExportError, match="nothing was written"):
        export(small_bundle, tmp_path / "new.onnx", events=100)
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]


def test_an_output_that_exists_stays(small_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"mine")
    with pytest.raises(OutputExists):
        export(small_bundle, tmp_path / "x.onnx")
    assert (tmp_path / "x.onnx").read_bytes() == b"mine"


def test_a_model_is_as_it_was_afterwards(small_bundle: Bundle, exported: Path) -> None:
    """Nothing is left in the modules of models or in its weights."""
    import moliere.models.base as base

    assert "len" not in vars(base)
    graph = as_graph(small_bundle.model, small_bundle)
    assert check(graph, exported, None, 20).largest < 1e-5


def halves(inputs: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """A model that cuts at 1: what lies within a last digit of it may be there or not."""
    doubled = 2 * inputs[0]
    return torch.where(doubled < 1, 0, doubled)


def test_what_rounding_decides_is_ambiguous_and_counted() -> None:
    latent = torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
    latent[17, 2] = 0.5

    def other(inputs: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        return halves([inputs[0] * (1 - 1e-7)])

    parity = compare(halves, other, [latent], 1.0)
    assert (parity.events, parity.ambiguous) == (200, 1)
    assert 0 < parity.largest < 1e-6
    assert "in 1 of them" in str(parity)


@pytest.mark.parametrize(("row", "by"), [(3, 1e-4), (3, 1.0), (3, float("nan"))])
def test_one_wrong_event_of_many_is_found(row: int, by: float) -> None:
    latent = torch.rand(200, 4, generator=torch.Generator().manual_seed(0)) + 1

    def wrong(inputs: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        made = halves(inputs)
        made[inputs[0][:, 0] == latent[row, 0]] *= 1 + by
        return made

    with pytest.raises(ExportError, match=f"in event {row}"):
        compare(halves, wrong, [latent], 1.0)
