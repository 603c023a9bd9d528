"""The same run, event and track give the same shower in torch, ONNX Runtime and C."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moliere.deploy.engines import Engine, InC, InOnnx, InTorch
from moliere.deploy.parity import Parity
from moliere.errors import BundleError, ExportError, InvalidQuantity
from moliere.models import Bundle

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
if not shutil.which("gcc"):
    pytest.skip("gcc is not installed", allow_module_level=True)

N = 40
CONDITION = np.stack([np.geomspace(256.0, 2048.0, N), np.linspace(0.2, 0.3, N)], axis=1)
KEY = np.stack([np.full(N, 3), np.arange(N) // 8, np.arange(N) % 8 + 2**32 - 8], axis=1)


@pytest.fixture(scope="module")
def engines(small_bundle: Bundle, exported: Path, in_c: tuple[Path, Parity]) -> dict[str, Engine]:
    return {"torch": InTorch(small_bundle), "onnx": InOnnx(exported), "c": InC(in_c[0])}


def same(found: NDArray[Any], expected: NDArray[Any]) -> None:
    # in an untrained flow some cells lie just over the bar, where a logarithm enlarges rounding
    np.testing.assert_allclose(found, expected, rtol=5e-5, atol=1e-5)


def test_all_engines_make_the_same_showers(engines: dict[str, Engine]) -> None:
    made = {name: engine(CONDITION, KEY) for name, engine in engines.items()}
    assert made["torch"].shape == (N, 24)
    assert len(np.unique(made["torch"], axis=0)) == N
    for name, engine in engines.items():
        assert engine.columns == ("energy", "eta")
        same(made[name], made["torch"])


@pytest.mark.parametrize("name", ["torch", "onnx", "c"])
def test_order_and_company_do_not_matter(engines: dict[str, Engine], name: str) -> None:
    together, order = engines[name](CONDITION, KEY), np.random.default_rng(1).permutation(N)
    mixed = np.concatenate([engines[name](CONDITION[rows], KEY[rows]) for rows in np.split(order, [1, 4, 4, 21])])
    same(mixed, together[order])
    if name == "c":
        assert (mixed == together[order]).all()


@pytest.mark.parametrize("name", ["torch", "onnx", "c"])
def test_an_engine_travels(engines: dict[str, Engine], name: str) -> None:
    same(pickle.loads(pickle.dumps(engines[name]))(CONDITION[:2], KEY[:2]), engines[name](CONDITION[:2], KEY[:2]))


@pytest.mark.parametrize("name", ["torch", "onnx", "c"])
def test_a_number_of_more_than_32_bits_is_refused(engines: dict[str, Engine], name: str) -> None:
    with pytest.raises(InvalidQuantity, match="2³²"):
        engines[name](CONDITION[:1], np.array([[1, 2, 2**32]]))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds 0 models in C"):
        InC(tmp_path)(CONDITION, KEY)
    (tmp_path / "other.h").write_text("#define OTHER_CHANNELS 24\n")
    (tmp_path / "other.c").write_text("int other;\n")
    with pytest.raises(BundleError, match="none of moliere's"):
        InC(tmp_path)(CONDITION, KEY)
    (tmp_path / "other.c").write_text("int other\n")
    with pytest.raises(ExportError, match="does not compile"):
        InC(tmp_path)(CONDITION, KEY)
