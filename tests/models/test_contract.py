"""Every registered model keeps both contracts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from moliere.config import Config
from moliere.detectors import Detector, PhaseSpace
from moliere.errors import ConfigError
from moliere.events import Events
from moliere.models import Batch, BuildContext, Bundle, GenerativeModel, Model, load_bundle, models, save_bundle
from moliere.models.base import SECOND, Reconstructor, Refiner
from moliere.preprocess import condition_matrix


@dataclass(frozen=True)
class Small:
    """A model made small: the toy events it is for, its settings, its condition, and how long it trains on how many.

    One that makes events as another of the list does is not exported a second time.
    """

    toy: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 80
    events: int = 64
    columns: tuple[str, ...] = ("energy",)
    teacher: str | None = None
    exported: bool = True
    particles: tuple[int, ...] = ()


#: of a flow for calorimeters
TINY_FLOW = {"width": 16, "global_width": 16, "blocks": 2, "layer_width": 16, "layer_blocks": 2, "knots": 4}
TINY_REFINER = {"features": 6, "trace_channels": [4], "critic_features": 4, "critic_width": 8, "critic_steps": 2}
MUON_GAN: dict[str, Any] = {"latent": 6, "generator_width": [32, 16], "discriminator_width": [32, 16]}
#: twelve bits in three levels
TINY_VAE: dict[str, Any] = {
    "levels": [4, 4, 4],
    "channels": [4, 8],
    "width": 16,
    "chains": 64,
    "sampler_settings": {"steps": 3},
    "sharpen_steps": 100,
}

#: 3DGAN in a frame of 9 × 11 cells
TINY_FRAME: dict[str, Any] = {
    "threshold": 0.01,
    "window": (9, 11),
    "core": 5,
    "latent": 4,
    "width": 8,
    "channels": 4,
    "layer_width": 8,
    "layer_blocks": 1,
}

#: name → how it is made small; a new model adds a line
SMALL: dict[str, list[Small]] = {
    "3dgan": [
        Small("ecal", {"generator_filters": [1] * 7, "discriminator_filters": [1] * 4}, 16, 2, ("energy", "theta"))
    ],
    "3dgan-frame": [
        Small(
            "ecal", TINY_FRAME | {"layers_first": False, "loss_weights": (9, 0.1, 1, 0.1)}, 80, 12, ("energy", "theta")
        ),
        Small("ecal", TINY_FRAME, 80, 12, ("energy", "theta")),
    ],
    "aixnet": [
        Small("array", {"trace_channels": [8], "features": 4, "growth": 8, "blocks": 2, "tower_channels": [8]}, 40)
    ],
    "calorimeter-flow": [
        Small("polar", {**TINY_FLOW, "slabs": 2, "steps": 1, "layer_steps": 2}),
        Small(
            "bright",
            {**TINY_FLOW, "slabs": 1, "threshold": 0.5, "augment": False, "steps": 1, "layer_steps": 1},
            exported=False,
        ),
        Small("ecal", {**TINY_FLOW, "window": (9, 9), "threshold": 0.01, "steps": 1}, 80, 12, ("energy", "theta")),
        Small(
            "aimed",
            {**TINY_FLOW, "slabs": 1, "steps": 1, "layer_steps": 1},
            columns=("energy", "theta", "x", "pdg_id"),
            particles=(-11, 22),
        ),
    ],
    "calorimeter-flow-student": [
        Small("polar", {**TINY_FLOW, "slabs": 2}, teacher="calorimeter-flow", exported=False),
        Small("polar", {**TINY_FLOW, "slabs": 2, "steps": 2, "layer_steps": 2}, teacher="calorimeter-flow"),
    ],
    "calogan": [
        Small("bright", {"latent": 8, "channels": 4, "sparsity_scale": 100.0}),
        Small("bright", {"latent": 8, "channels": 4, "attention": False, "sparsity": "hard", "augment": True}),
        Small("bright", {"latent": 8, "channels": 4, "layers": True, "scaled": False, "threshold": 0.5}),
    ],
    "constrainer": [Small("array", {"first": 4, "growth": 4, "blocks": 1}, 40)],
    "footprint-gan": [
        Small("footprint", {"latent": 6, "generator_features": [8, 8], "critic_features": [8, 8]}, 40),
        Small("footprint", {"latent": 6, "networks": "dense", "widths": [16, 16], "critic_told": True, "gap": 0.3}, 40),
    ],
    "muon-aux-gan": [
        Small("muon", {**MUON_GAN, "reference": 100}, columns=()),
        Small(
            "muon", {**MUON_GAN, "reference": 100, "rareness": "each", "columns": "normal"}, columns=(), exported=False
        ),
        Small(
            "muon", {**MUON_GAN, "reference": 100, "rareness": "each", "form": "cartesian"}, columns=(), exported=False
        ),
        Small("muon", {**MUON_GAN, "reference": 100, "rareness": "each", "together": True}, columns=()),
    ],
    "muon-flow": [
        Small("muon", {"width": 32, "blocks": 2, "reference": 100}, columns=()),
        Small(
            "polar_muon", {"width": 32, "blocks": 2, "reference": 100, "form": "cartesian"}, columns=(), exported=False
        ),
    ],
    "muon-gan": [
        Small("muon", MUON_GAN, columns=()),
        Small("polar_muon", MUON_GAN, columns=(), exported=False),
        Small("polar_muon", {**MUON_GAN, "form": "cartesian", "columns": "normal"}, columns=()),
        Small("muon", {**MUON_GAN, "form": "cartesian", "columns": "signed-root"}, columns=()),
        Small("polar_muon", {**MUON_GAN, "columns": "box-cox"}, columns=()),
    ],
    "muon-vae": [
        Small("muon", {"width": [32, 32], "reference": 100, "boost": boost}, columns=(), exported=boost == "none")
        for boost in ("none", "resample", "loss")
    ],
    "rareness-autoencoder": [Small("rareness", {"width": [32, 32]}, columns=())],
    "hierarchical-vae": [
        Small("regular", TINY_VAE),
        Small("regular", TINY_VAE | {"decoder": "plain", "layers": False, "prior": "none"}),
        Small("regular", TINY_VAE | {"slices": False, "gray": True, "reward": 1.0}),
        Small("regular", TINY_VAE | {"carried": 0, "positions": True, "slope": [0.05, 0.01]}),
        Small("regular", TINY_VAE | {"cells": "normal", "augment": True, "reward": 0.5}),
    ],
    "trace-refiner": [
        Small(
            "array",
            {**TINY_REFINER, **more},
            steps=24,
            events=32,
        )
        for more in ({}, {"noise": 1, "context": True, "balanced": True, "size_weight": 1.0})
    ],
}
CASES = [(name, k) for name in SMALL for k in range(len(SMALL[name]))]
#: of two Wasserstein adversaries one lowers its loss without end and the other moves it back: a level means nothing
ADVERSARIES = {"footprint-gan", "trace-refiner"}
#: of an untrained encoder's bits, hardly better than coins, there is little to learn; nor for a decoder that starts
#: from the mean shower, or from cells that are right one by one
SLOW = {
    ("hierarchical-vae", "prior"),
    ("hierarchical-vae", 4, "vae"),
    ("3dgan-frame", "generator"),
    ("calogan", "layers"),
    *((kind, stage) for kind in ("calorimeter-flow", "calorimeter-flow-student") for stage in ("layers", "voxels")),
}
#: bits of an encoder that sees normal numbers are coins: a prior of coins is right, at ln 2, and must only stay so
LEARNED = {("hierarchical-vae", 4, "prior")}


def to_batch(events: Events, columns: tuple[str, ...]) -> Batch:
    """With a second sample twice as bright."""
    condition = torch.tensor(condition_matrix(events.incident, columns, len(events)))
    extras = {name: torch.tensor(values) for name, values in events.extras.items() if values.ndim == 2}
    first = Batch(condition, torch.tensor(events.signals), extras=extras)
    return replace(first, extras={**extras, SECOND: 2 * first.signals})


def build(name: str, k: int, request: pytest.FixtureRequest) -> tuple[Model, Batch]:
    """A small model and events of the toy detector that it is for."""
    small = SMALL[name][k]
    events: Events = request.getfixturevalue(f"{small.toy}_events")
    config: Config = models[name].config_type.from_table({"kind": name, **small.settings})
    torch.manual_seed(0)
    model = models[name](config, BuildContext(events.detector, small.columns, small.particles))
    batch = to_batch(events, small.columns)
    model.fit_transforms(batch)
    if small.teacher:
        model.learn_from(_teacher(small.teacher, small.settings, model.context, batch))
    return model, batch


def _teacher(kind: str, settings: Mapping[str, Any], context: BuildContext, batch: Batch) -> Model:
    own = {name: value for name, value in settings.items() if not name.endswith("steps")}
    teacher = models[kind](models[kind].config_type.from_table({"kind": kind, **own}), context)
    teacher.fit_transforms(batch)
    wake(teacher)
    return teacher


def wake(model: Model) -> None:
    """Networks that start at zero say nothing yet: give every weight something to say."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)


@torch.no_grad()
def use(model: Model, batch: Batch) -> Tensor:
    """What a model is for."""
    if isinstance(model, GenerativeModel):
        return model.decode(model.draw_latent(batch.condition, torch.Generator().manual_seed(1)), batch.condition)
    if isinstance(model, Refiner):
        latent = model.draw_latent(1, torch.Generator().manual_seed(1)).repeat(len(batch), 1)
        return model.refine(batch.signals, batch.condition, latent)
    assert isinstance(model, Reconstructor)
    return model.reconstruct(batch.signals, batch.extras)


def is_physical(detector: Detector, signals: Tensor) -> bool:
    """Nothing below zero, but for fluxes, whose charges are 1 or -1."""
    if not isinstance(detector, PhaseSpace):
        return bool((signals >= 0).all())
    charges = [k for k, column in enumerate(detector.columns) if column.name == "charge"]
    return bool((signals[:, charges].abs() == 1).all())


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[Model, Batch]:
    """A model that says something, and events; built once, so no test may change it."""
    model, batch = build(*request.param, request)
    wake(model)
    return model.eval(), batch


def test_every_registered_model_is_tested() -> None:
    assert set(SMALL) == set(models)


def test_gradient_reaches_every_parameter(case: tuple[Model, Batch]) -> None:
    model, batch = deepcopy(case[0]), case[1]
    for objective in model.objectives():
        objective.loss(batch[:64], torch.Generator().manual_seed(0)).total.backward()
    missed = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missed


def test_use_is_deterministic_and_physical(case: tuple[Model, Batch]) -> None:
    model, batch = case
    one, two = use(model, batch[:10]), use(model, batch[:10])
    assert torch.equal(one, two)
    assert one.isfinite().all()
    if isinstance(model, Reconstructor):
        assert one.shape == (10, len(model.targets))
    else:
        assert one.shape == (10, batch.signals.shape[1])
        assert one.dtype == torch.float32
        assert is_physical(model.context.detector, one)


@pytest.mark.parametrize("n", [0, 1])
def test_batches_of_nothing_and_of_one(case: tuple[Model, Batch], n: int) -> None:
    model, batch = case
    assert len(use(model, batch[:n])) == n


def test_an_event_does_not_depend_on_its_batch(case: tuple[Model, Batch]) -> None:
    model, batch = case
    if isinstance(model, GenerativeModel):
        latent = model.draw_latent(batch.condition[:10], torch.Generator().manual_seed(1))
        with torch.no_grad():
            whole, part = (model.decode(latent[rows], batch.condition[:10][rows]) for rows in (slice(10), slice(7, 9)))
    else:
        whole, part = use(model, batch[:10]), use(model, batch[7:9])
    torch.testing.assert_close(whole[7:9], part, rtol=1e-4, atol=1e-3)


#: law → distribution of scipy
LAWS = {
    "normal": stats.norm(),
    "half-normal": stats.halfnorm(),
    "logistic": stats.logistic(),
    "uniform": stats.uniform(-1, 2),
}


def test_the_latent_is_what_it_is_said_to_be(case: tuple[Model, Batch]) -> None:
    """Size and law of every part: whoever exports a model draws its latent without it."""
    model, batch = case
    if not isinstance(model, GenerativeModel):
        return
    condition = batch.condition[:1].expand(300, -1)
    latent = model.draw_latent(condition, torch.Generator().manual_seed(7))
    assert latent.shape == (300, model.latent_size)
    for part, numbers in zip(model.latent, latent.split([p.size for p in model.latent], dim=1), strict=True):
        if not part.size:
            continue
        # the first column's events and the first event's columns: neither all alike
        values = numbers[:, :3].double().flatten().numpy()
        if part.law == "sign":
            assert set(values) <= {-1.0, 1.0}
            assert np.mean(values > 0) == pytest.approx(part.share, abs=0.1)
        elif part.law == "prior-bits":
            assert set(values) <= {0.0, 1.0}
        else:
            assert stats.kstest(values / part.scale, LAWS[part.law].cdf).pvalue > 1e-4


def test_a_column_of_the_condition_is_found_by_its_name(case: tuple[Model, Batch]) -> None:
    model, batch = case
    for k, name in enumerate(model.context.columns):
        assert torch.equal(model.incident(batch.condition, name), batch.condition[:, k])
    with pytest.raises(ConfigError, match="not on 'eta'"):
        model.incident(batch.condition, "eta")


def test_a_bundle_brings_back_the_same(case: tuple[Model, Batch], tmp_path: Path) -> None:
    model, batch = case
    save_bundle(Bundle("toy", model), tmp_path / "toy.bundle")
    again = load_bundle(tmp_path / "toy.bundle").model
    assert again.context == model.context
    assert torch.equal(use(model, batch[:10]), use(again, batch[:10]))


@pytest.mark.slow
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
            found = objective.loss(batch, rng)
            loss = found.total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if found.learn is not None:
                found.learn()
            losses.append(loss.item())
        part = small.steps // 8
        first, last = np.mean(losses[:part]), np.mean(losses[-part:])
        slow = {(name, objective.name), (name, k, objective.name)} & SLOW
        enough = 0.0 if name in ADVERSARIES or slow else 0.1
        enough = -0.01 if (name, k, objective.name) in LEARNED else enough
        assert last < first - enough * abs(first), objective.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if SMALL[case[0]][case[1]].exported],
    ids=lambda case: f"{case[0]}-{case[1]}",
    indirect=True,
)
def test_it_is_exported_and_makes_the_same(case: tuple[Model, Batch], tmp_path: Path) -> None:
    """The graph of every model, with all transforms inside, agrees with torch event by event."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    from moliere.deploy.onnx import export

    model, batch = case
    ends = batch.condition.amin(0), batch.condition.amax(0)
    validity = {name: (float(ends[0][k]), float(ends[1][k])) for k, name in enumerate(model.context.columns)}
    bundle = Bundle("toy", model, validity=validity)
    parity = export(bundle, tmp_path / "any.onnx", events=100 if batch.signals.shape[1] < 10_000 else 3)
    assert parity.largest <= 1e-5
    assert parity.ambiguous <= 20  # of so many, each is looked into
