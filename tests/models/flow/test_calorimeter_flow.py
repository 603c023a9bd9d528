"""What the flow for every calorimeter promises by construction, and how its student follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from moliere.detectors import Calorimeter, catalog
from moliere.errors import BundleError, ConfigError
from moliere.events import Events
from moliere.models import (
    Batch,
    BuildContext,
    Bundle,
    CaloGAN,
    CaloGANConfig,
    CalorimeterFlow,
    CalorimeterFlowConfig,
    FlowStudent,
    FlowStudentConfig,
    save_bundle,
)
from moliere.models.initial import load_initial
from moliere.models.networks.normal_path import NormalPath

SMALL: dict[str, Any] = {"slabs": 2, "width": 16, "global_width": 16, "blocks": 1, "layer_width": 16, "knots": 4}


@pytest.fixture
def batch(polar_events: Events) -> Batch:
    return Batch(torch.tensor(polar_events.energy)[:, None], torch.tensor(polar_events.signals))


@pytest.fixture
def flow(polar: Calorimeter, batch: Batch) -> CalorimeterFlow:
    torch.manual_seed(0)  # of weights
    model = CalorimeterFlow(CalorimeterFlowConfig(**SMALL), BuildContext(polar, ("energy",)))
    model.fit_transforms(batch)
    return model


def student_of(flow: CalorimeterFlow, steps: int = 1) -> FlowStudent:
    table = flow.student(steps)
    return FlowStudent(FlowStudentConfig.from_table(table), flow.context)


def test_what_stage_one_says_is_what_comes_out(flow: CalorimeterFlow, batch: Batch) -> None:
    latent = flow.draw_latent(batch.condition, torch.Generator().manual_seed(3))
    with torch.no_grad():
        state = flow.make_layers(latent[:, : flow.tables.width], batch.condition)
        made = flow.tables.measure(flow.decode(latent, batch.condition))
    assert torch.equal(made.counts, state.counts)
    torch.testing.assert_close(made.energies, state.energies, rtol=1e-5, atol=1e-3)


def test_layers_come_back_through_stage_one(flow: CalorimeterFlow, batch: Batch) -> None:
    state = flow.tables.measure(flow.tables.cut(batch.signals))
    coded = flow.tables.encode_layers(batch.condition, state, torch.Generator().manual_seed(0))
    back = flow.tables.decode_layers(batch.condition, coded)
    assert (back.counts == state.counts).double().mean() > 0.99
    assert (state.counts == 0).any(), "the toy must hold empty layers for this to mean anything"
    near = ((back.energies - state.energies).abs() <= 0.01 * state.energies + 0.1).double().mean()
    assert near > 0.97


def test_an_untrained_flow_has_the_right_response_on_average(flow: CalorimeterFlow, batch: Batch) -> None:
    signals = flow.sample(batch.condition, torch.Generator().manual_seed(3))
    response = signals.sum(1).double() / batch.condition[:, 0]
    assert float(response.mean()) == pytest.approx(0.9, abs=0.03)


def test_calibration_brings_back_how_often_each_ring_is_lit(flow: CalorimeterFlow, batch: Batch) -> None:
    """Also where a network makes other numbers than its tables were made for."""
    seen = flow._see(batch)
    state = flow.tables.measure(seen.signals)
    latent = torch.randn(seen.signals.shape, generator=torch.Generator().manual_seed(2))

    def misses() -> float:
        with torch.no_grad():
            made = flow.tables.decode_cells(batch.condition, flow.make_cells(latent, batch.condition, state), state)
        one, other = (
            torch.bincount(flow.tables.cells[0].groups, (x > 0).double().mean(0)) for x in (made, seen.signals)
        )
        return float((one - other).abs().sum() / other.sum())

    flow.tables.cells[0].lit_change[:, ::2] += 1.5
    before = misses()
    flow.calibrate(lambda: batch, torch.Generator().manual_seed(1))
    assert misses() < 0.4 * before


def test_a_turned_calorimeter_has_a_turned_velocity(flow: CalorimeterFlow, batch: Batch) -> None:
    turn = flow.symmetries[1]
    assert not torch.equal(turn, torch.arange(len(turn))), "the first is the identity"
    rng = torch.Generator().manual_seed(0)
    for weight in flow.cell_velocity.parameters():
        torch.nn.init.normal_(weight, std=0.2, generator=rng)
    x, t = torch.randn(50, flow.n_channels, generator=rng), torch.full((50,), 0.3)
    state = flow.tables.measure(flow._see(batch).signals[:50])
    given = flow._given(batch.condition[:50], state)
    with torch.no_grad():
        torch.testing.assert_close(
            flow.cell_velocity(x[:, turn], t, *given), flow.cell_velocity(x, t, *given)[:, turn], rtol=1e-4, atol=1e-4
        )


def test_independent_normal_numbers_stay_so_whether_they_flow_or_jump() -> None:
    path = NormalPath(_Nothing())
    x = torch.tensor([[1.0, -2.0]])
    torch.testing.assert_close(path.jump(x, 0.0, 1.0), x)
    half = path.jump(x, 0.0, 0.5)
    torch.testing.assert_close(half, x * 0.5**0.5)
    velocity = path(half, torch.tensor([0.5]))
    torch.testing.assert_close(velocity, torch.zeros_like(x), atol=1e-6, rtol=0)


class _Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


def test_a_student_starts_from_its_teacher_and_nears_its_paths(flow: CalorimeterFlow, batch: Batch) -> None:
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    student = student_of(flow)
    student.learn_from(flow)
    latent = flow.draw_latent(batch.condition, torch.Generator().manual_seed(3))
    with torch.no_grad():
        target = flow.decode(latent, batch.condition)
        before = (student.decode(latent, batch.condition) - target).abs().mean()
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
    rng = torch.Generator().manual_seed(0)
    for _ in range(100):
        loss = sum(objective.loss(batch[:200], rng).total for objective in student.objectives())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()
    with torch.no_grad():
        after = (student.decode(latent, batch.condition) - target).abs().mean()
    assert after < 0.7 * before
    assert not any("teacher" in name for name in student.state_dict())


def test_a_student_without_a_teacher_says_how_to_get_one(flow: CalorimeterFlow, batch: Batch) -> None:
    with pytest.raises(ConfigError, match="teacher"):
        student_of(flow).objectives()[0].loss(batch, torch.Generator())


def test_what_is_no_teacher_is_refused(flow: CalorimeterFlow, cartesian: Calorimeter, cartesian_events: Events) -> None:
    gan = CaloGAN(CaloGANConfig(latent=4, channels=4), BuildContext(cartesian, ("energy",)))
    with pytest.raises(ConfigError, match="CaloGAN cannot be distilled"):
        gan.student(1)
    with pytest.raises(ConfigError, match="not from CaloGAN"):
        student_of(flow).learn_from(gan)
    other = CalorimeterFlow(CalorimeterFlowConfig(**SMALL, threshold=0.1), BuildContext(cartesian, ("energy",)))
    with pytest.raises(ConfigError, match="not from FlowStudent"):
        student_of(flow).learn_from(student_of(flow))
    with pytest.raises(ConfigError, match="a FlowStudent cannot be distilled"):
        student_of(flow).student(1)
    with pytest.raises(ConfigError, match="the teacher is for"):
        student_of(flow).learn_from(other)
    wider = CalorimeterFlow(CalorimeterFlowConfig(**{**SMALL, "width": 32}), flow.context)
    with pytest.raises(ConfigError, match="networks differ"):
        student_of(flow).learn_from(wider)
    with pytest.raises(ConfigError, match="learns from events"):
        flow.learn_from(wider)


def test_a_width_that_heads_cannot_share_is_refused(polar: Calorimeter) -> None:
    with pytest.raises(ConfigError, match="multiple of 4, such as 20"):
        CalorimeterFlow(CalorimeterFlowConfig(width=18), BuildContext(polar, ("energy",)))


def test_detectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs a detector of kind calorimeter"):
        CalorimeterFlow(CalorimeterFlowConfig(), BuildContext(catalog.get("ship-muons"), ("energy",)))
    with pytest.raises(ConfigError, match=r"set model\.threshold"):
        CalorimeterFlow(CalorimeterFlowConfig(), BuildContext(catalog.get("calogan"), ("energy",)))


def test_networks_carry_over_to_another_detector_and_statistics_do_not(
    flow: CalorimeterFlow, cartesian: Calorimeter, cartesian_events: Events, tmp_path: Path
) -> None:
    save_bundle(Bundle("polar", flow), tmp_path / "polar.bundle")
    other = CalorimeterFlow(CalorimeterFlowConfig(**SMALL, threshold=0.1), BuildContext(cartesian, ("energy",)))
    other.fit_transforms(Batch(torch.tensor(cartesian_events.energy)[:, None], torch.tensor(cartesian_events.signals)))
    before = {name: value.clone() for name, value in other.state_dict().items()}
    load_initial(other, {"networks": str(tmp_path / "polar.bundle")})
    given, now = dict(flow.named_parameters()), dict(other.named_parameters())
    carried = [name for name in now if name.startswith("cell_velocity") and not name.endswith(".own")]
    assert len(carried) > 20
    assert all(torch.equal(now[name], given[name]) for name in carried)
    kept = [name for name in before if name.startswith("tables.cells.")]
    assert all(torch.equal(other.state_dict()[name], before[name]) for name in kept)
    save_bundle(Bundle("fast", student_of(flow)), tmp_path / "fast.bundle")
    load_initial(other, {"networks": str(tmp_path / "fast.bundle")})
    wider = CalorimeterFlow(CalorimeterFlowConfig(**{**SMALL, "width": 32}), flow.context)
    with pytest.raises(BundleError, match="has shape"):
        load_initial(wider, {"networks": str(tmp_path / "polar.bundle")})
    gan = CaloGAN(CaloGANConfig(latent=4, channels=4), BuildContext(cartesian, ("energy",)))
    with pytest.raises(BundleError, match="is a CalorimeterFlow"):
        load_initial(gan, {"networks": str(tmp_path / "polar.bundle")})


def test_each_particle_comes_out_with_its_own_layers_and_cells(polar: Calorimeter, batch: Batch) -> None:
    """Before anything is learned: particles whose showers have nothing in common do not mix."""
    second = batch.signals.flip(1) / 4
    signals = torch.cat([batch.signals, second])
    kinds = torch.tensor([-11.0, 211.0]).double().repeat_interleave(len(batch))
    condition = torch.stack([batch.condition[:, 0].repeat(2), kinds], dim=1)
    context = BuildContext(polar, ("energy", "pdg_id"), (-11, 211))
    model = CalorimeterFlow(CalorimeterFlowConfig(**SMALL), context)
    model.fit_transforms(Batch(condition, signals))
    for objective in model.objectives():
        assert torch.isfinite(objective.loss(Batch(condition, signals), torch.Generator().manual_seed(0)).total)
    made = model.sample(condition, torch.Generator().manual_seed(3))
    for rows in (kinds < 0, kinds > 0):
        told, given = (model.tables.measure(model.tables.cut(part[rows])) for part in (made, signals))
        torch.testing.assert_close(told.energies.mean(0), given.energies.mean(0), rtol=0.1, atol=10)
        torch.testing.assert_close(told.counts.mean(0), given.counts.mean(0), rtol=0.1, atol=0.3)
    scores, state = torch.randn(signals.shape, generator=torch.Generator().manual_seed(3)), model.tables.measure(made)
    one, two = (model.tables.decode_cells(given, scores, state) for given in (condition, condition.flip(0)))
    assert not torch.allclose(one, two), "cells of a pion are as those of a positron"


def test_a_flow_that_was_written_when_there_was_one_set_of_tables_is_read(flow: CalorimeterFlow, batch: Batch) -> None:
    before = {
        name.replace("tables.layers.0.", "layers.").replace("tables.cells.0.", "cells."): value
        for name, value in flow.state_dict().items()
    }
    assert any(name.startswith("cells.") for name in before)
    other = CalorimeterFlow(CalorimeterFlowConfig(**SMALL), flow.context)
    other.load_state_dict(before)
    latent = flow.draw_latent(batch.condition, torch.Generator().manual_seed(3))
    assert torch.equal(other.decode(latent, batch.condition), flow.decode(latent, batch.condition))
