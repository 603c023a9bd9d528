"""The moving average follows the weights, quickly at first."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from moliere.training.optim import average_weights


def follow(decay: float, steps: int) -> float:
    """Where the average of a weight stands that starts at 0 and is 1 from then on."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = average_weights(model, decay)
    average.update_parameters(model)
    nn.init.ones_(model.weight)
    for _ in range(steps):
        average.update_parameters(model)
    return next(average.module.parameters()).item()


def test_without_decay_the_average_is_the_model() -> None:
    assert follow(0.0, 1) == 1.0


def test_early_on_the_start_is_forgotten_faster_than_the_decay_says() -> None:
    expected = 1 - torch.tensor([(1 + n) / (10 + n) for n in range(1, 6)]).prod()
    assert follow(0.999, 5) == pytest.approx(float(expected), rel=1e-5)


def test_a_long_run_falls_with_the_decay() -> None:
    assert 1 - follow(0.5, 12) < 0.5**10
