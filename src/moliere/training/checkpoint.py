"""What a training leaves on disk so that nothing is lost: everything needed to go on as if it had not stopped."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from moliere.errors import CheckpointError
from moliere.files import replacing

VERSION = 1

#: settings of the training that may differ in a run that goes on: its length, and what it runs on
_FREE = ("minutes", "iterations", "threads", "checkpoint_minutes", "devices", "nodes")


class Stateful(Protocol):
    """Something that takes its state back: a module, an optimiser."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Take it."""


@dataclass(frozen=True)
class Progress:
    """The progress of a training.

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
    save_states(path, {"version": VERSION, "progress": vars(progress), "recipe": recipe, "states": states})


def load_checkpoint(path: Path, recipe: dict[str, Any]) -> tuple[Progress, dict[str, Any]]:
    """Read a checkpoint of the same recipe.

    Raises:
        CheckpointError: there is none, it is damaged, or it belongs to another recipe.
    """
    if not path.is_file():
        raise CheckpointError(f"nothing to resume: no checkpoint {path}; start a new training")
    content = load_states(path)
    with _sound(path):
        found, old, states = content["version"], dict(content["recipe"]), dict(content["states"])
        progress = _read_progress(content["progress"])
    if found != VERSION:
        raise CheckpointError(f"checkpoint {path} has version {found}, this moliere reads {VERSION}; start again")
    different = _differences(old, recipe)
    if different:
        raise CheckpointError(
            f"checkpoint {path} was made with other settings ({', '.join(different)}); "
            "resume with the same recipe, or start again and overwrite it"
        )
    return progress, states


def restore_states(path: Path, states: Mapping[str, Any], holders: Mapping[str, Sequence[Stateful]]) -> None:
    """Put the states of a checkpoint into what they were taken from.

    Args:
        path: of the checkpoint, for messages.
        states: from :func:`load_checkpoint`: one state, or a list of them, under each name.
        holders: whose states they are.

    Raises:
        CheckpointError: a state is missing or does not fit.
    """
    with _sound(path):
        for name, each in holders.items():
            found = states[name] if isinstance(states[name], list) else [states[name]]
            for holder, state in zip(each, found, strict=True):
                holder.load_state_dict(state)


def save_states(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values; the file appears whole.

    Raises:
        WriteError: the disk is full, or the folder cannot be written; an old file stays.
    """
    with replacing(path, overwrite=True) as partial:
        try:
            torch.save(content, partial)
        except RuntimeError as error:  # what torch makes of a full disk, without its number
            raise OSError(errno.ENOSPC, f"the file cannot be written whole ({str(error)[:80]})") from error


def load_states(path: Path) -> Any:
    """Read what :func:`save_states` wrote; no code in it is run.

    Raises:
        CheckpointError: the file is damaged.
    """
    with _sound(path):
        return torch.load(path, weights_only=True, map_location="cpu")


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Whatever a damaged file makes the block raise becomes one sentence."""
    try:
        yield
    except Exception as error:  # a damaged pickle can raise anything
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).split("\n")[0][:200]
        raise CheckpointError(f"{path} is damaged ({reason}); start the training again and overwrite it") from error


def _read_progress(table: Any) -> Progress:
    progress = Progress(int(table["iteration"]), float(table["seconds"]), float(table["best"]), int(table["stale"]))
    if progress.iteration < 0 or not 0 <= progress.seconds < float("inf") or progress.stale < 0:
        raise ValueError(f"{progress} cannot be")
    return progress


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of settings that differ and matter."""
    free = {"description", *(f"training.{name}" for name in _FREE)}
    found = []
    for key in sorted({*old, *new}):
        a, b, name = old.get(key), new.get(key), prefix + key
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{name}.")
        elif a != b and name not in free:
            found.append(name)
    return found
