"""The conditioned WGAN of footprints: published sizes, other arrays, its three objectives, centred pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moliere.detectors import SurfaceArray, catalog
from moliere.detectors.surface_array import station_positions
from moliere.errors import ConfigError, DetectorError
from moliere.events import Events
from moliere.models import Batch, BuildContext, Bundle, FootprintGAN, FootprintGANConfig, load_bundle, save_bundle
from moliere.models.airshower.footprints import FootprintCritic, FootprintGenerator
from moliere.preprocess.traces import centred_footprints
from moliere.units import EeV

SMALL = {"latent": 6, "generator_features": [8, 8], "critic_features": [8, 8]}
ARRAY = SurfaceArray("toy", station_positions(5, 1500e3, 0.0, "cartesian"), 1, 2000.0, (5, 5))


def footprints(n: int = 100) -> Batch:
    """A signal that goes with the energy in the middle, less around it, nothing below 2 VEM."""
    rng = np.random.default_rng(0)
    energy = rng.uniform(1, 100, n)
    distance = np.hypot(*(ARRAY.stations[:, :2] / 1500e3).T)
    signals = 3 * energy[:, None] / (1 + distance) ** 3 * rng.uniform(0.9, 1.1, (n, 25))
    signals[signals < 2] = 0
    return Batch(torch.tensor(energy[:, None] * EeV), torch.tensor(signals, dtype=torch.float32))


def build(**settings: object) -> FootprintGAN:
    torch.manual_seed(0)
    model = FootprintGAN(FootprintGANConfig.model_validate({**SMALL, **settings}), BuildContext(ARRAY, ("energy",)))
    model.fit_transforms(footprints())
    return model


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_published_networks_have_their_published_sizes() -> None:
    generator = FootprintGenerator(80, 1, (9, 9))
    normalisation = sum(count(m) for m in generator.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert count(generator) - normalisation == 571_617
    assert normalisation == 2 * (64 + 128 + 128 + 256)
    assert count(FootprintCritic()) == 543_049


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9, 9), (14, 14), (30, 4)])
def test_pictures_of_any_size(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    pictures = FootprintGenerator(5, 1, shape, (4, 4, 4, 4))(torch.randn(3, 6))
    assert pictures.shape == (3, *shape)
    assert (pictures > 0).any()  # it does not start dark
    assert FootprintCritic((4, 4))(pictures, torch.zeros(3, 0), torch.Generator()).shape == (3,)


def test_the_critic_drops_what_the_random_source_says() -> None:
    torch.manual_seed(0)
    critic, pictures, condition = (
        FootprintCritic((16, 16), dropout=0.5, condition_width=1),
        torch.rand(4, 5, 5),
        torch.rand(4, 1),
    )
    one, same, other = (critic(pictures, condition, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    critic.eval()
    assert torch.equal(critic(pictures, condition, torch.Generator()), critic(pictures, condition, torch.Generator()))
    assert not torch.equal(
        critic(pictures, condition, torch.Generator()), critic(pictures, condition + 1, torch.Generator())
    )


@pytest.mark.parametrize("settings", [{}, {"networks": "dense", "widths": [16, 16]}])
def test_a_conditioned_critic_finds_wrong_energies(settings: dict[str, object]) -> None:
    """Generated are real footprints of another energy: only who sees the energy can tell."""
    model, batch = build(critic_told=True, gap=0.3, **settings), footprints()
    pictures, wrong = model._pictures(batch), batch.condition.flip(0)
    optimizer, rng = torch.optim.Adam(model.critic.parameters(), lr=1e-2), torch.Generator().manual_seed(0)
    for _ in range(100):
        apart = model._verdict(pictures, batch.condition, rng) - model._verdict(pictures, wrong, rng)
        optimizer.zero_grad()
        (-apart.clamp(max=1).mean()).backward()
        optimizer.step()
    assert apart.mean() > 0.5


def test_a_gap_is_closed_and_opened_again() -> None:
    model, batch = build(gap=0.3), footprints()
    pictures = model._pictures(batch)
    assert pictures[pictures > 0].min() == pytest.approx(0.3, abs=1e-5)
    assert torch.allclose(model.scale.inverse(pictures).flatten(1), batch.signals, rtol=1e-4)
    totals = batch.signals.sum(dim=1, keepdim=True)
    assert torch.allclose(model.scale.total(pictures), torch.log10(1 + totals), atol=1e-4)


def test_signals_are_silent_or_at_least_the_smallest_real_one() -> None:
    model, batch = build().eval(), footprints()
    assert model.scale.smallest == batch.signals[batch.signals > 0].min()
    signals = model.sample(batch.condition, torch.Generator().manual_seed(0))
    assert signals.shape == batch.signals.shape
    assert signals.isfinite().all()
    assert not ((signals > 0) & (signals < model.scale.smallest)).any()


def test_three_objectives_in_order_and_each_is_lowered() -> None:
    model, batch = build(energy_weight=10.0, dropout=0.1), footprints(64)
    model.train()
    objectives = model.objectives()
    assert [(o.name, o.steps) for o in objectives] == [("constrainer", 1), ("critic", 5), ("generator", 1)]
    for objective in objectives:
        rng = torch.Generator().manual_seed(0)
        optimizer = torch.optim.Adam(objective.parameters(), lr=3e-3)
        losses = []
        for _ in range(30):
            loss = objective.loss(batch, rng).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())
        assert sum(losses[-10:]) < sum(losses[:10]) - 0.1 * abs(sum(losses[:10])), objective.name


def test_the_constrainer_holds_the_generator_to_the_energy() -> None:
    """Constrainer first, then the generator with the energy term alone: what is asked for is what is found."""
    model, batch = build(energy_weight=1e4), footprints()
    model.train()
    constrainer, _, generator = model.objectives()
    for objective in (constrainer, generator):
        optimizer, rng = torch.optim.Adam(objective.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
        for _ in range(80):
            optimizer.zero_grad()
            objective.loss(batch, rng).total.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        pictures = model._make(model.draw_latent(batch.condition, torch.Generator().manual_seed(1)), batch.condition)
        found = model.constrainer(pictures)[:, 0]
    asked = (batch.condition[:, 0] / batch.condition.max()).float()
    assert torch.corrcoef(torch.stack([asked, found]))[0, 1] > 0.7


def test_a_bundle_brings_back_the_same_footprints(tmp_path: Path) -> None:
    model, batch = build().eval(), footprints(20)
    save_bundle(Bundle("toy", model), tmp_path / "toy.bundle")
    again = load_bundle(tmp_path / "toy.bundle").model
    assert isinstance(again, FootprintGAN)
    one, two = (m.sample(batch.condition, torch.Generator().manual_seed(1)) for m in (model, again))
    assert torch.equal(one, two)


def test_traces_and_other_conditions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"80 bins; sum them with: moliere prepare footprints"):
        FootprintGAN(FootprintGANConfig(), BuildContext(catalog.get("airshower-9x9"), ("energy",)))
    with pytest.raises(ConfigError, match="on the energy alone"):
        FootprintGAN(FootprintGANConfig(), BuildContext(ARRAY, ("energy", "theta")))


def traces() -> Events:
    """3 × 3 stations of two bins: the first event's hottest station in a corner, the second event empty."""
    array = SurfaceArray("small", station_positions(3, 10.0, 0.0, "cartesian"), 2, 25.0, (3, 3))
    signals = np.zeros((2, 9, 2), np.float32)
    signals[0, [0, 1, 3, 8]] = [[5, 1], [2, 1], [1, 1], [0.5, 0]]
    times = np.where(signals.sum(axis=2) > 0, np.arange(9.0), np.nan)
    incident = {"energy": np.ones(2), "core_x": np.full(2, -9.0), "core_y": np.full(2, 1.0)}
    return Events(array, incident, signals.reshape(2, -1), extras={"arrival_times": times})


def test_the_hottest_station_comes_to_the_middle() -> None:
    moved = centred_footprints(traces())
    assert moved.signals[0].reshape(3, 3).tolist() == [[0, 0, 0], [0, 6, 3], [0, 2, 0]]
    assert not moved.signals[1].any()
    times = moved.extras["arrival_times"][0].reshape(3, 3)
    np.testing.assert_array_equal(times, [[np.nan] * 3, [np.nan, 0, 1], [np.nan, 3, np.nan]])
    assert isinstance(moved.detector, SurfaceArray)
    assert (moved.detector.n_bins, moved.detector.bin_width, moved.detector.shape) == (1, 50.0, (3, 3))


def test_the_core_moves_along() -> None:
    """What lay 1 mm from the hottest station lies 1 mm from the middle one; nothing moves without a signal."""
    moved = centred_footprints(traces())
    assert moved.incident["core_x"].tolist() == [1.0, -9.0]
    assert moved.incident["core_y"].tolist() == [11.0, 1.0]


def test_centred_footprints_stay_as_they_are() -> None:
    once = centred_footprints(traces())
    twice = centred_footprints(once)
    assert np.array_equal(once.signals, twice.signals)
    assert once.detector == twice.detector


def test_footprints_need_a_picture() -> None:
    events = traces()
    array = SurfaceArray("shapeless", events.detector.positions, 2, 25.0)  # type: ignore[attr-defined]
    with pytest.raises(DetectorError, match="form no picture"):
        centred_footprints(Events(array, events.incident, events.signals))
