"""The loop: it optimises what a model says it optimises, and never asks what kind of model it trains."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from moliere.errors import ConfigError, TrainingDiverged
from moliere.models.base import Batch, Model, Objective
from moliere.seeding import Purpose, derive_seed
from moliere.training.batches import BatchSource, describe
from moliere.training.checkpoint import Progress, load_checkpoint, restore_states, save_checkpoint
from moliere.training.curriculum import Curriculum, Place, stage_batches
from moliere.training.logs import RunLog, Unheard, Watch
from moliere.training.optim import (
    Losses,
    average_weights,
    check_objectives,
    learning_rate,
    make_fabric,
    make_optimizer,
    only_trained,
)
from moliere.training.ranks import ALONE, Ranks, noise_of
from moliere.training.recipe import Recipe
from moliere.training.selection import Selection, validation_losses

_SHOW_EVERY = 20  # iterations between movements of the bar


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training returns.

    Args:
        model: with averaged weights, on the CPU, in evaluation mode.
        progress: iterations and seconds.
        losses: last validation losses by objective.
        planned: iterations of the whole run; ``None`` where its length is a time.
        stopped_by: what ended the run: ``iterations``, ``minutes`` or ``patience``.
    """

    model: Model
    progress: Progress
    losses: dict[str, float]
    planned: int | None
    stopped_by: str


def train(
    model: Model,
    recipe: Recipe,
    training: BatchSource,
    validation: BatchSource,
    folder: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
    watch: Watch | None = None,
    ranks: Ranks = ALONE,
) -> TrainingOutcome:
    """Train a model whose transforms are fitted.

    Args:
        model: what to train; its weights are changed.
        recipe: its ``training`` table says how.
        training: events to learn from.
        validation: events to watch; those of the last stage, where the recipe has stages.
        folder: where checkpoint and logs lie.
        resume: go on from the folder's checkpoint.
        console: where progress is shown.
        watch: called with the share of the training that is done, 0 to 1.
        ranks: the processes that train together, of which this is one; the first one writes, validates and shows.

    Raises:
        CheckpointError: nothing to resume, or another recipe's checkpoint.
        ConfigError: a stage without events, an objective that the model does not have, or a batch of fewer events than
            there are ranks.
        IncompleteRun: another rank has ended.
        KeyboardInterrupt: this process, or another rank, was asked to end, by Ctrl-C or SIGTERM.
        TrainingDiverged: a loss or weights that are not finite.
    """
    config = recipe.training
    stages = [stage_batches(training, stage) for stage in config.stages]
    watched = stage_batches(validation, config.stages[-1])
    run = _Run(model, recipe, folder, ranks)
    if resume:
        run.restore()
    log = RunLog(folder, console, watch) if ranks.is_first else Unheard()
    with _stop_asked(at_once=ranks.size == 1) as stop, log, _checkpoint_on_exit(run):
        while not run.is_done():
            losses = run.step(stages[run.place.stage], lambda: stop.asked)
            if run.progress.iteration % _SHOW_EVERY == 0:
                with stop.later():
                    log.show(run.fraction(), losses, run.speed())
            if run.validation_is_due():
                values = run.validate(watched)
                with stop.later():
                    log.write(run.progress.iteration, run.progress.seconds, train=losses, validation=values)
            if run.checkpoint_is_due:
                run.save()
    return TrainingOutcome(
        run.final_model(), run.progress, run.validation_losses, run.curriculum.iterations, run.stopped_by()
    )


class _Run:
    """The state of a training: model, average, optimisers, progress."""

    def __init__(self, model: Model, recipe: Recipe, folder: Path, ranks: Ranks) -> None:
        self.ranks = ranks
        self.recipe, self.config, self.path = recipe, recipe.training, folder / "checkpoint.pt"
        self.curriculum = Curriculum(self.config.stages, self.config.limit_minutes)
        self.selection = Selection(self.config.select, folder / "best.pt", self.config.seed)
        self.fabric = make_fabric(self.config, ranks.local)
        self.model = model.train()
        self.objectives = model.objectives()
        check_objectives(self.objectives, self.config)
        wrapped, *self.optimizers = self.fabric.setup(
            Losses(model, self.objectives), *(make_optimizer(o, self.config) for o in self.objectives)
        )
        self.losses: Any = wrapped
        ranks.make_equal(model)
        self.average = average_weights(model, self.config.ema).eval()
        self.progress = Progress()
        self.validation_losses: dict[str, float] = {}
        self.step_seconds = 0.0
        self.saved_at = time.monotonic()
        self.checkpoint_is_due = False

    @property
    def place(self) -> Place:
        """Stage, and how far in it."""
        return self.curriculum.place(self.progress)

    @property
    def batch_size(self) -> int:
        """The stage's, or the run's."""
        return self.config.stages[self.place.stage].batch_size or self.config.batch_size

    def step(self, events: BatchSource, stop: Callable[[], bool]) -> dict[str, float]:
        """One iteration: every objective of the stage, as often as it asks.

        Args:
            events: of the stage.
            stop: whether this process was asked to end.

        Raises:
            KeyboardInterrupt: a rank was asked to end; the iteration is done.
            TrainingDiverged: a loss is not finite; the weights are those from before its update.
        """
        n = events.drawn(self.batch_size)
        if n < self.ranks.size:
            raise ConfigError(f"a batch of {n} events cannot be shared by {self.ranks.size} processes; start fewer")
        batch = events.draw(self.batch_size, self.config.seed, self.progress.iteration, self.ranks)
        start = time.monotonic()
        batch = batch.to(self.fabric.device)
        asked = self.config.stages[self.place.stage].objectives
        values = {}
        for k, objective in enumerate(self.objectives):
            if asked is None or objective.name in asked:
                values[objective.name] = self._optimise(k, objective, batch, n)
        self.average.update_parameters(self.model)
        seconds, old, stopped = self.ranks.largest(
            time.monotonic() - start, time.monotonic() - self.saved_at, float(stop())
        )
        self.step_seconds, self.checkpoint_is_due = seconds, old > 60 * self.config.checkpoint_minutes
        progress = self.progress
        self.progress = replace(
            progress, iteration=progress.iteration + 1, seconds=progress.seconds + self.step_seconds
        )
        if stopped:
            raise KeyboardInterrupt
        show_now = self.progress.iteration % _SHOW_EVERY == 0 or self.validation_is_due()
        return {name: float(value) for name, value in values.items()} if show_now else {}

    def _optimise(self, k: int, objective: Objective, batch: Batch, n: int) -> Tensor:
        """Make the updates that the objective asks for in one iteration; returns the last loss."""
        self._set_rate(k, objective)
        loss = torch.zeros(())
        with only_trained(self.model, objective) as parameters:
            for repeat in range(objective.steps):
                seed = derive_seed(self.config.seed, Purpose.NOISE, self.progress.iteration, k, repeat)
                rng = self.ranks.generator(self.fabric.device, seed, n)
                loss = self._update(k, parameters, batch, n, rng)
        return loss

    def _update(self, k: int, parameters: list[nn.Parameter], batch: Batch, n: int, rng: torch.Generator) -> Tensor:
        optimizer: Any = self.optimizers[k]
        optimizer.zero_grad(set_to_none=True)
        with noise_of(rng):
            own: Tensor = self.losses(k, batch, rng)
        self.fabric.backward(own)
        loss = self.ranks.average(parameters, own.detach(), n)
        if not bool(loss.isfinite()):
            raise TrainingDiverged(self._divergence(k, float(own.detach()), batch))
        if self.config.clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        optimizer.step()
        self.losses.learn()
        return loss

    def _divergence(self, k: int, loss: float, batch: Batch) -> str:
        """What went wrong, on the batch of the first rank where it did."""
        found = self.ranks.gathered((loss, describe(batch)))
        value, where = next((each for each in found if not math.isfinite(each[0])), found[0])
        return (
            f"the loss of {self.objectives[k].name!r} is {value} in iteration {self.progress.iteration + 1:,}{where}; "
            f"{self._what_is_kept()}: {self._advice()}"
        )

    def _set_rate(self, k: int, objective: Objective) -> None:
        place = self.place
        rate = learning_rate(
            self.config, self.config.stages[place.stage], objective.name, self.progress.iteration, place.fraction
        )
        for group in self.optimizers[k].param_groups:
            group["lr"] = rate

    def fraction(self) -> float:
        """How much of the run is done, by iterations or by the clock."""
        return self.curriculum.fraction(self.progress)

    def is_done(self) -> bool:
        """Whether the length or the time limit is reached, or patience is at an end."""
        patience = self.config.patience
        out_of_patience = patience is not None and self.progress.stale >= patience
        return self.fraction() >= 1 or out_of_patience or self.curriculum.is_out_of_time(self.progress)

    def stopped_by(self) -> str:
        """What ended the run."""
        if self.curriculum.iterations is None:
            return "minutes" if self.fraction() >= 1 else "patience"
        if self.fraction() >= 1:
            return "iterations"
        return "minutes" if self.curriculum.is_out_of_time(self.progress) else "patience"

    def speed(self) -> float:
        """Events a second, of the last iteration."""
        return self.batch_size / max(self.step_seconds, 1e-9)

    def validation_is_due(self) -> bool:
        """Whether a whole number of validation intervals has just been completed."""
        n = self.config.validations
        if n == 0:
            return False
        progress = self.progress
        before = replace(progress, iteration=progress.iteration - 1, seconds=progress.seconds - self.step_seconds)
        return math.floor(self.fraction() * n) > math.floor(self.curriculum.fraction(before) * n)

    @torch.no_grad()
    def validate(self, events: BatchSource) -> dict[str, float]:
        """Losses of the averaged model on the validation events, with the same noise every time, and its score."""
        if len(events) == 0:
            return {}
        self.validation_losses, scores = self.ranks.told(lambda: self._measure(events))
        self._compare(scores.get("score", sum(self.validation_losses.values())))
        return {**self.validation_losses, **scores}

    def _measure(self, events: BatchSource) -> tuple[dict[str, float], dict[str, float]]:
        """Validation losses, and the score's numbers."""
        model = cast("Model", self.average.module)
        return validation_losses(model, events, self.config, self.fabric.device), self.selection.measure(model, events)

    def _compare(self, value: float) -> None:
        """Remember whether this is the best so far, and its weights if they are to be kept."""
        better = value < self.progress.best
        if better and self.ranks.is_first:
            self.selection.keep(cast("Model", self.average.module))
        self.progress = replace(
            self.progress, best=min(self.progress.best, value), stale=0 if better else self.progress.stale + 1
        )

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            TrainingDiverged: the weights are not finite; what is on disk stays as it was.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise TrainingDiverged(
                f"the weights are no longer finite after {self.progress.iteration:,} iterations; "
                f"{self._what_is_kept()}: {self._advice()}"
            )
        states = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        if self.ranks.is_first:
            save_checkpoint(self.path, self.progress, self.recipe.to_table(), states)
        self.saved_at = time.monotonic()

    def _advice(self) -> str:
        clip = self.config.clip_norm
        return f"try a smaller training.learning_rate, or a training.clip_norm of {clip / 10 if clip else 1:g}"

    def _what_is_kept(self) -> str:
        """What is on disk when a training diverges."""
        if not self.path.is_file():
            return "no checkpoint had been written yet"
        return f"{self.path} holds the last good checkpoint, from before"

    def restore(self) -> None:
        """Go on from the checkpoint."""
        self.progress, states = self.ranks.told(lambda: load_checkpoint(self.path, self.recipe.to_table()))
        holders = {"model": [self.model], "average": [self.average], "optimizers": self.optimizers}
        restore_states(self.path, states, holders)

    def final_model(self) -> Model:
        """The given model with the averaged weights, or with the best averaged weights that were kept."""
        self.model.load_state_dict(self.average.module.state_dict())
        model = self.model.cpu().eval()
        if self.ranks.is_first:
            self.selection.restore(model)
        self.ranks.make_equal(model)
        return model


@contextmanager
def _checkpoint_on_exit(run: _Run) -> Iterator[None]:
    """Write a checkpoint however the run ends, by Ctrl-C too, except where it diverged."""
    try:
        yield
    except TrainingDiverged:
        raise
    except KeyboardInterrupt:
        run.save()
        run.ranks.largest(0.0)  # none ends before the checkpoint is whole: batch systems then kill the others
        raise
    except BaseException:
        run.save()
        raise
    run.save()


class _Stop:
    """Hears Ctrl-C and SIGTERM, with which batch systems end a job.

    Args:
        at_once: whether to raise KeyboardInterrupt where the process is, or to go on until it is asked.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once, self._busy = at_once, False
        self.asked = False

    def hear(self, number: int, frame: object) -> None:
        """What a signal calls."""
        self.asked = True
        if self._at_once and not self._busy:
            raise KeyboardInterrupt

    @contextmanager
    def later(self) -> Iterator[None]:
        """Nothing is raised inside: a log whose queue is torn in the middle of a line can never be closed."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._at_once and self.asked:
            raise KeyboardInterrupt


@contextmanager
def _stop_asked(*, at_once: bool) -> Iterator[_Stop]:
    """Listen; see :class:`_Stop`."""
    stop = _Stop(at_once=at_once)
    if threading.current_thread() is not threading.main_thread():  # only the main thread may listen
        yield stop
        return
    # whoever started this process may have said that it shall not hear Ctrl-C
    ignored = at_once and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    numbers = (signal.SIGTERM,) if ignored else (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, stop.hear) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
