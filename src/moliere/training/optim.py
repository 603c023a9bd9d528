"""Everything that changes the weights: devices and precision, optimisers, learning rates, the moving average."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from moliere.errors import ConfigError, did_you_mean
from moliere.models.base import Batch, Model, Objective
from moliere.training.config import StageConfig, TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(config: TrainingConfig, local_rank: int = 0) -> Fabric:
    """Device and precision.

    Args:
        config: of the training.
        local_rank: number of this process on its machine; of several GPUs, which one is its own.

    Raises:
        ConfigError: this machine has no such accelerator.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    precision = config.precision
    if precision == "auto":
        # measured on the CPU: bf16 matrix products at half the speed of float32 without AMX
        precision = "bf16-mixed" if torch.cuda.is_available() and config.accelerator != "cpu" else "32-true"
    try:
        # which processes train together is known already: Fabric shall not look for a batch system
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=_own_device(config, local_rank),
            precision=precision,
            plugins=[LightningEnvironment()],
        )
    except (RuntimeError, ValueError) as error:  # Lightning's words for a machine without it
        raise ConfigError(
            f"training.accelerator = {config.accelerator!r} is not available here; take 'cpu', or 'auto' for the best "
            "that there is"
        ) from error
    fabric.launch()
    return fabric


def _own_device(config: TrainingConfig, local_rank: int) -> list[int] | int:
    """In Lightning's words: a list names GPUs, a number counts processors."""
    if not torch.cuda.is_available() or config.accelerator not in ("auto", "cuda"):
        return 1
    if local_rank >= torch.cuda.device_count():
        raise ConfigError(
            f"process {local_rank} of this machine has no GPU: there are {torch.cuda.device_count()}; set "
            "training.devices to at most that"
        )
    return [local_rank]


def make_optimizer(objective: Objective, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of one objective; its rate is set by :func:`learning_rate` in every iteration."""
    parameters, decay = objective.parameters(), config.weight_decay
    if config.optimizer == "rmsprop":
        # Keras's defaults, which published recipes mean when they name no others
        return torch.optim.RMSprop(parameters, alpha=0.9, eps=1e-7, weight_decay=decay, foreach=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    # fused is one pass over the weights; the unfused update was 10 % of an iteration on the CPU
    return kind(parameters, betas=config.betas, weight_decay=decay, amsgrad=config.optimizer == "amsgrad", fused=True)


def learning_rate(
    config: TrainingConfig, stage: StageConfig, objective: str, iteration: int, stage_fraction: float
) -> float:
    """Linear warm-up at the start of the run, then half a cosine down to zero in each stage, or a constant."""
    rate = stage.learning_rate or config.learning_rates.get(objective, config.learning_rate)
    warm = min(1.0, (iteration + 1) / max(1, config.warmup))
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, stage_fraction))) if config.schedule == "cosine" else 1.0
    return rate * warm * fall


def check_objectives(objectives: tuple[Objective, ...], config: TrainingConfig) -> None:
    """Refuse names that no objective has.

    Raises:
        ConfigError: with the nearest name.
    """
    names = [objective.name for objective in objectives]
    asked = {"training.learning_rates": [*config.learning_rates]}
    asked["training.stage.objectives"] = [name for stage in config.stages for name in stage.objectives or ()]
    for where, given in asked.items():
        for name in given:
            if name not in names:
                raise ConfigError(f"{where}: no objective {name!r}; {did_you_mean(name, names)}")


@contextmanager
def only_trained(model: nn.Module, objective: Objective) -> Iterator[list[nn.Parameter]]:
    """Within the block, gradients are computed for an objective's own parameters and for no others.

    A generator's loss passes through its critic; without this, every update would compute the critic's gradients too
    and throw them away.
    """
    own = list(objective.parameters())
    trained = set(map(id, own))
    frozen = [p for p in model.parameters() if p.requires_grad and id(p) not in trained]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield own
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def average_weights(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model whose ``update_parameters`` follows the weights.

    Early on the decay is smaller, (1 + n) / (10 + n), so that the random start is forgotten; with decay 0 the copy is
    the model itself.
    """

    def update(averaged: Iterable[Tensor], current: Iterable[Tensor], n: Tensor | int) -> None:
        keep = min(decay, (1 + int(n)) / (10 + int(n)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - keep)

    return AveragedModel(model, multi_avg_fn=torch.no_grad()(update))


class Losses(nn.Module):
    """All objectives behind one ``forward``, which is what strategies for many devices wrap."""

    def __init__(self, model: Model, objectives: tuple[Objective, ...]) -> None:
        super().__init__()
        self.model = model
        self._objectives = objectives
        self._learn: Callable[[], None] | None = None

    def forward(self, k: int, batch: Batch, rng: torch.Generator) -> Tensor:
        """The loss of objective k."""
        loss = self._objectives[k].loss(batch, rng)
        self._learn = loss.learn
        return loss.total

    def learn(self) -> None:
        """Do what the last loss asks for after the weights have moved."""
        if self._learn is not None:
            self._learn()
