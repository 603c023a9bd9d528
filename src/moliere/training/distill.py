"""From a teacher to its student's recipe: a student is trained like any other model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from moliere.config import apply_overrides
from moliere.errors import ConfigError
from moliere.models.bundle import load_bundle
from moliere.training.recipe import Recipe, parse_recipe

#: what is different in a student's training: it starts near its goal; its iterations are shared as its teacher's stages
_TRAINING: Mapping[str, Any] = {"iterations": 3_000, "learning_rate": 5e-4, "select": "last"}


def student_recipe(
    teacher: str | Path,
    events: str | Path,
    steps: int = 1,
    changes: Mapping[str, Any] | None = None,
    overrides: Iterable[str] = (),
) -> Recipe:
    """The recipe of a student that makes its teacher's events in few evaluations.

    Args:
        teacher: its bundle.
        events: whose incident particles the student learns with, and whose layers: those that the teacher learned from.
        steps: evaluations of each stage.
        changes: settings of the training instead of the teacher's, by name.
        overrides: any settings of the recipe, as ``key=value``.

    Raises:
        BundleError: no such bundle, or one that holds no recipe.
        ConfigError: the model has no student.
    """
    bundle = load_bundle(teacher)
    model = bundle.model.student(steps)
    try:
        data, training = bundle.recipe["data"], bundle.recipe["training"]
    except KeyError as error:
        raise ConfigError(f"{teacher} does not say how it was trained, so that no student can follow it") from error
    own = {"initial": {"teacher": str(teacher)}, **_TRAINING, **(changes or {})}
    if "batch_size" in own:
        own["stage"] = [{**stage, "batch_size": own["batch_size"]} for stage in training.get("stage", [])]
    table = {
        "name": f"{bundle.name}-fast",
        "description": f"{bundle.name} in {steps} evaluation{'s' if steps > 1 else ''} a stage",
        "data": {**data, "events": str(events)},
        "model": model,
        "training": {**training, **own},
    }
    return parse_recipe(apply_overrides(table, overrides))
