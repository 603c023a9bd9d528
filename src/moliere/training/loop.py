"""The loop: it optimises what a model says it optimises, and never asks what kind of model it trains."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from rich.console import Console
from torch import Tensor, nn

from moliere.errors import TrainingDiverged
from moliere.models.base import Batch, Model, Objective
from moliere.seeding import derive_seed
from moliere.training.averages import average_weights
from moliere.training.batches import BatchSource, batch_positions
from moliere.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from moliere.training.config import TrainingConfig
from moliere.training.logs import RunLog
from moliere.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_SHOW_EVERY = 20  # iterations between movements of the bar
_NOISE, _VALIDATION = 1, 2  # what a derived seed is for


@dataclass(frozen=True)
class Trained:
    """What a training returns.

    Args:
        model: with averaged weights, on the CPU, in evaluation mode.
        progress: iterations and seconds.
        losses: last validation losses by objective.
    """

    model: Model
    progress: Progress
    losses: dict[str, float]


def train(
    model: Model,
    recipe: Recipe,
    training: BatchSource,
    validation: BatchSource,
    folder: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> Trained:
    """Train a model whose transforms are fitted.

    Args:
        model: what to train; its weights are changed.
        recipe: its ``training`` table says how.
        training: events to learn from.
        validation: events to watch.
        folder: where checkpoint and logs lie.
        resume: go on from the folder's checkpoint.
        console: where progress is shown.

    Raises:
        CheckpointError: nothing to resume, or another recipe's checkpoint.
    """
    config = recipe.training
    run = _Run(model, recipe, folder)
    if resume:
        run.restore()
    with RunLog(folder, console) as log, _checkpoint_on_exit(run):
        while not run.is_done():
            batch = training.take(
                batch_positions(len(training), config.batch_size, config.seed, run.progress.iteration, training.window)
            )
            losses = run.step(batch)
            if run.progress.iteration % _SHOW_EVERY == 0:
                log.show(run.fraction(), losses, run.speed())
            if run.validation_is_due():
                values = run.validate(validation)
                log.write(
                    run.progress.iteration,
                    run.progress.seconds,
                    {**_prefix("train", losses), **_prefix("validation", values)},
                )
            if run.checkpoint_is_due():
                run.save()
    return Trained(run.averaged_model(), run.progress, run.validation_losses)


class _Run:
    """The state of a training: model, average, optimisers, progress."""

    def __init__(self, model: Model, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.config, self.path = recipe, recipe.training, folder / "checkpoint.pt"
        self.fabric = _make_fabric(self.config)
        self.model = model
        self.objectives = model.objectives()
        wrapped, *self.optimizers = self.fabric.setup(
            _Losses(model, self.objectives), *(_make_optimizer(o, self.config) for o in self.objectives)
        )
        self.losses: nn.Module = wrapped
        self.average = average_weights(model, self.config.ema)
        self.progress = Progress()
        self.validation_losses: dict[str, float] = {}
        self.step_seconds = 0.0
        self.saved_at = time.monotonic()

    def step(self, batch: Batch) -> dict[str, float]:
        """One iteration: every objective, as often as it asks."""
        start = time.monotonic()
        self._set_rate()
        batch = batch.to(self.fabric.device)
        values = {}
        for k, (objective, optimizer) in enumerate(zip(self.objectives, self.optimizers, strict=True)):
            for repeat in range(objective.steps):
                seed = derive_seed(self.config.seed, _NOISE, self.progress.iteration, k, repeat)
                rng = torch.Generator(self.fabric.device).manual_seed(seed)
                values[objective.name] = self._update(k, optimizer, batch, rng)
        self.average.update_parameters(self.model)
        self.step_seconds = time.monotonic() - start
        progress = self.progress
        self.progress = replace(
            progress, iteration=progress.iteration + 1, seconds=progress.seconds + self.step_seconds
        )
        show_now = self.progress.iteration % _SHOW_EVERY == 0 or self.validation_is_due()
        return {name: float(value) for name, value in values.items()} if show_now else {}

    def _update(self, k: int, optimizer: Any, batch: Batch, rng: torch.Generator) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self.losses(k, batch, rng)
        self.fabric.backward(loss)
        if self.config.clip_norm is not None:
            parameters = list(self.objectives[k].parameters())
            torch.nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        optimizer.step()
        return loss.detach()

    def fraction(self) -> float:
        """How much of the run is done, by iterations or by the clock."""
        return self._share(self.progress.iteration, self.progress.seconds)

    def _share(self, iterations: int, seconds: float) -> float:
        """What part of the run so many iterations or seconds are."""
        if self.config.iterations is not None:
            return iterations / self.config.iterations
        return seconds / (60 * (self.config.minutes or 1))

    def is_done(self) -> bool:
        """Whether the length is reached or patience is at an end."""
        patience = self.config.patience
        return self.fraction() >= 1 or (patience is not None and self.progress.stale >= patience)

    def speed(self) -> float:
        """Events a second, of the last iteration."""
        return self.config.batch_size / max(self.step_seconds, 1e-9)

    def _set_rate(self) -> None:
        """Linear warm-up, then half a cosine down to zero."""
        warm = min(1.0, (self.progress.iteration + 1) / max(1, self.config.warmup))
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self.fraction()))) if self.config.schedule == "cosine" else 1.0
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * warm * fall

    def validation_is_due(self) -> bool:
        """Whether a whole number of validation intervals has just been completed."""
        n = self.config.validations
        if n == 0:
            return False
        before = self.fraction() - self._share(1, self.step_seconds)
        return math.floor(self.fraction() * n) > math.floor(before * n)

    @torch.no_grad()
    def validate(self, events: BatchSource) -> dict[str, float]:
        """Losses of the averaged model on the validation events, with the same noise every time."""
        module = cast("Model", self.average.module)
        totals = dict.fromkeys((o.name for o in module.objectives()), 0.0)
        if len(events) == 0:
            return {}
        for k, objective in enumerate(module.objectives()):
            rng = torch.Generator(self.fabric.device).manual_seed(derive_seed(self.config.seed, _VALIDATION, k))
            for positions in torch.arange(len(events)).split(self.config.batch_size):
                batch = events.take(positions).to(self.fabric.device)
                totals[objective.name] += float(objective.loss(batch, rng).total) * len(batch) / len(events)
        self.validation_losses = totals
        better = sum(totals.values()) < self.progress.best
        self.progress = replace(
            self.progress,
            best=min(self.progress.best, sum(totals.values())),
            stale=0 if better else self.progress.stale + 1,
        )
        return totals

    def checkpoint_is_due(self) -> bool:
        """Whether the last checkpoint is older than the recipe wants."""
        return time.monotonic() - self.saved_at > 60 * self.config.checkpoint_minutes

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            TrainingDiverged: the weights are not finite; what is on disk stays as it was.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise TrainingDiverged(
                f"the weights are no longer finite after {self.progress.iteration} iterations; the last good "
                "checkpoint is untouched: try a smaller learning_rate or clip_norm"
            )
        states = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        if self.fabric.is_global_zero:
            save_checkpoint(self.path, self.progress, self.recipe.to_table(), states)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go on from the checkpoint."""
        self.progress, states = load_checkpoint(self.path, self.recipe.to_table())
        self.model.load_state_dict(states["model"])
        self.average.load_state_dict(states["average"])
        for optimizer, state in zip(self.optimizers, states["optimizers"], strict=True):
            optimizer.load_state_dict(state)

    def averaged_model(self) -> Model:
        """The averaged weights in the model that was given."""
        self.model.load_state_dict(self.average.module.state_dict())
        return self.model.cpu().eval()


class _Losses(nn.Module):
    """All objectives behind one ``forward``, which is what strategies for many devices wrap."""

    def __init__(self, model: Model, objectives: tuple[Objective, ...]) -> None:
        super().__init__()
        self.model = model
        self._objectives = objectives

    def forward(self, k: int, batch: Batch, rng: torch.Generator) -> Tensor:
        return self._objectives[k].loss(batch, rng).total


@contextmanager
def _checkpoint_on_exit(run: _Run) -> Iterator[None]:
    """Whatever ends the run, Ctrl-C included, what it has learned is on disk."""
    try:
        yield
    finally:
        run.save()


def _make_fabric(config: TrainingConfig) -> Fabric:
    from lightning_fabric import Fabric

    precision = config.precision
    if precision == "auto":
        # measured on the CPU: bf16 matrix products at half the speed of float32 without AMX
        precision = "bf16-mixed" if torch.cuda.is_available() and config.accelerator != "cpu" else "32-true"
    fabric = Fabric(accelerator=config.accelerator, devices=config.devices, precision=precision)
    fabric.launch()
    return fabric


def _make_optimizer(objective: Objective, config: TrainingConfig) -> torch.optim.Optimizer:
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[config.optimizer](
        objective.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,  # one pass over the weights; the unfused update was 10 % of an iteration on the CPU
    )


def _prefix(word: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{word}/{name}": value for name, value in values.items()}
