"""Every operator in C against ONNX's own reference, for several showers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moliere.deploy.philox import Part
from moliere.errors import ExportError

onnx = pytest.importorskip("onnx")

from moliere.deploy.c.header import Column, Header  # noqa: E402
from moliere.deploy.c.operators import operators  # noqa: E402
from moliere.deploy.c.write import translate  # noqa: E402

RNG = np.random.default_rng(0)
WIDTH = 24
HEADER = Header("toy", (Column("energy", 1.0, 2.0),), (Part(2 * WIDTH),))

#: the operands: x and y of shape (n, 4, 6), positive p, truth values b, whole numbers i from 0 to 5, doubles d
X = [
    ("Split", ["latent", ["int", [WIDTH, WIDTH]]], ["flat_x", "flat_y"], {"axis": 1}),
    ("Reshape", ["flat_x", ["int", [-1, 4, 6]]], ["x"], {}),
    ("Reshape", ["flat_y", ["int", [-1, 4, 6]]], ["y"], {}),
    ("Exp", ["x"], ["p"], {}),
    ("Less", ["x", "y"], ["b"], {}),
    ("Cast", ["x"], ["d"], {"to": 11}),
    ("Abs", ["x"], ["size"], {}),
    ("Clip", ["size", ["float", 0.0], ["float", 5.0]], ["bounded"], {}),
    ("Cast", ["bounded"], ["i"], {"to": 7}),
]


def weights(*shape: int) -> list[Any]:
    return ["float", RNG.normal(size=shape)]


def one(operator: str, *inputs: Any, **attributes: Any) -> list[tuple[str, list[Any], list[str], dict[str, Any]]]:
    return [(operator, list(inputs), ["result"], attributes)]


CASES: dict[str, list[tuple[str, list[Any], list[str], dict[str, Any]]]] = {
    **{name: one(name, "x", "y") for name in ("Add", "Sub", "Mul", "Div", "Min", "Max")},
    **{name: one(name, "x") for name in ("Identity", "Neg", "Abs", "Relu", "Elu", "Sigmoid", "Softplus", "Exp")},
    **{name: one(name, "x") for name in ("Sin", "Cos", "Atan", "Tanh", "Erf", "Floor", "Ceil", "Round", "Gelu")},
    **{name: one(name, "p") for name in ("Log", "Sqrt", "Reciprocal")},
    **{name: one(name, "x", "y") for name in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")},
    **{f"{name} of doubles": one(name, "d") for name in ("Exp", "Sigmoid", "Softplus", "Neg", "Floor")},
    "Tan": one("Tan", "bounded"),
    "Dropout": one("Dropout", "x"),
    "Exp of what is large": [
        ("Mul", ["x", ["float", 60.0]], ["far"], {}),
        ("Exp", ["far"], ["huge"], {}),
        ("Min", ["huge", ["float", 1e30]], ["result"], {}),
    ],
    "LeakyRelu": one("LeakyRelu", "x", alpha=0.3),
    "Gelu by tanh": one("Gelu", "x", approximate="tanh"),
    "Pow": one("Pow", "p", ["float", 1.5]),
    "Clip": one("Clip", "x", ["float", -0.5], ["float", 0.5]),
    "Clip above": one("Clip", "x", "", ["float", 0.5]),
    "Equal": one("Equal", "i", ["int", 1]),
    "Max of whole numbers": one("Max", "i", ["int", 1]),
    "Sum of three": one("Sum", "x", "y", "p"),
    "Max of three": one("Max", "x", "y", ["float", 0.5]),
    "And": [("Greater", ["x", ["float", 0.0]], ["c"], {}), ("And", ["b", "c"], ["result"], {})],
    "Or": [("Greater", ["x", ["float", 0.0]], ["c"], {}), ("Or", ["b", "c"], ["result"], {})],
    "Xor": [("Greater", ["x", ["float", 0.0]], ["c"], {}), ("Xor", ["b", "c"], ["result"], {})],
    "Not": one("Not", "b"),
    "IsNaN": one("IsNaN", "x"),
    "Where": one("Where", "b", "x", "y"),
    "Where of a constant": one("Where", "b", "x", ["float", np.zeros((1, 4, 6))]),
    "Cast to whole numbers": one("Cast", "x", to=7),
    "Cast to truth": one("Cast", "i", to=9),
    "broadcast": one("Add", "x", weights(4, 1)),
    "broadcast of a sum": [
        ("ReduceMean", ["x", ["int", [1]]], ["mean"], {"keepdims": 1}),
        ("Add", ["mean", ["float", 1.0]], ["more"], {}),
        ("Mul", ["x", "more"], ["result"], {}),
    ],
    "a formula that is read twice": [
        ("Add", ["x", "y"], ["sum"], {}),
        ("Mul", ["sum", "x"], ["once"], {}),
        ("Mul", ["sum", "once"], ["result"], {}),
    ],
    "Transpose": one("Transpose", "x", perm=[0, 2, 1]),
    "Transpose all": [
        ("Transpose", ["x"], ["turned"], {"perm": [2, 1, 0]}),
        ("Mul", ["turned", ["float", 2.0]], ["twice"], {}),
        ("Transpose", ["twice"], ["result"], {"perm": [2, 1, 0]}),
    ],
    "Reshape of a transposed array": [
        ("Transpose", ["x"], ["turned"], {"perm": [0, 2, 1]}),
        ("Reshape", ["turned", ["int", [-1, 8, 3]]], ["result"], {}),
    ],
    "Flatten": [("Flatten", ["x"], ["flat"], {"axis": 1}), ("Neg", ["flat"], ["result"], {})],
    "Unsqueeze and Squeeze": [
        ("Unsqueeze", ["x", ["int", [1, 3]]], ["more"], {}),
        ("Neg", ["more"], ["less"], {}),
        ("Squeeze", ["less", ["int", [1]]], ["result"], {}),
    ],
    "Expand": [
        ("Slice", ["x", ["int", [0]], ["int", [1]], ["int", [1]]], ["row"], {}),
        ("Expand", ["row", ["int", [1, 5, 6]]], ["result"], {}),
    ],
    "Split": [
        ("Split", ["x", ["int", [2, 1, 3]]], ["a", "m", "c"], {"axis": 2}),
        ("Concat", ["c", "a", "m"], ["result"], {"axis": -1}),
    ],
    "Split evenly": [
        ("Split", ["x"], ["a", "c"], {"axis": 1, "num_outputs": 2}),
        ("Sub", ["a", "c"], ["result"], {}),
    ],
    "Slice": one("Slice", "x", ["int", [1, 0]], ["int", [4, 6]], ["int", [1, 2]], ["int", [2, 3]]),
    "Slice backwards": one("Slice", "x", ["int", [5]], ["int", [-7]], ["int", [2]], ["int", [-1]]),
    "Slice to the end": one("Slice", "x", ["int", [-2]], ["int", [2**62]], ["int", [2]]),
    "Concat": [("Sub", ["x", "y"], ["d1"], {}), ("Concat", ["x", "d1", "y"], ["result"], {"axis": 1})],
    "Pad": one("Pad", "x", ["int", [0, 1, 2, 0, 0, 3]], ["float", -1.5]),
    "MatMul": one("MatMul", "x", weights(6, 10)),
    "MatMul with an offset": [
        ("MatMul", ["x", weights(6, 97)], ["product"], {}),
        ("Add", ["product", weights(97)], ["result"], {}),
    ],
    "MatMul that is read twice": [
        ("MatMul", ["x", weights(6, 6)], ["product"], {}),
        ("Add", ["product", weights(6)], ["more"], {}),
        ("Mul", ["product", "more"], ["result"], {}),
    ],
    "MatMul of a transposed array": [
        ("Transpose", ["x"], ["turned"], {"perm": [0, 2, 1]}),
        ("MatMul", ["turned", weights(4, 33)], ["result"], {}),
    ],
    "MatMul of a part": [
        ("Slice", ["x", ["int", [1]], ["int", [5]], ["int", [2]]], ["part"], {}),
        ("MatMul", ["part", weights(4, 18)], ["result"], {}),
    ],
    "MatMul of two values": [
        ("Transpose", ["y"], ["turned"], {"perm": [0, 2, 1]}),
        ("MatMul", ["x", "turned"], ["result"], {}),
    ],
    "Gemm": one("Gemm", "flat_x", weights(WIDTH, 35), weights(35)),
    "Gemm scaled": one("Gemm", "flat_x", weights(300, WIDTH), weights(300), transB=1, alpha=0.5, beta=2.0),
    "ReduceSum": one("ReduceSum", "x", ["int", [2]], keepdims=0),
    "ReduceSum of a long axis": [
        ("Concat", ["flat_x"] * 3, ["long"], {"axis": 1}),
        ("ReduceSum", ["long", ["int", [-1]]], ["result"], {"keepdims": 1}),
    ],
    "ReduceMean": one("ReduceMean", "x", ["int", [1]], keepdims=1),
    "ReduceMean of two axes": one("ReduceMean", "x", ["int", [1, 2]], keepdims=1),
    "ReduceMax": one("ReduceMax", "x", ["int", [1]]),
    "ReduceMin": one("ReduceMin", "x", ["int", [2]]),
    "ReduceProd": one("ReduceProd", "x", ["int", [1]]),
    "ReduceSum of whole numbers": one("ReduceSum", "i", ["int", [2]]),
    "CumSum": one("CumSum", "x", ["int", 1]),
    "Softmax": one("Softmax", "x", axis=-1),
    "Softmax along the middle": one("Softmax", "x", axis=1),
    "LayerNormalization": one("LayerNormalization", "x", weights(6), weights(6)),
    "LayerNormalization without offset": one("LayerNormalization", "x", weights(6), epsilon=0.1),
    "BatchNormalization": one(
        "BatchNormalization", "x", weights(4), weights(4), weights(4), ["float", np.abs(RNG.normal(size=4)) + 0.5]
    ),
    "Gather": one("Gather", "x", ["int", [3, 0, -1, 3]], axis=1),
    "Gather one": one("Gather", "x", ["int", 2], axis=2),
    "GatherND": [
        ("Transpose", ["flat_x"], ["turned"], {"perm": [1, 0]}),
        ("GatherND", ["turned", ["int", [[5], [0], [23]]]], ["chosen"], {}),
        ("Transpose", ["chosen"], ["result"], {"perm": [1, 0]}),
    ],
    "Gather from a table": [
        ("Slice", ["i", ["int", [0]], ["int", [1]], ["int", [1]]], ["first"], {}),
        ("Gather", [weights(6, 3), "first"], ["result"], {"axis": 0}),
    ],
    "GatherElements": [
        ("Slice", ["i", ["int", [0]], ["int", [2]], ["int", [2]]], ["first"], {}),
        ("GatherElements", ["x", "first"], ["result"], {"axis": 2}),
    ],
    "TopK": [
        ("TopK", ["x", ["int", [6]]], ["result", "places"], {"axis": 2}),
    ],
    "TopK of the smallest": [("TopK", ["x", ["int", [3]]], ["values", "result"], {"axis": 1, "largest": 0})],
    "TopK of ties": [
        ("Cast", ["i"], ["steps"], {"to": 1}),
        ("TopK", ["steps", ["int", [4]]], ["values", "result"], {"axis": 2}),
    ],
    "ScatterElements": [
        ("ScatterElements", ["x", "i", "y"], ["result"], {"axis": 2, "reduction": "add"}),
    ],
    "ArgMax": one("ArgMax", "x", axis=2),
}


def model(name: str) -> Any:
    """The operands, then the nodes of one case, then one row of float32."""
    constants: dict[str, Any] = {}

    def named(value: Any) -> str:
        if isinstance(value, str):
            return value
        key = f"constant{len(constants)}"
        dtype = np.float32 if value[0] == "float" else np.int64
        constants[key] = onnx.numpy_helper.from_array(np.asarray(value[1], dtype), key)
        return key

    tail = [
        ("Cast", ["result"], ["numbers"], {"to": 1}),
        ("Flatten", ["numbers"], ["signals"], {"axis": 1}),
    ]
    nodes = [
        onnx.helper.make_node(operator, [named(value) for value in inputs], outputs, **attributes)
        for operator, inputs, outputs, attributes in (*X, *CASES[name], *tail)
    ]
    inputs = [
        onnx.helper.make_tensor_value_info("latent", onnx.TensorProto.FLOAT, ["n", 2 * WIDTH]),
        onnx.helper.make_tensor_value_info("condition", onnx.TensorProto.DOUBLE, ["n", 1]),
    ]
    output = onnx.helper.make_tensor_value_info("signals", onnx.TensorProto.FLOAT, ["n", None])
    graph = onnx.helper.make_graph(nodes, "toy", inputs, [output], list(constants.values()))
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)


def reference(given: Any, latent: NDArray[np.float32], condition: NDArray[np.float64]) -> NDArray[np.float32]:
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        (signals,) = ReferenceEvaluator(given).run(None, {"latent": latent, "condition": condition})
    return np.asarray(signals)


@pytest.mark.parametrize("name", CASES)
def test_an_operator_does_what_the_reference_does(name: str, compiled: Callable[..., Any]) -> None:
    given = model(name)
    latent = np.random.default_rng(1).normal(size=(19, 2 * WIDTH)).astype(np.float32)
    condition = np.ones((19, 1))
    expected = reference(given, latent, condition)
    made = compiled(translate(given, HEADER), ("-O1",)).generate(latent, condition)
    np.testing.assert_allclose(made, expected, rtol=3e-6, atol=3e-6)


def test_every_operator_has_a_case() -> None:
    tried = {operator for case in (X, *CASES.values()) for operator, *_ in case}
    assert set(operators) - tried == {"ScatterND"}


def test_an_operator_that_is_not_known_is_named() -> None:
    CASES["unknown"] = one("Hardmax", "x")
    with pytest.raises(ExportError, match=r"operator Hardmax \(for result\), which is not written in C yet"):
        translate(model("unknown"), HEADER)
    del CASES["unknown"]


def test_a_shape_that_depends_on_the_data_is_refused() -> None:
    CASES["data"] = [("NonZero", ["x"], ["places"], {}), ("Cast", ["places"], ["result"], {"to": 1})]
    with pytest.raises(ExportError, match="NonZero"):
        translate(model("data"), HEADER)
    del CASES["data"]


def test_half_precision_is_refused() -> None:
    CASES["half"] = one("Cast", "x", to=10)
    with pytest.raises(ExportError, match=r"float16.*float32"):
        translate(model("half"), HEADER)
    del CASES["half"]
