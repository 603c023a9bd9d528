"""What a user may choose about training, with defaults that work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from moliere.config import Config
from moliere.errors import did_you_mean
from moliere.events.judges import judges
from moliere.units import parse_angle, parse_energy

#: ways to select weights that look at no generated events
UNJUDGED = ("last", "loss")
#: share of an average that an iteration leaves as it was
Decay = Annotated[float, Field(ge=0, lt=1)]
_PARSERS = {"energy": parse_energy, "theta": parse_angle, "phi": parse_angle}


class StageConfig(Config):
    """One ``[[training.stage]]``: what is different in one part of a run.

    Its length is ``iterations`` or ``minutes``, the same in every stage. Weights, averages and optimisers go on from
    one stage to the next; the schedule of the learning rate starts anew.
    """

    iterations: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    within: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description='only events with these incident columns: {energy = ["100 GeV", "200 GeV"]}; numbers are MeV, rad',
    )
    learning_rate: float | None = Field(default=None, gt=0, description="instead of all others")
    batch_size: int | None = Field(
        default=None, ge=1, description="instead of the run's; adversaries often get larger ones towards the end"
    )
    objectives: tuple[str, ...] | None = Field(default=None, description="only these are optimised; all by default")

    @field_validator("within", mode="before")
    @classmethod
    def _parse_units(cls, ranges: Any) -> Any:
        """Numbers with units, where a column has a unit to be read."""
        if not isinstance(ranges, dict):
            return ranges
        return {name: [in_units(name, end) for end in ends] for name, ends in ranges.items()}

    @model_validator(mode="after")
    def _one_length(self) -> StageConfig:
        if (self.iterations is None) == (self.minutes is None):
            raise ValueError("give either iterations or minutes")
        return self


class TrainingConfig(Config):
    """The ``[training]`` table of a recipe.

    The length is ``iterations``, or ``minutes`` of training by the clock, or that of the stages together; with
    ``iterations`` a run resumed on the CPU with as many threads is the same to the last bit, with ``minutes`` its
    schedule follows the clock. With both, ``minutes`` is a time limit that may cut the iterations short. Of stages
    that have lengths of their own, ``iterations`` is the new sum, shared as those lengths are.
    """

    iterations: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    stage: tuple[StageConfig, ...] = Field(default=(), description="a curriculum, instead of one length")
    initial: dict[str, str] = Field(
        default_factory=dict,
        description='weights to start from: {model = "other.bundle"}, or Keras files by network '
        '{generator = "gen.h5", discriminator = "disc.h5"}',
    )
    batch_size: int = Field(default=256, ge=1)
    optimizer: Literal["adam", "adamw", "amsgrad", "rmsprop"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0, description="at the top of the schedule")
    learning_rates: dict[str, float] = Field(default_factory=dict, description="of single objectives, by name")
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = Field(default=200, ge=0, description="iterations of linear warm-up")
    clip_norm: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 does not clip")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(default=1, ge=1, description="of each machine: processes that share every batch")
    nodes: int = Field(default=1, ge=1, description="machines; the same command runs on each")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0 takes as many as there are idle cores")
    validations: int = Field(default=20, ge=0, description="how often the run is validated")
    select: str = Field(
        default="last",
        description="which weights are kept: last, loss (lowest validation loss), or a score of generated events: "
        "physics, separation, bdt",
    )
    patience: int | None = Field(default=None, ge=1, description="stop after so many validations without improvement")
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_length(self) -> TrainingConfig:
        if not self.stage and self.iterations is None and self.minutes is None:
            raise ValueError("give iterations, or minutes, or iterations with minutes as their time limit")
        if len({stage.minutes is None for stage in self.stage}) > 1:
            raise ValueError("give all stages iterations, or all of them minutes")
        return self

    @field_validator("select")
    @classmethod
    def _known_judge(cls, select: str) -> str:
        if select not in UNJUDGED and select not in judges:
            raise ValueError(f"no such way to select weights; {did_you_mean(select, [*UNJUDGED, *judges])}")
        return select

    @property
    def processes(self) -> int:
        """How many share every batch."""
        return self.devices * self.nodes

    @property
    def by_iterations(self) -> bool:
        """Whether the length is a number of iterations."""
        return self.iterations is not None or bool(self.stage and self.stage[0].minutes is None)

    @property
    def limit_minutes(self) -> float | None:
        """Minutes after which iterations are cut short."""
        return self.minutes if self.by_iterations else None

    @property
    def stages(self) -> tuple[StageConfig, ...]:
        """The stages with their lengths; a run without any is one."""
        stages = self.stage or (StageConfig(iterations=1),)
        total = sum(stage.iterations or stage.minutes or 0.0 for stage in stages)
        shares = [(stage.iterations or stage.minutes or 0.0) / total for stage in stages]
        if self.iterations is not None:
            lengths: list[dict[str, float | None]]
            lengths = [{"iterations": max(1, round(self.iterations * share)), "minutes": None} for share in shares]
        elif self.minutes is not None and not self.by_iterations:
            lengths = [{"iterations": None, "minutes": self.minutes * share} for share in shares]
        else:
            return self.stage
        return tuple(stage.model_copy(update=length) for stage, length in zip(stages, lengths, strict=True))


def in_units(name: str, value: Any) -> Any:
    """A number with its unit, '100 GeV', as a number where a column has a unit to be read."""
    return _PARSERS[name](value) if isinstance(value, str) and name in _PARSERS else value
