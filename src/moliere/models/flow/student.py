"""A flow that takes few steps, one evaluation each, learned from one that takes many."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from moliere.config import Config, Table
from moliere.errors import ConfigError
from moliere.models.base import Batch, BuildContext, Loss, Model, models
from moliere.models.flow.calorimeter_flow import CalorimeterFlow, CalorimeterFlowConfig
from moliere.models.flow.geometry import turned
from moliere.models.networks.flow_matching import solvers
from moliere.models.networks.normal_path import NormalPath


class FlowStudentConfig(CalorimeterFlowConfig):
    """Settings of :class:`FlowStudent`."""

    kind: Literal["calorimeter-flow-student"] = "calorimeter-flow-student"  # type: ignore[assignment]
    steps: int = Field(default=1, ge=1, description="jumps from noise to cells")
    layer_steps: int = Field(default=1, ge=1, description="jumps from noise to layers")
    teacher_steps: int = Field(default=4, ge=1, description="midpoint steps of the teacher, shared among the jumps")


@models.register("calorimeter-flow-student")
class FlowStudent(CalorimeterFlow):
    """The same networks as its teacher's, taught to jump from noise to where the teacher's path ends.

    A jump that keeps independent normal numbers normal is built in
    (:meth:`~moliere.models.networks.normal_path.NormalPath.jump`), and the teacher's numbers are nearly that, so the
    student starts near its goal and learns the rest by regression: the teacher's path from given noise is a function,
    not a distribution, so nothing is averaged away. Stage two learns with the layers of real events.

    References:
        Progressive Distillation for Fast Sampling of Diffusion Models, Salimans and Ho, 2022,
        https://arxiv.org/abs/2202.00512; Flow Straight and Fast (distillation of couplings), Liu et al., 2022,
        https://arxiv.org/abs/2209.03003
    """

    config_type: ClassVar[type[Config]] = FlowStudentConfig

    def __init__(self, config: FlowStudentConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.teacher_steps = config.teacher_steps
        self._teachers: tuple[CalorimeterFlow, ...] = ()  # in a tuple, a teacher is not part of the student's weights

    def student(self, steps: int) -> Table:
        """None: a student jumps, and leaves no path that another could follow.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "a FlowStudent cannot be distilled, as it has no path to follow, only jumps; distill the calorimeter-flow "
            "that it learned from"
        )

    def learn_from(self, teacher: Model) -> None:
        """Take the weights and tables of a teacher, and follow its paths from now on.

        Raises:
            ConfigError: the teacher is no flow for calorimeters, of another detector, or of another size.
        """
        if not isinstance(teacher, CalorimeterFlow) or isinstance(teacher, FlowStudent):
            raise ConfigError(
                f"a calorimeter-flow-student learns from a calorimeter-flow, not from {type(teacher).__name__}"
            )
        reason = self.context.detector.incomparable_with(teacher.context.detector)
        if reason or teacher.context.columns != self.context.columns:
            raise ConfigError(
                f"the teacher is for {teacher.context.detector.name} and {list(teacher.context.columns)}, the student "
                f"for {self.context.detector.name} and {list(self.context.columns)}"
                + (f": {reason}" if reason else "")
                + "; distill with events of the teacher's detector, and with its condition"
            )
        given = teacher.state_dict()
        for name, own in self.state_dict().items():
            if name not in given or given[name].shape != own.shape:
                found = tuple(given[name].shape) if name in given else "missing"
                raise ConfigError(
                    f"the student's networks differ from its teacher's: {name} is {found} there and {tuple(own.shape)} "
                    "here; leave the sizes of the model as the teacher has them"
                )
        self.load_state_dict(given)
        self._teachers = (teacher.eval().requires_grad_(False),)

    def _layer_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        batch = self._see(batch, rng)
        given = (self.encoding(batch.condition),)
        state = self.tables.measure(batch.signals)

        def target() -> Tensor:
            return self.tables.encode_layers(batch.condition, state, rng)

        shape = (len(batch), self.tables.width)
        return self._follow("layer_velocity", shape, self.settings.layer_steps, target, rng, *given)

    def _cell_loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        batch = self._see(batch, rng)
        signals = turned(batch.signals, self.symmetries, rng)
        state = self.tables.measure(signals)

        def target() -> Tensor:
            return self.tables.encode_cells(batch.condition, signals, state, rng)

        shape = (len(batch), self.n_channels)
        return self._follow(
            "cell_velocity", shape, self.settings.steps, target, rng, *self._given(batch.condition, state)
        )

    def _follow(
        self, name: str, shape: tuple[int, int], steps: int, target: Any, rng: torch.Generator, *given: Tensor
    ) -> Loss:
        """Squared distance between a jump and the end of the teacher's path from the same place."""
        if not self._teachers:
            raise ConfigError(
                "a student learns from a teacher: make it with moliere distill, or set training.initial.teacher"
            )
        teacher = self._teachers[0].to(given[0].device)
        step = int(torch.randint(steps, (), generator=rng, device=rng.device))
        t, r = step / steps, (step + 1) / steps
        x = torch.randn(shape, generator=rng, device=rng.device)
        if step:  # later jumps start between noise and data
            x = torch.lerp(x, target(), t)
        path: NormalPath = getattr(teacher, name)
        with torch.no_grad():
            end = solvers["midpoint"](
                lambda y, s: (r - t) * path(y, y.new_full((len(y),), t + s * (r - t)), *given),
                x,
                -(-self.teacher_steps // steps),
            )
        return Loss(nn.functional.mse_loss(getattr(self, name).jump(x, t, r, *given), end) / (r - t) ** 2)

    def _carry(self, path: NormalPath, x: Tensor, steps: int, *given: Tensor) -> Tensor:
        for step in range(steps):
            x = path.jump(x, step / steps, (step + 1) / steps, *given)
        return x
