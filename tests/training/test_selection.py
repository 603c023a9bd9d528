"""Who looks at models while they are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.models.base import Model
from moliere.training import fit
from moliere.training.batches import BatchSource
from moliere.training.recipe import Recipe, parse_recipe
from moliere.training.selection import compared, looking


@pytest.fixture
def recipe(file: Path) -> Recipe:
    small = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4}
    training = {"iterations": 12, "batch_size": 32, "warmup": 3, "validations": 3, "threads": 1, "accelerator": "cpu"}
    return parse_recipe(
        {
            "name": "toy",
            "data": {"events": str(file)},
            "model": {"kind": "calorimeter-flow", "trim": False, **small},
            "training": training,
        }
    )


def test_who_looks_is_given_the_averaged_model_and_the_validation_events(recipe: Recipe, tmp_path: Path) -> None:
    made = []

    def look(model: Model, validation: BatchSource) -> None:
        reference, events = compared(model, validation, seed=1, at_most=7)
        assert len(reference) == len(events) == 7
        assert np.array_equal(reference.energy, events.energy)
        made.append((events.signals, validation))

    with looking(look):
        bundle, _ = fit(recipe, tmp_path)
    assert len(made) == 3
    assert not np.array_equal(made[0][0], made[1][0])
    final = compared(bundle.model, made[-1][1], seed=1, at_most=7)[1]  # the last validation is that of the last weights
    assert np.array_equal(final.signals, made[-1][0])
    fit(recipe, tmp_path, overwrite=True)
    assert len(made) == 3


def test_what_a_look_raises_ends_the_training_with_a_checkpoint(recipe: Recipe, tmp_path: Path) -> None:
    def look(*_: object) -> None:
        assert not torch.is_grad_enabled()
        raise StopIteration

    with pytest.raises(StopIteration), looking(look):
        fit(recipe, tmp_path)
    assert not (tmp_path / "toy.bundle").exists()
    _, outcome = fit(recipe, tmp_path, resume=True)
    assert outcome.progress.iteration == 12
