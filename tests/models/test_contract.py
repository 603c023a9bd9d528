"""Every registered model keeps both contracts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.config import Config
from moliere.events import Events
from moliere.models import Batch, BuildContext, Bundle, GenerativeModel, Model, load_bundle, models, save_bundle


@dataclass(frozen=True)
class Small:
    """A model made small: the toy events it is for, its settings, and how long it trains on how many of them."""

    toy: str
    settings: dict[str, object]
    steps: int = 80
    events: int = 64


#: name → how it is made small; a new model adds a line
SMALL: dict[str, list[Small]] = {
    "3dgan": [Small("ecal", {"generator_filters": [1] * 7, "discriminator_filters": [1] * 4}, steps=16, events=2)],
    "calogan": [
        Small("bright", {"latent": 8, "channels": 4, "sparsity_scale": 100.0}),
        Small("bright", {"latent": 8, "channels": 4, "attention": False, "sparsity": "hard", "augment": True}),
    ],
    "two-stage-flow": [
        Small("polar", {"width": 16, "global_width": 16, "blocks": 2, "layer_width": 16, "layer_blocks": 2}),
        Small("polar", {"backbone": "mlp", "width": 32, "blocks": 2, "layer_width": 16, "layer_blocks": 2}),
    ],
}
CASES = [(name, k) for name in SMALL for k in range(len(SMALL[name]))]


def to_batch(events: Events) -> Batch:
    condition = np.stack(list(events.incident.values()), axis=1)
    return Batch(torch.tensor(condition), torch.tensor(events.signals))


def build(name: str, k: int, request: pytest.FixtureRequest) -> tuple[Model, Batch]:
    """A small model and events of the toy detector that it is for."""
    small = SMALL[name][k]
    events: Events = request.getfixturevalue(f"{small.toy}_events")
    config: Config = models[name].config_type.from_table({"kind": name, **small.settings})
    torch.manual_seed(0)
    model = models[name](config, BuildContext(events.detector, tuple(events.incident)))
    batch = to_batch(events)
    model.fit_transforms(batch)
    return model, batch


def wake(model: Model) -> None:
    """Networks that start at zero say nothing yet: give every weight something to say."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[GenerativeModel, Batch]:
    model, batch = build(*request.param, request)
    assert isinstance(model, GenerativeModel)
    wake(model)
    return model.eval(), batch


def test_every_registered_model_is_tested() -> None:
    assert set(SMALL) == set(models)


def test_gradient_reaches_every_parameter(case: tuple[GenerativeModel, Batch]) -> None:
    model, batch = case
    for objective in model.objectives():
        objective.loss(batch[:64], torch.Generator().manual_seed(0)).total.backward()
    missed = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missed


def test_decode_is_deterministic_and_physical(case: tuple[GenerativeModel, Batch]) -> None:
    model, batch = case
    condition = batch.condition[:10]
    latent = model.draw_latent(condition, torch.Generator().manual_seed(1))
    with torch.no_grad():
        one, two = model.decode(latent, condition), model.decode(latent, condition)
    assert torch.equal(one, two)
    assert one.shape == (10, batch.signals.shape[1])
    assert one.dtype == torch.float32
    assert one.isfinite().all()
    assert (one >= 0).all()


@pytest.mark.parametrize("n", [0, 1])
def test_batches_of_nothing_and_of_one(case: tuple[GenerativeModel, Batch], n: int) -> None:
    model, batch = case
    signals = model.sample(batch.condition[:n], torch.Generator().manual_seed(1))
    assert signals.shape == (n, batch.signals.shape[1])


def test_an_event_does_not_depend_on_its_batch(case: tuple[GenerativeModel, Batch]) -> None:
    model, batch = case
    condition = batch.condition[:10]
    latent = model.draw_latent(condition, torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, part = model.decode(latent, condition), model.decode(latent[7:9], condition[7:9])
    torch.testing.assert_close(whole[7:9], part, rtol=1e-4, atol=1e-3)


def test_a_bundle_brings_back_the_same_events(case: tuple[GenerativeModel, Batch], tmp_path: Path) -> None:
    model, batch = case
    save_bundle(Bundle("toy", model), tmp_path / "toy.bundle")
    again = load_bundle(tmp_path / "toy.bundle").model
    assert isinstance(again, GenerativeModel)
    assert again.context == model.context
    one, two = (m.sample(batch.condition[:10], torch.Generator().manual_seed(1)) for m in (model, again))
    assert torch.equal(one, two)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_training_lowers_every_objective(name: str, k: int, request: pytest.FixtureRequest) -> None:
    """Each by itself: of two adversaries the other one stands still."""
    model, batch = build(name, k, request)
    small = SMALL[name][k]
    batch = batch[: small.events]
    model.train()
    for objective in model.objectives():
        optimizer = torch.optim.Adam(objective.parameters(), lr=3e-3)
        rng = torch.Generator().manual_seed(0)
        losses = []
        for _ in range(small.steps):
            loss = objective.loss(batch, rng).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        part = small.steps // 8
        assert sum(losses[-part:]) < 0.9 * sum(losses[:part]), objective.name
