"""A checkpoint comes back as it was, or says in one sentence that it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from moliere.errors import CheckpointError
from moliere.training.checkpoint import Progress, load_checkpoint, restore_states, save_checkpoint

RECIPE = {"name": "toy", "training": {"seed": 1}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "checkpoint.pt", Progress(3, 1.5), RECIPE, {"model": nn.Linear(2, 2).state_dict()})
    return tmp_path / "checkpoint.pt"


def restore(path: Path) -> Progress:
    progress, states = load_checkpoint(path, RECIPE)
    restore_states(path, states, {"model": [nn.Linear(2, 2)]})
    return progress


def test_it_comes_back(path: Path) -> None:
    assert restore(path) == Progress(3, 1.5)


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no dictionary": lambda content: [content],
    "a tensor": lambda content: torch.zeros(3),
    "no version": lambda content: content.pop("version") and content,
    "no recipe": lambda content: content.pop("recipe") and content,
    "no progress": lambda content: content.pop("progress") and content,
    "no states": lambda content: content.pop("states") and content,
    "recipe of another kind": lambda content: content | {"recipe": 3},
    "progress of another kind": lambda content: content | {"progress": [1, 2]},
    "no iteration": lambda content: content | {"progress": {"seconds": 1.0}},
    "a negative iteration": lambda content: content | {"progress": {**content["progress"], "iteration": -1}},
    "endless seconds": lambda content: content | {"progress": {**content["progress"], "seconds": float("inf")}},
    "iteration in words": lambda content: content | {"progress": {**content["progress"], "iteration": "three"}},
    "no weights": lambda content: content | {"states": {}},
    "weights of another shape": lambda content: content | {"states": {"model": nn.Linear(3, 2).state_dict()}},
    "too many states": lambda content: content | {"states": {"model": [{}, {}]}},
    "weights of another kind": lambda content: content | {"states": {"model": 7}},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_missing_or_of_another_kind_is_one_sentence(damage: str, path: Path) -> None:
    torch.save(DAMAGE[damage](torch.load(path, weights_only=True)), path)
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        restore(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -100])
def test_one_that_is_cut_short(keep: int, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="is damaged"):
        restore(path)
