from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from moliere.detectors import catalog
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.models import Batch, BuildContext, FrameGan, FrameGanConfig
from moliere.models.threedgan.images import measure_angle
from moliere.preprocess import ShearedFrame, condition_matrix
from moliere.training import load_recipe

SMALL: dict[str, Any] = {
    "threshold": 0.01,
    "window": (13, 15),
    "core": 5,
    "latent": 4,
    "width": 16,
    "channels": 4,
    "layer_width": 16,
    "layer_blocks": 1,
}
COLUMNS = ("energy", "theta")


def to_batch(events: Events) -> Batch:
    """The toy's showers stand upright, so that is what their condition says."""
    condition = torch.tensor(condition_matrix(events.incident, COLUMNS))
    condition[:, 1] = math.pi / 2
    return Batch(condition, torch.tensor(events.signals))


def build(batch: Batch | None = None, columns: tuple[str, ...] = COLUMNS, **settings: Any) -> FrameGan:
    torch.manual_seed(0)
    model = FrameGan(FrameGanConfig(**(SMALL | settings)), BuildContext(catalog.get("3dgan"), columns))
    if batch is not None:
        model.fit_transforms(batch)
    return model


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("degrees", range(60, 121, 10))
def test_angles_in_the_frame_are_those_of_the_whole_image(degrees: float) -> None:
    frame = ShearedFrame(catalog.get("3dgan"), COLUMNS, (5, 7))  # type: ignore[arg-type]
    condition = torch.tensor([[1e5, math.radians(degrees)]] * 4, dtype=torch.float64)
    cells = torch.rand(4, 25, 5, 7, generator=rng())
    whole = frame.inverse(cells.flatten(1), condition).view(4, 25, 51, 51)
    inside = measure_angle(cells.permute(0, 2, 3, 1), frame.shifts(condition))
    torch.testing.assert_close(inside, measure_angle(whole.permute(0, 2, 3, 1)), atol=1e-5, rtol=0)


def test_untrained_it_makes_the_mean_shower(ecal_events: Events) -> None:
    """Of independent cells: tables of what they hold at their distance from the axis are all it has yet."""
    batch = to_batch(ecal_events)
    model = build(batch, layers_first=False)
    many = Batch(batch.condition.repeat(10, 1), batch.signals.repeat(10, 1))
    made = model.respond(many, rng())
    assert made.sum() == pytest.approx(float(many.signals.sum()), rel=0.15)
    depths, expected = (signals.view(-1, 25, 51 * 51).sum((0, 2)) for signals in (made, many.signals))
    assert ((depths - expected).abs() / expected)[:15].max() < 0.35


def test_cells_have_the_energies_and_counts_of_their_layers(ecal_events: Events) -> None:
    batch = to_batch(ecal_events)
    model = build(batch)
    truth = model._prepare(batch)
    assert truth.state is not None
    cells = model._make_like(truth, rng())
    torch.testing.assert_close(cells.sum((2, 3)).double(), truth.state.energies, rtol=1e-4, atol=1e-4)
    most = 13 * 15
    assert torch.equal((cells > 0).sum((2, 3)).double(), truth.state.counts.clamp(max=most))


@pytest.mark.parametrize("layers_first", [False, True])
def test_the_generator_is_told_of_angle_and_sum(ecal_events: Events, layers_first: bool) -> None:
    batch = to_batch(ecal_events)
    model = build(batch, layers_first=layers_first)
    losses = {objective.name: objective.loss(batch, rng()) for objective in model.objectives()}
    assert set(losses) == {"discriminator", "generator"} | ({"layers"} if layers_first else set())
    terms = losses["generator"].terms
    assert list(terms) == ["label", "energy", "angle", "sum"]
    assert (terms["sum"] < 2) == layers_first  # per cent; else of independent cells
    total = sum(weight * term for weight, term in zip((3, 0.1, 25, 0.1), terms.values(), strict=True))
    assert losses["generator"].total.item() == pytest.approx(total, rel=1e-5)


def test_real_and_generated_cells_lie_around_the_axis(ecal_events: Events) -> None:
    """Learned from upright showers; where they lie follows from the condition."""
    batch = to_batch(ecal_events)
    model = build(batch)
    steep = batch.condition.clone()
    steep[:, 1] = 1.1
    made = model.sample(steep, rng()).view(-1, 25, 51, 51).sum((0, 2))
    rows = (made * torch.arange(51.0)).sum(1) / made.sum(1)
    axis = model.frame.depths / math.tan(1.1) / 5.1 + 25
    lit = made.sum(1) > 0
    assert (rows - axis)[lit].abs().max() < 3


@pytest.mark.parametrize(
    ("settings", "columns", "words"),
    [
        ({"core": 4}, COLUMNS, "model.core is 4; expected an odd number"),
        ({"core": 15}, COLUMNS, "model.core is 15"),
        ({"window": (12, 13)}, COLUMNS, "a window of 12 cells along x"),
        ({"threshold": None}, COLUMNS, "no readout threshold"),
        ({}, ("energy",), "conditioned on an energy and an angle"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: Any, columns: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(None, columns, **settings)


def test_events_without_signal_are_refused(ecal_events: Events) -> None:
    batch = to_batch(ecal_events)
    with pytest.raises(InvalidEvents, match="no event has more than 200 MeV"):
        build(Batch(batch.condition, 0 * batch.signals))


def test_the_recipe_is_of_this_model() -> None:
    recipe = load_recipe("3dgan-frame")
    assert isinstance(recipe.model, FrameGanConfig)
    assert recipe.model.window == (31, 31)
    assert recipe.data.condition == COLUMNS
