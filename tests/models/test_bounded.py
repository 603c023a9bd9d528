"""A bundle whose settings ask for more than it holds is refused before it fills the memory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from moliere.detectors import Calorimeter
from moliere.errors import BundleError
from moliere.models import BuildContext, Bundle, TwoStageFlow, TwoStageFlowConfig, load_bundle, save_bundle
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
    config = TwoStageFlowConfig(width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1)
    save_bundle(Bundle("toy", TwoStageFlow(config, BuildContext(polar, ("energy",)))), path)
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
