"""One trial: a recipe is trained in its own folder, judged at intervals, and given up where others were better."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from moliere.config import Table
from moliere.errors import CheckpointError
from moliere.evaluation import Report
from moliere.events import Events
from moliere.files import locked, writing
from moliere.front.judging import timed
from moliere.models import Bundle
from moliere.models.base import Model, models
from moliere.production import Worker
from moliere.production.worker import is_worker
from moliere.report import write_report
from moliere.training import Recipe, fit, prepare
from moliere.training.batches import BatchSource, open_batches
from moliere.training.recipe import parse_recipe
from moliere.training.selection import compared, looking
from moliere.tuning.goals import TIME, judged, values_of
from moliere.tuning.storage import open_storage, optuna_here

Pruner = Literal["median", "halving", "none"]
State = Literal["complete", "pruned", "failed", "stopped"]

#: validation events that a trial is judged on at its end, and on the way
FINAL, ON_THE_WAY = 10_000, 1_000
#: what events that are too large for memory are unpacked into; all trials share one
STORES = ("events.store", "second.store")
#: what nobody needs of a trial that has ended
_LEFTOVERS = ("checkpoint.pt", "best.pt", *STORES)


@dataclass(frozen=True)
class Job:
    """What a process needs to make a trial.

    Args:
        number: of the trial.
        id: of the trial in the storage.
        recipe: with the trial's values.
        folder: of the trial.
        figures: that it is judged by.
        storage: path or URL.
        study: name in the storage.
        pruner: how trials are given up.
        looks: parts of the training, between which the trial is judged.
        pulse: a file; once it is gone, the trial keeps what it has and stops.
        home: folder that the recipe's paths begin at.
    """

    number: int
    id: int
    recipe: Table
    folder: Path
    figures: tuple[str, ...]
    storage: str
    study: str
    pruner: Pruner
    looks: int
    pulse: Path
    home: Path

    @property
    def threads(self) -> int:
        """CPU threads of its training and of its evaluations."""
        return int(self.recipe["training"]["threads"])


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Args:
        state: complete, pruned, failed, or stopped, which another run goes on with.
        values: figure → value.
        said: why, where it is not complete.
        seconds: spent in this run of the trial.
    """

    state: State
    values: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
    seconds: float = 0.0


class _Pruned(Exception):
    """Others were better at this point."""


class _Stopped(Exception):
    """The search ends here."""


def run_apart(job: Job) -> Outcome:
    """Train and judge in a process of our own: that of an executor may belong to others, with their threads and folder.

    Raises:
        IncompleteRun: the process died.
        CheckpointError: the folder of the search is not seen from here.
    """
    if not is_worker():
        with Worker() as worker:
            outcome: Outcome = worker.call(run_apart, job)
            return outcome
    for folder in (job.folder.parents[1], job.home):
        if not folder.is_dir():
            raise CheckpointError(
                f"{folder} is not there, seen from {platform.node()}; all machines must see this folder"
            )
    os.chdir(job.home)
    return run_trial(job)


def run_trial(job: Job, watch: Callable[[float], object] | None = None) -> Outcome:
    """Train and judge; what is wrong with the settings ends the trial, what is wrong with the machine the search.

    Args:
        job: what to do.
        watch: called with the share of the training that is done, 0 to 1.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    start = time.monotonic()
    try:
        _open_folder(job.folder)
        with locked(job.folder, wait=True):  # a process that a killed driver left behind may still be at this trial
            outcome = _made(job, watch)
    except _Pruned as pruned:
        outcome = Outcome("pruned", said=str(pruned))
    except _Stopped:
        outcome = Outcome("stopped")
    except (OSError, ImportError):
        raise
    except Exception as error:  # of torch, of the model, of the evaluation: with these settings it does not work
        name = "" if type(error).__module__ == "moliere.errors" else f"{type(error).__name__}: "
        outcome = Outcome("failed", said=f"{name}{error}"[:500])
    return replace(outcome, seconds=time.monotonic() - start)


def _made(job: Job, watch: Callable[[float], object] | None) -> Outcome:
    recipe, examiner = parse_recipe(job.recipe), _Examiner(job)

    def watched(share: float) -> None:
        if not job.pulse.exists():
            raise _Stopped
        examiner.share = share
        if watch is not None:
            watch(share)

    watched(0.0)
    with looking(examiner):
        bundle = _train(recipe, job.folder, watched)
    report = examiner.final(bundle, recipe)
    write_report(report, job.folder / "report", overwrite=True)
    values = dict(values_of(report, job.figures))
    if report.timing is not None:
        values[TIME] = report.timing.generated_ms
    known = {figure: value for figure in job.figures if (value := values[figure]) is not None}
    if len(known) < len(job.figures):
        missing = ", ".join(figure for figure in job.figures if figure not in known)
        return Outcome(
            "failed", known, f"{missing} could not be measured: {'; '.join(report.warnings) or 'not finite'}"
        )
    return Outcome("complete", known)


def _train(recipe: Recipe, folder: Path, watch: Callable[[float], object]) -> Bundle:
    """Go on from a checkpoint, where there is a sound one."""
    if (folder / "checkpoint.pt").exists():
        with suppress(CheckpointError):
            return fit(recipe, folder, resume=True, watch=watch)[0]
    return fit(recipe, folder, overwrite=True, watch=watch)[0]


def _open_folder(folder: Path) -> None:
    """Make it, with the stores that all trials share."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in STORES:
            if (folder.parents[1] / name).exists() and not (folder / name).is_symlink():
                (folder / name).symlink_to(Path("../..") / name)


class _Examiner:
    """Judges a model on its validation events, while it is trained and in the end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seed = int(job.recipe["training"]["seed"])
        self.step = 0
        self.trial: Any = None
        self.share = 0.0
        self.validation: BatchSource | None = None
        if len(job.figures) == 1 and job.figures[0] != TIME and job.pruner != "none":
            optuna = optuna_here()
            study = optuna.load_study(
                study_name=job.study, storage=open_storage(job.storage), pruner=make_pruner(job.pruner)
            )
            self.trial = optuna.trial.Trial(study, job.id)
            self.step = max(study.trials[job.number].intermediate_values, default=0)

    def __call__(self, model: Model, validation: BatchSource) -> None:
        """Look at a model that is validated."""
        self.validation = validation
        step = int(self.share * self.job.looks + 1e-9)
        if self.trial is not None and self.step < step < self.job.looks:
            self.step = step
            with torch.enable_grad():  # classifiers learn
                self._look(compared(model, validation, self.seed, ON_THE_WAY))

    def _look(self, pair: tuple[Events, Events]) -> None:
        """Tell the others how good this trial is by now, and give it up if most were better.

        Raises:
            _Pruned: they were.
        """
        (figure,) = self.job.figures
        value = values_of(judged(*pair, self.job.figures, self.job.threads), self.job.figures)[figure]
        if value is None:
            return
        self.trial.report(value, self.step)
        if self.trial.should_prune():
            raise _Pruned(f"{figure} was {value:.4g} after {self.step} of {self.job.looks} parts of the training")

    def final(self, bundle: Bundle, recipe: Recipe) -> Report:
        """The report of the trained model."""
        validation = self.validation or validation_part(recipe, self.job.folder)
        reference, made = compared(bundle.model, validation, self.seed, FINAL)
        report = judged(reference, made, self.job.figures, self.job.threads, classifier_seeds=3)
        if TIME in self.job.figures:
            return timed(report, bundle, reference, self.job.threads, None)
        return report


def validation_part(recipe: Recipe, folder: Path) -> BatchSource:
    """The events that trials are judged on, those of a second sample beside them.

    Args:
        recipe: which events.
        folder: where events that are too large for memory are unpacked.

    Raises:
        ConfigError: what a recipe's events do not give.
    """
    prepared, extras = prepare(recipe, folder), models[recipe.kind].extras
    first, *others = (
        open_batches(source, split.validation, recipe.data.condition, extras)
        for source, split in ((prepared.source, prepared.split), *([prepared.second] if prepared.second else []))
    )
    return replace(first, second=others[0]) if others else first


def make_pruner(kind: Pruner) -> Any:
    """Who gives up trials: those that are worse than the median of the others, or than the better half of them."""
    pruners = optuna_here().pruners
    if kind == "median":
        return pruners.MedianPruner()
    return (
        pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        if kind == "halving"
        else pruners.NopPruner()
    )


def clean_up(folder: Path) -> None:
    """Remove what only an interrupted trial needs."""
    for name in _LEFTOVERS:
        (folder / name).unlink(missing_ok=True)
