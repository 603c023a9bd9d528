"""From a recipe to a bundle: open, split, build, fit the transforms, train, pack."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from rich.console import Console

from moliere import samples
from moliere.config import Table
from moliere.errors import ConfigError, InvalidEvents, OutputExists
from moliere.events import EventSource
from moliere.events.events import provenance_of
from moliere.events.split import Split, split_events
from moliere.events.store import IN_MEMORY_BYTES, EventStore, signal_bytes
from moliere.files import replacing, working_in
from moliere.memory import freed_memory_kept, peak_memory_mb
from moliere.models.base import Batch, BuildContext, Model, models
from moliere.models.bounded import trainable_here
from moliere.models.bundle import Bundle, load_bundle, save_bundle
from moliere.models.gaps import gaps_in
from moliere.models.initial import load_initial
from moliere.preprocess import condition_matrix
from moliere.seeding import Purpose, derive_seed
from moliere.threads import idle_threads, set_threads
from moliere.training.batches import BatchSource, beside, open_batches, to_batch
from moliere.training.checkpoint import load_checkpoint
from moliere.training.config import UNJUDGED
from moliere.training.launch import launch
from moliere.training.logs import Watch
from moliere.training.loop import TrainingOutcome, train
from moliere.training.pairing import check_same_energies, match_energies
from moliere.training.ranks import ALONE, Ranks, joined, rank_here
from moliere.training.recipe import Recipe

#: settings of the data table that name files
_FILES = ("events", "second", "detector")
#: what a run leaves in its folder beside its bundle and its recipe
_LEFTOVERS = ("checkpoint.pt", "metrics.csv", "best.pt")
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


def prepare(recipe: Recipe, folder: Path, ranks: Ranks = ALONE) -> Prepared:
    """Set the threads, open and split the events, build the model and fit its transforms.

    Args:
        recipe: what to do.
        folder: where events that are too large for memory are unpacked.
        ranks: the processes that train together; the first one unpacks.
    """
    if recipe.training.select not in UNJUDGED and models[recipe.kind].resembles is None:
        raise ConfigError(f"training.select = {recipe.training.select!r} judges signals; {recipe.kind} makes none")
    set_threads(recipe.training.threads or max(1, idle_threads() // ranks.local_size))
    with ranks.first_before_others():
        source = _open(recipe, recipe.data.events, folder / "events.store")
        second = _open_second(recipe, folder)
    split = split_events(source, recipe.data.split, recipe.data.split_seed, recipe.data.leave_out)
    if len(split.train) == 0:
        left_out = f" and data.leave_out {recipe.data.leave_out} leave" if recipe.data.leave_out else " leaves"
        raise ConfigError(f"data.split {recipe.data.split}{left_out} none of {len(source)} events to train on")
    split = _paired(recipe, source, split, second)
    return Prepared(source, split, _build(recipe, source, split, second), second)


def _open_second(recipe: Recipe, folder: Path) -> tuple[EventSource, Split] | None:
    if recipe.data.second is None:
        return None
    source = _open(recipe, recipe.data.second, folder / "second.store")
    return source, split_events(source, recipe.data.split)


def _paired(recipe: Recipe, source: EventSource, split: Split, second: tuple[EventSource, Split] | None) -> Split:
    """The split after the energies of the two samples have been matched, or checked to agree.

    Raises:
        ConfigError: there is no second sample where one is needed.
        InvalidEvents: the samples' incident energies differ, or a sample has none.
    """
    if second is None:
        if recipe.data.match_incident:
            raise ConfigError("data.match_incident matches the energies of data.second, which is not named")
        if models[recipe.kind].resembles == "second":
            raise ConfigError(f"{recipe.kind} learns from data beside the simulation; name their file in data.second")
        return split
    if recipe.data.match_incident:
        return match_energies(split, source, second[0], recipe.training.seed)
    if "energy" in recipe.data.condition:
        check_same_energies(source, split.train, second[0], second[1].train)
    return split


def _open(recipe: Recipe, events: str, store: Path) -> EventSource:
    """A sample; what does not fit in memory is unpacked, unless a model wants extras, which a store does not keep."""
    data, model = recipe.data, models[recipe.kind]
    source = samples.open_source(events, data.detector, branches=data.branches, negative=data.negative)
    fits = signal_bytes(source.detector, len(source)) <= IN_MEMORY_BYTES
    return source if fits or model.extras or model.measured else EventStore(store, source, recipe.data.store)


def fit(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
    watch: Watch | None = None,
) -> tuple[Bundle, TrainingOutcome]:
    """Train what a recipe describes, and save its bundle in the run's folder as ``<name of the recipe>.bundle``.

    Args:
        recipe: what to do.
        folder: of the run: recipe, checkpoint, logs and, at the end, the bundle; made if it is not there.
        resume: go on from the folder's checkpoint.
        overwrite: start again where a run is; its bundle stays until the new one is whole.
        console: where progress is shown.
        watch: called with the share of the training that is done, 0 to 1.

    Returns:
        The bundle and the outcome of the training.

    Raises:
        OutputExists: the folder holds a run, and neither ``resume`` nor ``overwrite`` is set.
        WriteError: another training is in the folder, or the folder cannot be written.
    """
    folder = Path(folder)
    if recipe.training.processes > 1 and rank_here().size == 1:
        launch(recipe, folder, resume=resume, overwrite=overwrite, console=console, watch=watch)
        return _made(recipe, folder)
    with joined() as ranks, working_in(folder) if ranks.is_first else nullcontext():
        return _fit(recipe, folder, ranks, resume=resume, overwrite=overwrite, console=console, watch=watch)


def _made(recipe: Recipe, folder: Path) -> tuple[Bundle, TrainingOutcome]:
    """What other processes have trained."""
    bundle = load_bundle(folder / f"{recipe.name}.bundle")
    progress, _ = load_checkpoint(folder / "checkpoint.pt", recipe.to_table())
    made = bundle.provenance
    outcome = TrainingOutcome(
        bundle.model, progress, dict(made["validation_losses"]), made["planned_iterations"], made["stopped_by"]
    )
    return bundle, outcome


def _fit(
    recipe: Recipe,
    folder: Path,
    ranks: Ranks,
    *,
    resume: bool,
    overwrite: bool,
    console: Console | None,
    watch: Watch | None,
) -> tuple[Bundle, TrainingOutcome]:
    path = folder / f"{recipe.name}.bundle"
    if ranks.is_first and not resume and not overwrite:
        _check_new(folder, path.name)
    prepared = prepare(recipe, folder, ranks)
    if ranks.is_first and not resume:
        _begin(recipe, folder)
    training, validation = _batches(recipe, prepared)
    with freed_memory_kept():
        outcome = train(
            prepared.model, recipe, training, validation, folder,
            resume=resume, console=console, watch=watch, ranks=ranks,
        )  # fmt: skip
    bundle = _pack(recipe, prepared, outcome, ranks)
    if ranks.is_first:
        rng = torch.Generator().manual_seed(derive_seed(recipe.training.seed, Purpose.CALIBRATION))
        sample = partial(_sample, outcome.model, recipe, prepared.source, prepared.split, prepared.second)
        outcome.model.calibrate(sample, rng)
        save_bundle(bundle, path, overwrite=True)
    return bundle, outcome


def _check_new(folder: Path, bundle: str) -> None:
    left = [folder / name for name in (*_LEFTOVERS, bundle) if (folder / name).exists()]
    if left:
        raise OutputExists(
            f"{left[0]} exists; resume that training, overwrite it, or choose another folder",
            options=("--resume", "--overwrite", "-o"),
        )


def _begin(recipe: Recipe, folder: Path) -> None:
    """Remove the files of an earlier run in the folder, except its bundle, and write the recipe."""
    for name in _LEFTOVERS:
        (folder / name).unlink(missing_ok=True)
    with replacing(folder / "recipe.toml", overwrite=True) as partial:
        partial.write_text(tomli_w.dumps(recipe.to_table()))


def _batches(recipe: Recipe, prepared: Prepared) -> tuple[BatchSource, BatchSource]:
    """Training and validation events, those of the second sample beside them."""
    columns, extras = recipe.data.condition, models[recipe.kind].extras
    samples = ((prepared.source, prepared.split), *([prepared.second] if prepared.second else []))
    training, validation = (
        [open_batches(source, getattr(split, part), columns, extras) for source, split in samples]
        for part in ("train", "validation")
    )
    return _joined(training), _joined(validation)


def _joined(sources: list[BatchSource]) -> BatchSource:
    first, *others = sources
    return replace(first, second=others[0]) if others else first


def _build(recipe: Recipe, source: EventSource, split: Split, second: tuple[EventSource, Split] | None) -> Model:
    """A model with weights drawn from the recipe's seed and transforms fitted to a sample of its training events."""
    columns = recipe.data.condition
    condition_matrix(source.incident, columns)  # says which column is missing, before one is looked up
    particles = np.unique(source.incident["pdg_id"]).tolist() if "pdg_id" in columns else []
    context = BuildContext(source.detector, columns, tuple(particles))
    with torch.random.fork_rng(devices=[]), trainable_here():
        torch.manual_seed(derive_seed(recipe.training.seed, Purpose.WEIGHTS))
        model = models[recipe.kind](recipe.model, context)
    sample = _sample(model, recipe, source, split, second)
    _check_lit(model, sample)
    model.fit_transforms(sample)
    load_initial(model, recipe.training.initial)
    return model


def _sample(
    model: Model, recipe: Recipe, source: EventSource, split: Split, second: tuple[EventSource, Split] | None
) -> Batch:
    """Training events that a model takes its statistics from, those of the second sample beside them."""
    parts = ((source, split), *([second] if second else []))
    extras = *model.extras, *(name for name in model.measured if all(name in x.take(slice(0)).extras for x, _ in parts))
    sample, *others = (
        to_batch(events, _fit_sample(events, part, recipe.training.seed), recipe.data.condition, extras)
        for events, part in parts
    )
    return beside(sample, others[0]) if others else sample


def _check_lit(model: Model, sample: Batch) -> None:
    """Refuse events in which a model sees nothing: it would learn, without a word, to make nothing.

    Raises:
        InvalidEvents: no signal is above the model's threshold.
    """
    bar, largest = float(getattr(model, "threshold", 0.0)), float(sample.signals.abs().max())
    if largest == 0 or largest < bar:
        raise InvalidEvents(
            f"none of {len(sample):,} training events has a signal above {bar:g} {model.context.detector.unit}; the "
            f"largest is {largest:g}: "
            + ("lower model.threshold" if largest else "look for what went wrong in these events, as a check does"),
            options=() if largest else ("moliere check FILE",),
        )


def _fit_sample(source: EventSource, split: Split, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    size = min(len(split.train), max(500, _FIT_BYTES // signal_bytes(source.detector, 1)))
    rng = np.random.default_rng(derive_seed(seed, Purpose.FIT_SAMPLE))
    return np.sort(rng.choice(split.train, size, replace=False))


def _pack(recipe: Recipe, prepared: Prepared, outcome: TrainingOutcome, ranks: Ranks) -> Bundle:
    incident = prepared.source.incident
    return Bundle(
        name=recipe.name,
        model=outcome.model,
        recipe=_without_folders(recipe.to_table()),
        # of all parts: the outermost event of a continuous spectrum may be a test event, and must not count as outside
        validity={name: _span(incident[name]) for name in recipe.data.condition},
        provenance={**_provenance(recipe, prepared, outcome), "processes": ranks.size},
    )


def _without_folders(table: Table) -> Table:
    """A recipe's tables with the names of files only: their folders exist only on the machine that trained."""
    data = {**table["data"], **{name: _file_name(table["data"][name]) for name in _FILES if name in table["data"]}}
    initial = {name: _file_name(path) for name, path in table["training"]["initial"].items()}
    return {**table, "data": data, "training": {**table["training"], "initial": initial}}


def _file_name(path: str) -> str:
    return Path(path).name


def _span(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _provenance(recipe: Recipe, prepared: Prepared, outcome: TrainingOutcome) -> Mapping[str, Any]:
    incident = prepared.source.incident
    spans = {name: _span(values) for name, values in incident.items() if len(values)}
    return {
        "events": _file_name(recipe.data.events),
        "events_metadata": provenance_of(prepared.source.metadata),
        "fixed_columns": {name: low for name, (low, high) in spans.items() if low == high},
        "gaps": gaps_in(incident, recipe.data.condition),
        "n_training_events": len(prepared.split.train),
        "iterations": outcome.progress.iteration,
        "planned_iterations": outcome.planned,
        "stopped_by": outcome.stopped_by,
        "training_seconds": round(outcome.progress.seconds, 1),
        "peak_memory_mb": peak_memory_mb(),
        "seed": recipe.training.seed,
        "validation_losses": outcome.losses,
        "versions": {name: version(name) for name in ("moliere", "torch", "numpy", "lightning-fabric")},
    }
