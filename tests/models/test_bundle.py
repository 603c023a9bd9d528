"""A bundle that is not whole, or not ours, is refused with a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from moliere.detectors import Calorimeter
from moliere.errors import BundleError, ConfigError, OutputExists
from moliere.events import Events
from moliere.events.split import split_events
from moliere.models import BuildContext, Bundle, CalorimeterFlow, CalorimeterFlowConfig, load_bundle, save_bundle


@pytest.fixture
def path(polar: Calorimeter, tmp_path: Path) -> Path:
    config = CalorimeterFlowConfig(width=8, global_width=8, blocks=1, layer_width=8, layer_blocks=1, knots=4)
    bundle = Bundle(
        "toy",
        CalorimeterFlow(config, BuildContext(polar, ("energy",))),
        {"name": "toy"},
        {"energy": (256.0, 2048.0)},
        {"seed": 3},
    )
    save_bundle(bundle, tmp_path / "toy.bundle")
    return tmp_path / "toy.bundle"


def rewrite(path: Path, **changes: object) -> None:
    """Change the header without mending the checksum."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    header = json.loads(metadata["moliere"]) | changes
    save_file(tensors, path, {**metadata, "moliere": json.dumps(header, sort_keys=True)})


def test_everything_travels(path: Path, polar: Calorimeter) -> None:
    bundle = load_bundle(path)
    assert bundle.detector == polar
    assert bundle.validity == {"energy": (256.0, 2048.0)}
    assert bundle.provenance == {"seed": 3}
    assert bundle.recipe == {"name": "toy"}
    assert not bundle.model.training


def test_settings_that_are_not_in_the_weights_can_be_changed(path: Path) -> None:
    assert load_bundle(path, {"steps": 7}).model.config.model_dump()["steps"] == 7
    with pytest.raises(ConfigError, match="did you mean 'steps'"):
        load_bundle(path, {"stps": 7})
    with pytest.raises(ConfigError, match="width"):
        load_bundle(path, {"width": 9})


def test_a_changed_header_is_noticed(path: Path) -> None:
    rewrite(path, validity={"energy": [0.0, 1e9]})
    with pytest.raises(BundleError, match="changed after it was written"):
        load_bundle(path)


def test_a_changed_weight_is_noticed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match="changed after it was written"):
        load_bundle(path)


def test_a_newer_format_says_how_to_upgrade(path: Path) -> None:
    rewrite(path, format_version=99, moliere_version="9.0")
    with pytest.raises(BundleError, match=r"written by moliere 9\.0 .* pip install -U moliere"):
        load_bundle(path)


@pytest.mark.parametrize("keep", [0, 4, 1000, 0.5])
def test_truncated_files_are_recognised(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(BundleError, match="truncated or not a bundle"):
        load_bundle(path)


def test_a_recipe_is_no_bundle_and_says_how_to_train_it(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\n')
    with pytest.raises(BundleError, match=r"is a recipe.* moliere train .*mine\.toml"):
        load_bundle(recipe)


def test_other_tensors_are_not_a_bundle(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "a.bundle")
    with pytest.raises(BundleError, match="not a moliere bundle"):
        load_bundle(tmp_path / "a.bundle")
    with pytest.raises(BundleError, match="no bundle"):
        load_bundle(tmp_path / "nothing.bundle")


def test_an_old_bundle_is_not_overwritten_unasked(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputExists, match="overwrite it"):
        save_bundle(load_bundle(path), path)
    assert path.read_bytes() == before


def test_no_changed_byte_of_the_header_goes_unnoticed(path: Path) -> None:
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    for place in range(0, end, end // 300):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(BundleError):
            load_bundle(path)


def rewrite_soundly(path: Path, tensors: dict[str, torch.Tensor] | None = None, **changes: object) -> None:
    """Change the header, or take out what is None, and make the checksum fit, as another program or hand would."""
    from moliere.models.bundle import _digest

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        held = {name: file.get_tensor(name) for name in list(file.keys())} | (tensors or {})
    header = json.loads(metadata["moliere"])
    for name, value in changes.items():
        header[name] = value
        if value is None:
            del header[name]
    text = json.dumps(header, sort_keys=True)
    save_file(held, path, {"moliere": text, "sha256": _digest(text, held)})


@pytest.mark.parametrize("name", ["context", "kind", "model", "name", "provenance", "recipe", "validity"])
def test_a_sound_file_without_a_key_is_refused(path: Path, name: str) -> None:
    rewrite_soundly(path, **{name: None})
    with pytest.raises(BundleError, match=f"the header has no '{name}'"):
        load_bundle(path)


@pytest.mark.parametrize(
    "change",
    [
        {"context": []},
        {"context": {"columns": 3, "particles": [], "detector": {}}},
        {"kind": ["calorimeter-flow"]},
        {"kind": "no-such-model"},
        {"model": "calorimeter-flow"},
        {"model": {"kind": "calorimeter-flow", "blocks": 10**12}},
        {"validity": {"energy": 3}},
        {"validity": {"energy": ["low", "high"]}},
        {"recipe": 7},
        {"provenance": "nobody"},
        {"format_version": "1"},
        {"format_version": 1e300},
    ],
)
def test_a_sound_file_with_something_else_in_it_is_refused(path: Path, change: dict[str, object]) -> None:
    rewrite_soundly(path, **change)
    with pytest.raises(BundleError):
        load_bundle(path)


def test_a_kind_that_was_replaced_says_by_what_and_what_to_do(path: Path) -> None:
    rewrite_soundly(path, kind="two-stage-flow", moliere_version="0.2.0")
    with pytest.raises(
        BundleError, match=r"it holds a two-stage-flow, and this version has calorimeter-flow instead; tr"
    ):
        load_bundle(path)
    with pytest.raises(
        BundleError, match=r"toy\.bundle does not fit .*moliere train photons .* moliere 0\.2\.0, which"
    ):
        load_bundle(path)


def test_weights_of_any_precision_are_read_and_checked(path: Path) -> None:
    weights = load_bundle(path).model.state_dict()
    name = next(name for name, values in weights.items() if values.dtype == torch.float32)
    half = weights[name].to(torch.bfloat16)
    rewrite_soundly(path, {name: half})
    assert torch.equal(load_bundle(path).model.state_dict()[name], half.float())


def test_the_split_is_the_bundles(path: Path, polar_events: Events) -> None:
    bundle = load_bundle(path)
    with pytest.raises(BundleError, match="does not say how its events were split"):
        bundle.rows_of(polar_events, "test")
    data = {"split": [0.5, 0.2, 0.3], "split_seed": 4, "leave_out": [512.0, 512.0]}
    told = replace(bundle, recipe={"data": data})
    expected = split_events(polar_events, (0.5, 0.2, 0.3), 4, (512.0, 512.0))
    for part in ("train", "validation", "test"):
        assert (told.rows_of(polar_events, part) == getattr(expected, part)).all()
    assert told.left_out == (512.0, 512.0)
    assert bundle.left_out is None
