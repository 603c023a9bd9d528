"""Settings that ask for more than a bundle holds, or a machine can train, are refused before the memory fills."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from moliere.detectors import Calorimeter
from moliere.errors import BundleError, ConfigError
from moliere.models import (
    BuildContext,
    Bundle,
    CalorimeterFlow,
    CalorimeterFlowConfig,
    load_bundle,
    models,
    save_bundle,
)
from moliere.models.bounded import trainable_here
from moliere.models.bundle import _digest


@pytest.mark.parametrize(
    "settings",
    [
        {"blocks": 10**12},
        {"layer_blocks": 10**9},
        {"width": 2**24},
        {"width": 10**12},
        {"layer_width": 10**6, "blocks": 10**6},
    ],
)
def test_settings_that_ask_for_more_than_there_is(settings: dict[str, int], polar: Calorimeter, tmp_path: Path) -> None:
    path = tmp_path / "toy.bundle"
    config = CalorimeterFlowConfig(width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4)
    save_bundle(Bundle("toy", CalorimeterFlow(config, BuildContext(polar, ("energy",)))), path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["moliere"])
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    header["model"] |= settings
    text = json.dumps(header)
    save_file(tensors, path, {"moliere": text, "sha256": _digest(text, tensors)})
    start = time.process_time()
    with pytest.raises(BundleError, match="does not fit"):
        load_bundle(path)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("calorimeter-flow", {"width": 10**9}),
        ("calorimeter-flow", {"width": 10**20}),
        ("calorimeter-flow", {"layer_width": 10**5, "layer_blocks": 1000}),
        ("calorimeter-flow", {"global_width": 10**9}),
        ("hierarchical-vae", {"levels": [10**9]}),
        ("hierarchical-vae", {"channels": [8, 10**8]}),
        ("hierarchical-vae", {"chains": 10**10}),
    ],
)
def test_a_model_that_no_machine_can_train(kind: str, settings: dict[str, Any], regular: Calorimeter) -> None:
    config = models[kind].config_type.from_table({"kind": kind, **settings}, "model")
    start = time.process_time()
    with pytest.raises(ConfigError, match=r"ask for .* GiB of memory; choose a smaller width"), trainable_here():
        models[kind](config, BuildContext(regular, ("energy",)))
    assert time.process_time() - start < 20


def test_a_usual_model_is_built(polar: Calorimeter) -> None:
    with trainable_here():
        model = CalorimeterFlow(CalorimeterFlowConfig(), BuildContext(polar, ("energy",)))
    assert sum(parameter.numel() for parameter in model.parameters()) > 1000
