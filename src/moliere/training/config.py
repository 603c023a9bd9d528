"""What a user may choose about training, with defaults that work."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from moliere.config import Config


class TrainingConfig(Config):
    """The ``[training]`` table of a recipe.

    The length is ``iterations``, or ``minutes`` of training by the clock; with ``iterations`` a run resumed on the CPU
    with as many threads is the same to the last bit, with ``minutes`` its schedule follows the clock.
    """

    iterations: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=256, ge=1)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0, description="at the top of the schedule")
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = Field(default=200, ge=0, description="iterations of linear warm-up")
    clip_norm: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(default=1, ge=1)
    threads: int = Field(default=0, ge=0, description="CPU threads; 0 takes as many as there are idle cores")
    validations: int = Field(default=20, ge=0, description="how often the validation loss is measured in a run")
    patience: int | None = Field(default=None, ge=1, description="stop after so many validations without improvement")
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_length(self) -> TrainingConfig:
        if (self.iterations is None) == (self.minutes is None):
            raise ValueError("give either iterations or minutes")
        return self
