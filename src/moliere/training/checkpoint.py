"""What a training leaves on disk so that nothing is lost: everything needed to go on as if it had not stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from moliere.errors import CheckpointError
from moliere.files import replacing

VERSION = 1


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Args:
        iteration: iterations done.
        seconds: time spent in them.
        best: lowest validation loss, or score, so far.
        stale: validations since then.
    """

    iteration: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    stale: int = 0


def save_checkpoint(path: Path, progress: Progress, recipe: dict[str, Any], states: dict[str, Any]) -> None:
    """Write a checkpoint beside the old one, then put it in its place."""
    with replacing(path, overwrite=True) as partial:
        torch.save({"version": VERSION, "progress": vars(progress), "recipe": recipe, "states": states}, partial)


def load_checkpoint(path: Path, recipe: dict[str, Any]) -> tuple[Progress, dict[str, Any]]:
    """Read a checkpoint of the same recipe.

    Raises:
        CheckpointError: there is none, it is damaged, or it belongs to another recipe.
    """
    if not path.is_file():
        raise CheckpointError(f"nothing to resume: no checkpoint {path}; start without --resume")
    try:
        content = torch.load(path, weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(f"checkpoint {path} is damaged ({error}); start again with --overwrite") from error
    if content.get("version") != VERSION:
        raise CheckpointError(f"checkpoint {path} has version {content.get('version')}, this moliere reads {VERSION}")
    different = _differences(content["recipe"], recipe)
    if different:
        raise CheckpointError(
            f"checkpoint {path} was made with other settings ({', '.join(different)}); "
            "resume with the same recipe, or start again with --overwrite"
        )
    return Progress(**content["progress"]), content["states"]


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of settings that differ and matter; the length may be changed to train on."""
    free = {"description", *(f"training.{name}" for name in ("minutes", "iterations", "threads", "checkpoint_minutes"))}
    found = []
    for key in sorted({*old, *new}):
        a, b, name = old.get(key), new.get(key), prefix + key
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{name}.")
        elif a != b and name not in free:
            found.append(name)
    return found
