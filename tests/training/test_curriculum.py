"""Stages: their lengths, events, objectives and rates; and which weights a run keeps."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moliere.errors import ConfigError
from moliere.events import Events
from moliere.events.judges import judges
from moliere.models import Batch, Objective
from moliere.models.base import Loss
from moliere.training import Recipe, fit
from moliere.training.batches import open_batches
from moliere.training.checkpoint import Progress
from moliere.training.config import StageConfig, TrainingConfig
from moliere.training.curriculum import Curriculum, Place, stage_batches
from moliere.training.optim import make_optimizer
from moliere.training.recipe import parse_recipe

SMALL = {"width": 8, "global_width": 8, "blocks": 1, "layer_width": 8, "layer_blocks": 1, "knots": 4}


def recipe(file: Path, **training: Any) -> Recipe:
    settings = {"batch_size": 32, "warmup": 0, "validations": 2, "threads": 1, "accelerator": "cpu", **training}
    model = {"kind": "calorimeter-flow", **SMALL}
    return parse_recipe({"name": "toy", "data": {"events": str(file)}, "model": model, "training": settings})


def test_a_place_is_found_by_iterations_and_by_the_clock() -> None:
    by_number = Curriculum((StageConfig(iterations=10), StageConfig(iterations=30)))
    assert [by_number.place(Progress(k)) for k in (0, 9, 10, 25, 40)] == [
        Place(0, 0.0), Place(0, 0.9), Place(1, 0.0), Place(1, 0.5), Place(1, 1.0),
    ]  # fmt: skip
    assert by_number.fraction(Progress(20)) == 0.5
    by_clock = Curriculum((StageConfig(minutes=1), StageConfig(minutes=1)))
    assert by_clock.place(Progress(7, seconds=90.0)) == Place(1, 0.5)


def test_ranges_have_units() -> None:
    stage = StageConfig.from_table({"iterations": 1, "within": {"energy": ["100 GeV", "0.2 TeV"], "theta": [1.0, 2.0]}})
    assert stage.within == {"energy": (100e3, 200e3), "theta": (1.0, 2.0)}
    again = StageConfig.from_table(stage.to_table())
    assert again == stage


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"stage": [{"iterations": 3}, {"minutes": 3}]}, "all stages iterations"),
        ({"stage": [{}]}, "either iterations or minutes"),
        ({}, "give iterations, or minutes"),
    ],
)
def test_lengths_that_do_not_add_up_are_refused(training: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.from_table(training, "training")


def test_a_stage_takes_its_own_events(polar_events: Events) -> None:
    whole = open_batches(polar_events, np.arange(len(polar_events)), ("energy",))
    part = stage_batches(whole, StageConfig(iterations=1, within={"energy": (500.0, 1100.0)}))
    assert set(part.take(torch.arange(len(part))).condition[:, 0].tolist()) == {512.0, 1024.0}
    with pytest.raises(ConfigError, match="no such column"):
        stage_batches(whole, StageConfig(iterations=1, within={"eta": (0.0, 1.0)}))
    with pytest.raises(ConfigError, match="none of 600 events"):
        stage_batches(whole, StageConfig(iterations=1, within={"energy": (1.0, 2.0)}))


def test_a_stage_moves_only_its_objectives(file: Path, tmp_path: Path) -> None:
    stages = [{"iterations": 3, "objectives": ["layers"]}, {"iterations": 3}]
    one, _ = fit(recipe(file, stage=stages[:1], ema=0.0), tmp_path / "one")
    both, trained = fit(recipe(file, stage=stages, ema=0.0), tmp_path / "both")
    assert trained.progress.iteration == 6
    start = {k: v for k, v in one.model.state_dict().items() if k.startswith("cell_velocity")}
    moved = [k for k, v in start.items() if not torch.equal(v, both.model.state_dict()[k])]
    assert moved  # by the second stage only
    with pytest.raises(ConfigError, match=r"no objective 'voxel'; did you mean 'voxels'"):
        fit(recipe(file, stage=[{"iterations": 3, "objectives": ["voxel"]}]), tmp_path / "typo")


def test_a_stage_has_batches_of_its_own(file: Path, tmp_path: Path) -> None:
    def weights(name: str, run: int, *stages: int | None) -> torch.Tensor:
        parts = [{"iterations": 2, **({} if size is None else {"batch_size": size})} for size in stages]
        bundle, _ = fit(recipe(file, batch_size=run, stage=parts), tmp_path / name)
        return torch.cat([p.detach().flatten() for p in bundle.model.parameters()])

    grown = weights("grown", 10, None, 40)
    assert torch.equal(grown, weights("same", 40, 10, None))
    assert not torch.equal(grown, weights("other", 10, None, None))


def test_amsgrad_is_adam_that_does_not_forget() -> None:
    """After one large gradient Adam's rate comes back, AMSGrad's does not."""

    def no_loss(batch: Batch, rng: torch.Generator) -> Loss:
        raise AssertionError

    moved = {}
    for name in ("adam", "amsgrad"):
        weight = torch.nn.Parameter(torch.zeros(1))
        objective = Objective("one", partial(list, [weight]), no_loss)
        table = {"iterations": 1, "optimizer": name, "betas": [0.0, 0.5]}
        optimizer = make_optimizer(objective, TrainingConfig.from_table(table, "training"))
        for slope in (100.0, *[1.0] * 50):
            before = weight.item()
            weight.grad = torch.tensor([slope])
            optimizer.step()
        moved[name] = before - weight.item()
    assert moved["adam"] > 10 * moved["amsgrad"] > 0


def test_objectives_have_rates_of_their_own(file: Path, tmp_path: Path) -> None:
    still, _ = fit(recipe(file, iterations=4, learning_rates={"layers": 1e-30}, ema=0.0), tmp_path / "still")
    start, _ = fit(recipe(file, stage=[{"iterations": 1, "objectives": ["voxels"]}], ema=0.0), tmp_path / "start")
    names = [name for name, _ in still.model.named_parameters()]
    one, other = still.model.state_dict(), start.model.state_dict()
    same = {name: torch.allclose(one[name], other[name], atol=1e-12) for name in names}
    assert all(same[name] for name in names if name.startswith("layer_velocity"))
    assert not all(same[name] for name in names if name.startswith("cell_velocity"))


def test_the_best_weights_are_kept(file: Path, tmp_path: Path) -> None:
    """A judge that likes the second look best gets the weights of the second look."""
    looks: list[float] = []

    @judges.register("mine")
    def judge(reference: Events, generated: Events) -> dict[str, float]:
        assert len(reference) == len(generated)
        looks.append(float(generated.signals.sum()))
        return {"score": [3.0, 1.0, 2.0, 4.0][len(looks) - 1]}

    settings = {"iterations": 12, "validations": 4, "ema": 0.0, "schedule": "constant"}
    best, trained = fit(recipe(file, **settings, select="mine"), tmp_path / "best")
    half, _ = fit(recipe(file, **{**settings, "iterations": 6, "validations": 0}), tmp_path / "half")
    assert all(torch.equal(v, half.model.state_dict()[k]) for k, v in best.model.state_dict().items())
    assert trained.progress.best == 1.0
    with (tmp_path / "best" / "metrics.csv").open() as lines:
        written = [row["value"] for row in csv.DictReader(lines) if row["name"] == "validation/score"]
    assert written == ["3", "1", "2", "4"]


@pytest.mark.parametrize("select", ["nonsense", "physic", "", "Separation", "best"])
def test_an_unknown_way_to_select_is_refused_when_the_recipe_is_read(select: str) -> None:
    with pytest.raises(ConfigError, match=r"training\.select: .*no such way to select weights"):
        TrainingConfig.from_table({"iterations": 1, "select": select}, "training")
    with pytest.raises(ConfigError, match="did you mean 'separation'"):
        TrainingConfig.from_table({"iterations": 1, "select": "seperation"}, "training")


LENGTHS = [
    ({"iterations": 10, "minutes": 0.5}, [10], 0.5),
    ({"minutes": 2.0}, [2.0], None),
    ({"stage": [{"iterations": 30}, {"iterations": 10}], "iterations": 8}, [6, 2], None),
    ({"stage": [{"iterations": 30}, {"iterations": 10}], "minutes": 8}, [30, 10], 8.0),
    ({"stage": [{"minutes": 3}, {"minutes": 1}], "minutes": 8}, [6.0, 2.0], None),
    ({"stage": [{"minutes": 3}, {"minutes": 1}], "iterations": 8}, [6, 2], None),
    ({"stage": [{"minutes": 3}, {"minutes": 1}], "iterations": 1, "minutes": 0.1}, [1, 1], 0.1),
]


@pytest.mark.parametrize(("table", "lengths", "limit"), LENGTHS)
def test_a_length_and_a_limit(table: dict[str, Any], lengths: list[float], limit: float | None) -> None:
    config = TrainingConfig.from_table(table, "training")
    assert [stage.iterations or stage.minutes for stage in config.stages] == lengths
    assert config.limit_minutes == limit
