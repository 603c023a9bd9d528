"""Training goes on from other weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from moliere.errors import BundleError, ConfigError
from moliere.models import save_bundle
from moliere.training import Recipe, fit, prepare
from moliere.training.distill import student_recipe
from moliere.training.recipe import parse_recipe


def recipe(file: Path, width: int = 8, **training: Any) -> Recipe:
    model = {"width": width, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4}
    settings = {"iterations": 3, "batch_size": 32, "threads": 1, "accelerator": "cpu", **training}
    table = {"name": "toy", "data": {"events": str(file)}, "model": {"kind": "calorimeter-flow", **model}}
    return parse_recipe({**table, "training": settings})


def test_a_bundle_is_gone_on_from(file: Path, tmp_path: Path) -> None:
    bundle, _ = fit(recipe(file), tmp_path / "first")
    save_bundle(bundle, tmp_path / "first.bundle")
    initial = {"model": str(tmp_path / "first.bundle")}
    start = prepare(recipe(file, seed=5, initial=initial), tmp_path).model.state_dict()
    assert all(torch.equal(value, start[name]) for name, value in bundle.model.state_dict().items())
    with pytest.raises(BundleError, match=r"cell_velocity\S+ has shape \(2, \d+, 8\); this model's is \(2, \d+, 16"):
        prepare(recipe(file, width=16, initial=initial), tmp_path)


def test_weights_of_no_network_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'cell_velocity'"):
        prepare(recipe(file, initial={"cell_velocty": "x.h5"}), tmp_path)
    with pytest.raises(ConfigError, match="expected weights of Keras"):
        prepare(recipe(file, initial={"cell_velocity": "x.txt"}), tmp_path)
    with pytest.raises(ConfigError, match="no network 'netwroks'; did you mean 'networks'"):
        prepare(recipe(file, initial={"netwroks": "x.bundle"}), tmp_path)


def test_shipped_weights_have_names_and_what_does_not_fit_says_what_to_do(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="give the model the settings of that one") as caught:
        prepare(recipe(file, initial={"networks": "photons"}), tmp_path)
    assert caught.value.options == ("moliere info photons --recipe",)


def test_a_student_of_another_size_is_refused_in_one_sentence(file: Path, tmp_path: Path) -> None:
    fit(recipe(file), tmp_path / "first")
    wider = student_recipe(tmp_path / "first" / "toy.bundle", file, overrides=["model.width=16"])
    with pytest.raises(
        ConfigError, match=r"cell_velocity\S+ is \(2, \d+, 8\) there and \(2, \d+, 16\) here; leave the s"
    ):
        prepare(wider, tmp_path)
