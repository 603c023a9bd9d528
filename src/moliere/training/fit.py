"""From a recipe to a bundle: open, split, build, fit the transforms, train, pack."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from moliere import samples
from moliere.errors import ConfigError
from moliere.events import EventSource
from moliere.events.events import energy_of, provenance_of
from moliere.events.resample import matching_weights, unweighted_rows
from moliere.events.split import Split, split_events
from moliere.events.store import IN_MEMORY_BYTES, EventStore, signal_bytes
from moliere.memory import freed_memory_kept
from moliere.models.base import BuildContext, Model, models
from moliere.models.bundle import Bundle
from moliere.models.initial import load_initial
from moliere.preprocess import condition_matrix
from moliere.seeding import derive_seed
from moliere.threads import set_threads
from moliere.training.batches import BatchSource, open_batches, to_batch
from moliere.training.loop import Trained, train
from moliere.training.recipe import Recipe
from moliere.training.selection import Judge

_WEIGHTS, _SUBSET, _MATCH = 3, 4, 7  # what a derived seed is for
#: transforms are fitted on at most this much signal, drawn at random
_FIT_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Prepared:
    """Everything that stands before the first iteration.

    Args:
        source: the events of the recipe.
        split: their parts.
        model: built, transforms fitted, untrained.
        second: the recipe's second sample and its parts, if it has one.
    """

    source: EventSource
    split: Split
    model: Model
    second: tuple[EventSource, Split] | None = None


def prepare(recipe: Recipe, folder: Path) -> Prepared:
    """Set the threads, open and split the events, build the model and fit its transforms.

    Args:
        recipe: what to do.
        folder: where events that are too large for memory are unpacked.
    """
    set_threads(recipe.training.threads)
    source = _open(recipe, recipe.data.events, folder / "events.store")
    second = _open_second(recipe, folder)
    split = split_events(source, recipe.data.split, recipe.data.split_seed, recipe.data.leave_out)
    if len(split.train) == 0:
        raise ConfigError(f"data.split {recipe.data.split} leaves none of {len(source)} events to train on")
    if recipe.data.match_incident:
        split = _matched(recipe, split, source, second[0] if second else None)
    return Prepared(source, split, _build(recipe, source, split, second), second)


def _open_second(recipe: Recipe, folder: Path) -> tuple[EventSource, Split] | None:
    if recipe.data.second is None:
        return None
    source = _open(recipe, recipe.data.second, folder / "second.store")
    return source, split_events(source, recipe.data.split)


def _matched(recipe: Recipe, split: Split, source: EventSource, second: EventSource | None) -> Split:
    """Those events of training and validation that together have the second sample's incident energies.

    Raises:
        ConfigError: there is no second sample.
        InvalidEvents: one of the samples has no energies, or they share none.
    """
    if second is None:
        raise ConfigError("data.match_incident matches the energies of data.second, which is not named")
    like = energy_of(second.incident)
    rng = np.random.default_rng(derive_seed(recipe.training.seed, _MATCH))
    weights = matching_weights(energy_of(source.incident), like)
    train, validation = (part[unweighted_rows(weights[part], rng)] for part in (split.train, split.validation))
    return Split(train, validation, split.test)


def _open(recipe: Recipe, events: str, store: Path) -> EventSource:
    """A sample; one that does not fit in memory is unpacked, unless it has extras, which a store does not keep."""
    source = samples.open_source(events, recipe.data.detector)
    fits = signal_bytes(source.detector, len(source)) <= IN_MEMORY_BYTES
    return source if fits or models[recipe.kind].extras else EventStore(store, source, recipe.data.store)


def fit(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    console: Console | None = None,
    judge: Judge | None = None,
) -> tuple[Bundle, Trained]:
    """Train what a recipe describes.

    Args:
        recipe: what to do.
        folder: of the run: checkpoint and logs; made if it is not there.
        resume: go on from the folder's checkpoint.
        console: where progress is shown.
        judge: scores generated events against validation events, where the recipe selects by a score.

    Returns:
        The bundle and what the loop says of the training.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(recipe, folder)
    training, validation = _batches(recipe, prepared.source, prepared.split)
    second = None if prepared.second is None else _batches(recipe, *prepared.second)
    with freed_memory_kept():
        trained = train(
            prepared.model, recipe, training, validation, folder,
            second=second, resume=resume, console=console, judge=judge,
        )  # fmt: skip
    return _pack(recipe, prepared, trained), trained


def _batches(recipe: Recipe, source: EventSource, split: Split) -> tuple[BatchSource, BatchSource]:
    """Training and validation events."""
    columns, extras = recipe.data.condition, models[recipe.kind].extras
    training, validation = (open_batches(source, part, columns, extras) for part in (split.train, split.validation))
    return training, validation


def _build(recipe: Recipe, source: EventSource, split: Split, second: tuple[EventSource, Split] | None) -> Model:
    """A model with weights drawn from the recipe's seed and transforms fitted to a sample of its training events."""
    columns = recipe.data.condition
    condition_matrix(source.incident, columns)  # says which column is missing, before one is looked up
    particles = np.unique(source.incident["pdg_id"]).tolist() if "pdg_id" in columns else []
    context = BuildContext(source.detector, columns, tuple(particles))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(recipe.training.seed, _WEIGHTS))
        model = models[recipe.kind](recipe.model, context)
    sample, *others = (
        to_batch(events, _fit_sample(events, parts, recipe.training.seed), columns, model.extras)
        for events, parts in ((source, split), *([second] if second else []))
    )
    model.fit_transforms(replace(sample, second=others[0]) if others else sample)
    load_initial(model, recipe.training.initial)
    return model


def _fit_sample(source: EventSource, split: Split, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    size = min(len(split.train), max(500, _FIT_BYTES // signal_bytes(source.detector, 1)))
    rng = np.random.default_rng(derive_seed(seed, _SUBSET))
    return np.sort(rng.choice(split.train, size, replace=False))


def _pack(recipe: Recipe, prepared: Prepared, trained: Trained) -> Bundle:
    incident = prepared.source.incident
    return Bundle(
        name=recipe.name,
        model=trained.model,
        recipe=recipe.to_table(),
        # of all parts: of a continuous spectrum the outermost event may fall to the test part, and is not outside of it
        validity={name: _span(incident[name]) for name in recipe.data.condition},
        provenance=_provenance(recipe, prepared, trained),
    )


def _span(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _provenance(recipe: Recipe, prepared: Prepared, trained: Trained) -> Mapping[str, Any]:
    return {
        "events": recipe.data.events,
        "events_metadata": provenance_of(prepared.source.metadata),
        "n_training_events": len(prepared.split.train),
        "iterations": trained.progress.iteration,
        "training_seconds": round(trained.progress.seconds, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seed": recipe.training.seed,
        "validation_losses": trained.losses,
        "versions": {name: version(name) for name in ("moliere", "torch", "numpy", "lightning-fabric")},
    }
