from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moliere.events import Events
from moliere.events.formats import write_events
from moliere.training import Recipe
from moliere.training.recipe import parse_recipe
from moliere.tuning import Tuned, tune

Tune = Callable[..., Tuned]
PARAMETERS = ("model.width=8,16", "training.learning_rate=log:1e-4:1e-2")


@pytest.fixture(scope="session")
def toy(polar_events: Events, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A recipe that is trained in a moment."""
    path = tmp_path_factory.mktemp("toy") / "toy.h5"
    write_events(path, polar_events)
    small = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4, "steps": 1}
    training = {"iterations": 40, "batch_size": 16, "warmup": 3, "validations": 4, "threads": 1, "accelerator": "cpu"}
    return parse_recipe(
        {
            "name": "toy",
            "data": {"events": str(path), "split": [0.5, 0.3, 0.2]},
            "model": {"kind": "calorimeter-flow", **small},
            "training": training,
        }
    )


@pytest.fixture
def search(toy: Recipe) -> Tune:
    """A search of the toy recipe, as small as one can be."""
    pytest.importorskip("optuna")

    def call(folder: Path, trials: int = 3, **words: Any) -> Tuned:
        chosen = {"parameters": PARAMETERS, "metrics": ["separation-mean"], "pruner": None, **words}
        return tune(chosen.pop("recipe", toy), folder, trials=trials, **chosen)

    return call
