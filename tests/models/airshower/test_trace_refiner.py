"""The refiner: its published size, its start as the identity, silence, the penalty, energies that must match."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from moliere.detectors import SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.errors import ConfigError, DetectorError
from moliere.models import (
    Batch,
    BuildContext,
    Bundle,
    Objective,
    TraceRefinerConfig,
    TraceRefinerGAN,
    load_bundle,
    save_bundle,
)
from moliere.models.airshower.refinement import TraceCritic, TraceRefiner
from moliere.models.airshower.surroundings import Surroundings
from moliere.models.airshower.wasserstein import critic_loss, gradient_penalty
from moliere.models.base import SECOND
from moliere.preprocess.traces import to_decades, total_decades
from moliere.training.batches import beside
from moliere.units import EeV

ARRAY = SurfaceArray("line", station_positions(3, 1500e3, 0.0, "cartesian"), 20, 25.0)
SMALL = {"features": 6, "trace_channels": [4], "critic_features": 4, "critic_width": 8, "critic_steps": 2}


def sample(n: int, height: float, seed: int) -> Batch:
    """Falling traces; a third of the stations are silent."""
    rng = torch.Generator().manual_seed(seed)
    traces = height * torch.rand(n, 9, 20, generator=rng) * torch.linspace(2, 0.1, 20)
    traces[torch.rand(n, 9, generator=rng) < 1 / 3] = 0
    energy = (1 + 99 * torch.rand(n, 1, generator=rng, dtype=torch.float64)) * EeV
    return Batch(energy, traces.flatten(1))


def pair(n: int = 64) -> Batch:
    """Simulation with half the signals of data."""
    first = sample(n, 5.0, 1)
    return beside(first, sample(n, 10.0, 2))


def shown(model: TraceRefinerGAN, signals: Tensor) -> Tensor:
    """What the critic of traces sees of events."""
    return model._seen(to_decades(signals).unflatten(1, (9, 20)))


def build(columns: tuple[str, ...] = ("energy",), **settings: object) -> TraceRefinerGAN:
    torch.manual_seed(0)
    return TraceRefinerGAN(TraceRefinerConfig.model_validate({**SMALL, **settings}), BuildContext(ARRAY, columns))


def test_the_refiner_has_its_published_size() -> None:
    refiner = TraceRefiner()
    assert sum(p.numel() for p in refiner.parameters()) == 201_729
    kernels = [m.kernel_size for m in refiner.modules() if isinstance(m, torch.nn.Conv1d)]
    assert kernels == [(7,)] * 8 + [(1,)]


def test_the_refiner_starts_as_the_identity() -> None:
    traces = 3 * torch.rand(5, 80, generator=torch.Generator().manual_seed(0))
    assert torch.equal(TraceRefiner()(traces), traces)
    batch, model = pair(), build().eval()
    torch.testing.assert_close(model.refine(batch.signals, batch.condition), batch.signals, rtol=1e-5, atol=1e-5)


def test_every_layer_of_the_refiner_comes_to_learn() -> None:
    """The last layer at once; the others as soon as it looks at their channels."""
    refiner = TraceRefiner(8)
    start = {name: p.detach().clone() for name, p in refiner.named_parameters()}
    optimizer = torch.optim.SGD(refiner.parameters(), lr=1e-3)
    traces = torch.rand(20, 30, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        optimizer.zero_grad()
        (refiner(traces) - 2 * traces).square().mean().backward()
        optimizer.step()
    assert not [name for name, p in refiner.named_parameters() if torch.equal(p, start[name])]


NOISY = {"noise": 2, "context": True, "balanced": True}


def drawn(model: TraceRefinerGAN, n: int, seed: int = 0) -> Tensor:
    return model.draw_latent(n, torch.Generator().manual_seed(seed))


def test_with_noise_and_surroundings_it_starts_as_the_identity_too() -> None:
    batch, model = pair(), build(**NOISY).eval()
    model.fit_transforms(batch)
    model.trigger.zero_()
    refined = model.refine(batch.signals, batch.condition, drawn(model, 64))
    torch.testing.assert_close(refined, batch.signals, rtol=1e-5, atol=1e-5)


def test_noise_decides_and_is_not_drawn_inside() -> None:
    batch, model = pair(), build(**NOISY).eval()
    for parameter in model.refiner.parameters():
        parameter.data += 0.05
    assert model.latent_size == 2 * 180
    one, same, other = (model.refine(batch.signals, batch.condition, drawn(model, 64, k)) for k in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)
    for latent in (None, drawn(model, 63)):
        with pytest.raises(ConfigError, match=r"needs a latent of shape \(64, 360\)"):
            model.refine(batch.signals, batch.condition, latent)
    assert build().latent_size == 0


def test_noise_makes_the_spread_that_a_map_of_equal_traces_has_not() -> None:
    """Asked for 0.2 of its noise in every bin, the refiner comes to scatter by 0.2."""
    rng = torch.Generator().manual_seed(0)
    traces = torch.linspace(1, 2, 20).expand(200, -1)
    assert TraceRefiner(6)(traces).std(dim=0).max() == 0
    torch.manual_seed(0)
    refiner = TraceRefiner(6, 1)
    optimizer = torch.optim.Adam(refiner.outward.parameters(), lr=1e-2)
    for _ in range(100):
        noise = torch.randn(200, 20, generator=rng)
        refined = refiner(torch.cat([traces, noise], dim=1))
        loss = ((refined * noise).mean() - 0.2).square()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert refined.std(dim=0).mean().item() == pytest.approx(0.2, abs=0.05)


def test_the_surroundings_of_a_station() -> None:
    """Nine stations in a square, a spacing apart: one signal in a corner, and what the others hear of it."""
    surroundings = Surroundings(ARRAY)
    above = torch.zeros(1, 9)
    above[0, 0] = 2.0
    found = surroundings(above)
    assert found.shape == (1, 9, surroundings.width)
    own, near, far, *brightest, away = found[0].unbind(dim=1)
    assert own.tolist() == [2.0, *[0.0] * 8]
    # in a square the nearest are a spacing away, diagonals and the stations after the next in the second ring
    assert near[1].item() == pytest.approx(2 / 3)  # of three neighbours
    assert near[4] == 0
    assert far[4].item() == pytest.approx(2 / 4)
    assert far[2].item() == pytest.approx(2 / 5)
    assert far[8] == 0
    assert [b.tolist() for b in brightest] == [[2.0] * 9, [0.0] * 9, [0.0] * 9]
    torch.testing.assert_close(away, torch.tensor([0, 1, 2, 1, 2**0.5, 5**0.5, 2, 5**0.5, 8**0.5]), atol=2e-3, rtol=0)
    assert surroundings(torch.zeros(2, 9)).isfinite().all()


def test_a_balanced_update_sees_small_events_more_often() -> None:
    """With 1 / (u + 0.1), a third of an update is of the smallest eighth; every part has its expected number."""
    rng = torch.Generator().manual_seed(0)
    signals = (torch.linspace(0.01, 1, 400)[:, None] * torch.ones(180))[torch.randperm(400, generator=rng)]
    model, plain = build(**NOISY), build()
    small = 0.01 + 0.99 / 8
    shares = [(signals[m._chosen(signals, 80, rng)][:, 0] < small).float().mean().item() for m in (model, plain)]
    assert shares[0] == pytest.approx(math.log(2.25) / math.log(11), abs=0.02)
    assert shares[1] < 0.25


def test_silent_stations_stay_silent_and_nan_is_silence() -> None:
    batch, model = pair(), build().eval()
    for parameter in model.refiner.parameters():
        parameter.data += 0.1
    traces = batch.signals.unflatten(1, (9, 20))
    silent = traces.sum(dim=2) == 0
    refined = model.refine(batch.signals, batch.condition).unflatten(1, (9, 20))
    assert not refined[silent].any()
    assert refined[~silent].sum(dim=1).gt(0).all()
    broken = torch.where(silent[:, :, None], torch.nan, traces).flatten(1)
    assert torch.equal(model.refine(broken, batch.condition), refined.flatten(1))


def test_stations_below_the_trigger_fall_silent() -> None:
    batch = pair()
    totals = batch.signals.unflatten(1, (9, 20)).sum(dim=2)
    threshold = float(totals[totals > 0].median())
    refined = build(trigger=threshold).eval().refine(batch.signals, batch.condition).unflatten(1, (9, 20)).sum(dim=2)
    assert torch.equal(refined > 0, totals > threshold - 1e-3)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one(n: int) -> None:
    batch, model = pair(), build()
    assert model.refine(batch.signals[:n], batch.condition[:n]).shape == (n, 180)
    assert model.refine(torch.zeros(n, 180), batch.condition[:n]).sum() == 0


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_the_penalty_of_a_plane_is_that_of_its_slope(slope: float) -> None:
    direction = torch.tensor([0.6, 0.8])
    rng = torch.Generator().manual_seed(0)
    one, other = torch.randn(50, 2, generator=rng), torch.randn(50, 2, generator=rng)

    def plane(x: Tensor) -> Tensor:
        return slope * (x @ direction)

    assert gradient_penalty(plane, one, other, rng).item() == pytest.approx((slope - 1) ** 2, abs=1e-5)
    loss = critic_loss(plane, one, other, 10.0, rng)
    distance = float(plane(one).mean() - plane(other).mean())
    assert loss.terms["distance"] == pytest.approx(distance)
    assert loss.total.item() == pytest.approx(10 * (slope - 1) ** 2 - distance, abs=1e-4)


def test_the_penalty_is_taken_between_the_samples() -> None:
    """x² / 2 has the slope x: with x from 2 to 3 the penalty lies in 1 … 4, and its mean is ∫ (x - 1)² = 7/3."""
    one, other = torch.full((20_000, 1), 2.0), torch.full((20_000, 1), 3.0)
    with torch.no_grad():  # as in validation
        penalty = gradient_penalty(lambda x: x.square().sum(dim=1) / 2, one, other, torch.Generator().manual_seed(0))
    assert penalty.item() == pytest.approx(7 / 3, rel=0.01)


def test_the_penalty_moves_the_critic() -> None:
    """Two derivatives through convolutions, activations, maxima, and the sum of exponentials."""
    batch, model = pair(), build()
    model.fit_transforms(batch)
    seen = (shown(model, x)[:300] for x in (batch.extras[SECOND], batch.signals))
    gradient_penalty(model.critic, *seen, torch.Generator().manual_seed(0)).backward()
    weights = [p for name, p in model.critic.named_parameters() if name.endswith("weight")]
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in weights)


def test_the_trigger_is_that_of_the_data_unless_it_is_given() -> None:
    batch = pair()
    totals = batch.extras[SECOND].unflatten(1, (9, 20)).sum(dim=2)
    for model, expected in ((build(), float(totals[totals > 0].min())), (build(trigger=7.0), 7.0)):
        model.fit_transforms(batch)
        assert float(model.trigger) == pytest.approx(expected)


def test_the_critic_sees_every_bin() -> None:
    """A bin that it did not see would take whatever signal a total needs."""
    for n_bins, channels in ((20, (4,)), (80, (8, 8)), (83, (8, 8))):
        critic = TraceCritic(n_bins, channels, 4, 8)
        for channel in range(2):
            traces = torch.zeros(n_bins, 2, n_bins + critic.beyond)
            traces[:, channel, :n_bins] = torch.eye(n_bins)
            away = critic.encoder(traces) - critic.encoder(torch.zeros(1, 2, n_bins + critic.beyond))
            assert (away.abs().sum(dim=1) > 0).all()


def train(objective: Objective, batch: Batch, steps: int, rate: float) -> list[float]:
    optimizer, rng = torch.optim.Adam(objective.parameters(), lr=rate), torch.Generator().manual_seed(0)
    losses = []
    for _ in range(steps):
        loss = objective.loss(batch, rng).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_critic_learns_and_the_refiner_learns_from_it() -> None:
    """Data have twice the signals of the simulation: the critic finds a distance, and the refiner makes more signal."""
    batch, model = pair(), build(critic_steps=1)
    critic, refiner = model.objectives()
    losses = train(critic, batch, 150, 1e-2)
    assert losses[-1] < -0.3 < losses[0]
    losses = train(refiner, batch, 10, 1e-3)
    assert losses[-1] < losses[0] - 0.1
    refined = model.eval().refine(batch.signals, batch.condition)
    assert 1.15 < refined.sum() / batch.signals.sum() < 3


def test_an_update_sees_its_part_of_both_samples() -> None:
    model, batch = build(critic_steps=5, events=10), pair(64)
    assert [objective.steps for objective in model.objectives()] == [5, 1]
    simulation, data = model._parts(batch, torch.Generator().manual_seed(0))
    assert simulation.shape == data.shape == (10, 9, 20)
    few, _ = model._parts(pair(4), torch.Generator().manual_seed(0))
    assert len(few) == 4
    with pytest.raises(ConfigError, match=r"data\.second"):
        model._parts(sample(4, 1.0, 0), torch.Generator())


@pytest.mark.parametrize("silent", ["data", "simulation"])
def test_the_brightest_are_compared_as_many_an_event_as_there_are(silent: str) -> None:
    """A half of one sample's stations are silent besides: of the other one, the fainter half is not looked at."""
    batch, model = pair(400), build(events=400)
    fewer = batch.extras[SECOND] if silent == "data" else batch.signals
    fewer.unflatten(1, (9, 20))[:, ::2] = 0
    model.fit_transforms(batch)
    simulation, data = (shown(model, x) for x in (batch.signals, batch.extras[SECOND]))
    assert float(model.share) == pytest.approx(len(data) / len(simulation), rel=1e-6)
    seen = model._as_many(data, simulation, torch.Generator().manual_seed(0))
    assert len(seen[0]) == len(seen[1]) == pytest.approx(min(len(data), len(simulation)), abs=1)
    for whole, part in zip((data, simulation), seen, strict=True):
        edge = total_decades(whole[:, :20]).sort(dim=0, descending=True).values[len(part) - 1]
        assert (total_decades(part[:, :20]) >= edge - 1e-6).all()


def test_events_with_as_many_bright_stations_as_data_please_the_second_critic() -> None:
    """Only the totals' critic teaches: stations that are too faint become brighter."""
    batch, model = pair(), build(critic_steps=1, features=8)
    model.fit_transforms(batch)
    for parameter in model.critic.parameters():
        parameter.data.zero_()
        parameter.requires_grad_(False)
    critic, refiner = model.objectives()
    train(Objective("totals", model.totals_critic.parameters, critic.loss), batch, 150, 1e-2)
    train(refiner, batch, 10, 1e-3)
    refined = model.eval().refine(batch.signals, batch.condition)
    assert 1.1 < refined.sum() / batch.signals.sum() < 4
    silent = build(totals_weight=0.0)
    assert "totals" not in silent.objectives()[0].loss(batch, torch.Generator().manual_seed(0)).terms


def test_events_are_held_to_the_size_of_datas_events_of_the_same_rank() -> None:
    """Without any critic, stations that are too faint become brighter."""
    batch, model = pair(), build(critic_steps=1, features=8, totals_weight=0.0, balanced=True, size_weight=10.0)
    model.fit_transforms(batch)
    simulation, data = model._parts(batch, torch.Generator().manual_seed(0))
    assert model._size_difference(data, data) == 0
    assert model._size_difference(simulation, data) > 0
    for parameter in model.critic.parameters():
        parameter.data.zero_()
    train(model.objectives()[1], batch, 30, 1e-3)
    model.trigger.zero_()
    refined = model.eval().refine(batch.signals, batch.condition)
    assert 1.1 < refined.sum() / batch.signals.sum() < 3
    with pytest.raises(ValueError, match="set balanced"):
        build(size_weight=1.0)


def test_times_are_those_of_the_simulation_unless_both_samples_have_some() -> None:
    batch = pair()
    times, noise = torch.rand(64, 9, dtype=torch.float64), torch.ones(64, 10, dtype=torch.float64)
    assert build().refine_times(times, batch.signals, batch.signals, noise) is times
    with pytest.raises(ConfigError, match=r"set model\.times = false"):
        build(times=True).fit_transforms(batch)


def test_a_bundle_brings_back_the_same_refinement(tmp_path: Path) -> None:
    model, batch = build(trigger=3.0).eval(), pair()
    for parameter in model.parameters():
        parameter.data += 0.05
    save_bundle(Bundle("toy", model), tmp_path / "toy.bundle")
    again = load_bundle(tmp_path / "toy.bundle").model
    assert isinstance(again, TraceRefinerGAN)
    one, two = (m.refine(batch.signals, batch.condition) for m in (model, again))
    assert torch.equal(one, two)


def test_other_detectors_are_refused() -> None:
    with pytest.raises(DetectorError, match="trace-refiner needs a"):
        TraceRefinerGAN(TraceRefinerConfig(), BuildContext(catalog.get("calogan"), ("energy",)))
