"""What C promises whoever links it: the same bits for any batch and thread, latents by name, a guard of the range."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moliere.deploy.philox import Part, draw
from moliere.detectors import catalog
from moliere.errors import ExportError, OutputExists

onnx = pytest.importorskip("onnx")

from moliere.deploy.c.header import Column, Header, spots_of  # noqa: E402
from moliere.deploy.c.write import Source, save, translate  # noqa: E402

COLUMNS = (Column("energy", 256.0, 32768.0), Column("pdg_id", values=(11.0, 22.0)))
PARTS = (
    Part(5),
    Part(3, "half-normal"),
    Part(2, "logistic"),
    Part(4, "uniform", scale=3.0),
    Part(7, "sign", share=0.3),
)
HEADER = Header(
    "toy-flow", COLUMNS, PARTS, threshold=0.25, detector="toy", citation="An article, 2026 */ #error", version="1"
)
INSIDE, BELOW, ABOVE, NAN, STRANGE = range(5)


def sample(n: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    energy = np.geomspace(256.0, 32768.0, n)
    return draw(PARTS, 1, 2, np.arange(n)), np.stack([energy, np.full(n, 22.0)], axis=1)


@pytest.fixture(scope="module")
def source(network: Any) -> Source:
    return translate(network, HEADER)


@pytest.fixture(scope="module")
def library(source: Source, compiled: Callable[..., Any]) -> Any:
    return compiled(source)


@pytest.fixture(
    scope="module",
    params=[
        ("-O2",),
        ("-O1", "-DLANES_AT_MOST=8"),
        ("-O3", "-DLANES_AT_MOST=4"),
        ("-O3", "-march=native", "-std=gnu99"),
        ("-O2", "-ffp-contract=off", "-DPLAIN_C99"),
    ],
)
def any_library(request: pytest.FixtureRequest, source: Source, compiled: Callable[..., Any]) -> Any:
    return compiled(source, request.param)


def bits(signals: NDArray[np.float32]) -> NDArray[np.uint32]:
    return signals.view(np.uint32)


def test_the_reference_and_c_agree(network: Any, any_library: Any) -> None:
    from onnx.reference import ReferenceEvaluator

    latent, condition = sample(300)
    (expected,) = ReferenceEvaluator(network).run(None, {"latent": latent, "condition": condition})
    made = any_library.generate(latent, condition)
    assert ((made > 0) == (expected > 0)).all()
    assert (made > 0).sum() > 1000
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_a_shower_has_the_same_bits_in_any_batch_and_order(any_library: Any) -> None:
    latent, condition = sample(101)
    together = bits(any_library.generate(latent, condition))
    alone = [bits(any_library.generate(latent[k : k + 1], condition[k : k + 1]))[0] for k in range(101)]
    backwards = bits(any_library.generate(latent[::-1], condition[::-1]))[::-1]
    assert (together == np.stack(alone)).all()
    assert (together == backwards).all()
    assert any_library.generate(latent[:0], condition[:0]).shape == (0, 40)


def test_compilers_and_flags_agree_to_the_bit(library: Any, any_library: Any) -> None:
    latent, condition = sample(50)
    condition[:, 0] = 1000.0  # the C library's logarithm may differ between flags for one energy in many
    assert (bits(library.generate(latent, condition)) == bits(any_library.generate(latent, condition))).all()


def test_two_threads_at_once_do_not_disturb_each_other(library: Any) -> None:
    latent, condition = sample(400)
    expected = bits(library.generate(latent, condition))
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: bits(library.generate(latent, condition)), range(16)):
            assert (made == expected).all()


def test_latents_are_those_of_python(library: Any) -> None:
    for run, event, track in ((0, 0, 0), (1, 2, 3), (2**32 - 1, 7, 2**32 - 1), (5, 2**31, 1)):
        expected = draw(PARTS, run, event, track)[0]
        assert (bits(library.draw(run, event, track)) == bits(expected)).all()


def test_a_long_latent_has_the_bits_of_python(compiled: Callable[..., Any]) -> None:
    """Normal and logistic numbers go through the logarithm, sine and cosine: 20,000 of each."""
    parts = (Part(20_000), Part(20_000, "logistic"), Part(20_001))
    header = Header("long", COLUMNS[:1], parts)
    source = translate(_first_of(60_001), header)
    for flags in (("-O2",), ("-O3", "-march=native", "-std=gnu99")):
        made = compiled(source, flags).draw(3, 4, 5)
        assert (bits(made) == bits(draw(parts, 3, 4, 5)[0])).all()


def _first_of(width: int) -> Any:
    make = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Split", ["latent", "sizes"], ["signals", "rest"], axis=1)]
    graph = onnx.helper.make_graph(
        nodes,
        "toy",
        [make("latent", onnx.TensorProto.FLOAT, ["n", width]), make("condition", onnx.TensorProto.DOUBLE, ["n", 1])],
        [make("signals", onnx.TensorProto.FLOAT, ["n", 1])],
        [onnx.numpy_helper.from_array(np.array([1, width - 1], np.int64), "sizes")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)


@pytest.mark.parametrize(
    ("energy", "pdg", "expected"),
    [
        (256.0, 22, INSIDE),
        (32768.0, 11, INSIDE),
        (255.9, 22, BELOW),
        (-1.0, 22, BELOW),
        (1e9, 22, ABOVE),
        (float("inf"), 22, ABOVE),
        (float("-inf"), 22, BELOW),
        (float("nan"), 22, NAN),
        (1000.0, 13, STRANGE),
        (1000.0, float("nan"), NAN),
        (100.0, 13, BELOW),
    ],
)
def test_the_guard_says_what_is_wrong(library: Any, energy: float, pdg: float, expected: int) -> None:
    assert library.check(energy, pdg) == expected


def test_a_condition_that_is_no_number_writes_nothing_outside(library: Any) -> None:
    latent, condition = sample(20)
    condition[::2, 0] = np.nan
    condition[1::4, 0] = -np.inf
    made = library.generate(latent, condition)
    clean = library.generate(latent, sample(20)[1])
    assert (bits(made)[3::4] == bits(clean)[3::4]).all()


def test_weights_beside_the_code_give_the_same_showers(
    network: Any, library: Any, compiled: Callable[..., Any]
) -> None:
    source = translate(network, HEADER, beside=True)
    beside = compiled(source)
    assert beside.numbers["WEIGHTS"] * 4 == len(source.weights or b"") > 8000
    latent, condition = sample(30)
    assert (bits(beside.generate(latent, condition)) == bits(library.generate(latent, condition))).all()


def test_files_are_written_and_not_overwritten(network: Any, tmp_path: Path) -> None:
    source = translate(network, HEADER, beside=True)
    save(source, tmp_path / "c")
    assert {path.name for path in (tmp_path / "c").iterdir()} == {"toy_flow.h", "toy_flow.c", "toy_flow.bin"}
    with pytest.raises(OutputExists):
        save(source, tmp_path / "c")
    save(source, tmp_path / "c", overwrite=True)


@pytest.mark.parametrize("name", ["123", "---", "é"])
def test_a_name_that_c_cannot_have_is_refused(network: Any, name: str) -> None:
    with pytest.raises(ExportError, match="begins with a letter"):
        translate(network, Header(name, COLUMNS, PARTS))


def test_another_latent_than_the_graphs_is_refused(network: Any) -> None:
    with pytest.raises(ExportError, match=r"\(1, 21\).*latent and a condition of shapes \(1, 20\)"):
        translate(network, Header("toy", COLUMNS, (Part(20),)))


def test_a_latent_of_a_prior_has_no_draw_function(network: Any, compiled: Callable[..., Any]) -> None:
    source = translate(network, Header("prior", COLUMNS, (Part(21, "prior-bits"),)))
    assert "_draw" not in source.header
    compiled(source)


def test_spots_share_the_energy_of_every_channel(network: Any, compiled: Callable[..., Any]) -> None:
    detector = catalog.get("calochallenge-1-photons")
    spots = spots_of(detector)
    shares = np.bincount([spot.channel for spot in spots], [spot.share for spot in spots])
    np.testing.assert_allclose(shares, np.ones(detector.n_channels))
    places = np.array([spot.place for spot in spots])
    radius = np.hypot(places[:, 0], places[:, 1])
    np.testing.assert_allclose(radius, detector.r[[spot.channel for spot in spots]])
    ring = [spot.place for spot in spots if spot.channel == 0]
    np.testing.assert_allclose(np.mean(ring, axis=0), (0, 0, 25.5), atol=1e-9)
    source = translate(network, Header("toy", COLUMNS, PARTS, spots=spots))
    assert compiled(source).numbers["SPOTS"] == len(spots)


def test_a_detector_without_depth_has_no_spots() -> None:
    assert spots_of(catalog.get("par04-calodit")) == ()
    assert spots_of(catalog.get("airshower-9x9")) == ()


def test_a_model_that_is_conditioned_on_nothing_has_no_columns(compiled: Callable[..., Any]) -> None:
    given = _first_of(3)
    del given.graph.input[1]
    library = compiled(translate(given, Header("flux", (), (Part(3),))))
    latent = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    assert library.generate(latent, np.zeros((2, 0))).tolist() == [[1.0], [4.0]]
    assert library.check() == INSIDE
