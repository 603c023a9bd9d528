"""CaloGAN: the published sizes, its attention, its look at batches, its conditions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from moliere.detectors import Calorimeter, catalog
from moliere.errors import ConfigError
from moliere.events import Events
from moliere.models import Batch, BuildContext, CaloGAN, CaloGANConfig
from moliere.models.calogan.lagan import Inpainting, LayerCritic, MinibatchDiscrimination

SMALL = {"latent": 8, "channels": 4}


def build(detector: Calorimeter, columns: tuple[str, ...] = ("energy",), **settings: object) -> CaloGAN:
    torch.manual_seed(0)
    particles = (-11, 22, 211) if "pdg_id" in columns else ()
    config = CaloGANConfig.model_validate({**SMALL, **settings})
    return CaloGAN(config, BuildContext(detector, columns, particles))


def batch_of(events: Events, *columns: np.ndarray) -> Batch:
    return Batch(torch.tensor(np.stack([events.energy, *columns], axis=1)), torch.tensor(events.signals))


def test_the_published_networks_have_their_published_sizes() -> None:
    detector = catalog.get("calogan")
    assert isinstance(detector, Calorimeter)
    model = build(detector, latent=1024, channels=64)
    assert sum(p.numel() for p in model.generator.parameters()) == 29_726_280  # 29.73 M
    assert sum(p.numel() for p in model.discriminator.parameters()) == 2_743_632  # 2.74 M
    assert model.discriminator.real.in_features == 1863
    flat = [critic.width - 21 for critic in model.discriminator.critics]  # type: ignore[operator]
    assert flat == [1000, 448, 336]


def test_attention_hands_on_next_to_nothing_at_first() -> None:
    mix = Inpainting((12, 12))
    torch.nn.init.zeros_(mix.weigh.weight)
    own, previous = torch.rand(12, 12, 2, 1), 1000 * torch.rand(3, 96, 2, 1)
    share = math.exp(-10) / (1 + math.exp(-10))
    expected = (1 - share) * own + share * _original_resize(previous)
    torch.testing.assert_close(mix(own, previous), expected)


def _original_resize(layer: torch.Tensor) -> torch.Tensor:
    """UpSampling2D((4, 1)), then AveragePooling2D((1, 8)): 3 × 96 → 12 × 12."""
    return layer.repeat_interleave(4, dim=0).unflatten(1, (12, 8)).mean(dim=2)


def test_a_batch_of_equal_events_is_seen() -> None:
    look = MinibatchDiscrimination(3, kernels=2, width=1)
    with torch.no_grad():
        look.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    seen = look(torch.tensor([[0.0, 0.0, 5.0], [1.0, 0.0, 7.0], [3.0, 0.0, 9.0]]))
    first = [(1 + math.exp(-1) + math.exp(-3)) / 3, 1.0]
    assert seen[0].tolist() == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize(("kind", "value", "has_gradient"), [("hard", 0.5, False), ("straight-through", 0.5, True)])
def test_sparsity_counts_lit_cells(kind: str, value: float, has_gradient: bool) -> None:
    critic = LayerCritic((2, 2), 4, kind, scale=0.1)  # type: ignore[arg-type]
    images = torch.tensor([[[0.0, 0.2], [0.05, 0.0]]], requires_grad=True)
    lit = critic._lit(images)
    assert lit.item() == value
    if has_gradient:
        lit.sum().backward()
        slope = (1 - torch.tanh(torch.tensor([2.0, 0.5])) ** 2) / 0.1 / 4
        assert images.grad[0, [0, 1], [1, 0]].tolist() == pytest.approx(slope.tolist(), rel=1e-5)  # type: ignore[index]
    else:
        assert not lit.requires_grad


def test_energy_scales_the_latent(cartesian: Calorimeter, cartesian_events: Events) -> None:
    model = build(cartesian).eval()
    latent = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    energy = torch.full((4, 1), 50e3, dtype=torch.float64)
    one, other = model.decode(latent, energy), model.decode(2 * latent, energy / 2)
    torch.testing.assert_close(one, other)


def test_particles_have_a_head_and_a_vector_each(cartesian: Calorimeter, cartesian_events: Events) -> None:
    model = build(cartesian, ("energy", "pdg_id"))
    kinds = np.random.default_rng(0).choice([-11, 22, 211], len(cartesian_events))
    batch = batch_of(cartesian_events, kinds.astype(np.float64))
    model.fit_transforms(batch)
    assert model._classes(batch.condition).tolist() == [(-11, 22, 211).index(kind) for kind in kinds]
    assert model.discriminator.kind is not None
    assert model.discriminator.kind.out_features == 3
    for objective in model.objectives():
        objective.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    assert model.embedding is not None
    assert model.embedding.weight.grad is not None
    assert (model.embedding.weight.grad.abs().sum(dim=1) > 0).all()
    latent = torch.ones(2, 8)
    one = model.eval().decode(latent, torch.tensor([[5e4, -11.0], [5e4, 211.0]], dtype=torch.float64))
    assert not torch.equal(one[0], one[1])


def test_flipped_classes_are_wrong_and_as_many_as_asked_for(cartesian: Calorimeter) -> None:
    model = build(cartesian, ("energy", "pdg_id"), class_flips=0.3)
    classes = torch.randint(3, (20_000,), generator=torch.Generator().manual_seed(0))
    flipped = model._flipped(classes, torch.Generator().manual_seed(1))
    assert (flipped != classes).double().mean().item() == pytest.approx(0.3, abs=0.02)
    assert set(flipped.tolist()) == {0, 1, 2}


def test_angles_are_inputs_of_both_networks(cartesian: Calorimeter, cartesian_events: Events) -> None:
    model = build(cartesian, ("energy", "theta"))
    theta = np.random.default_rng(0).uniform(1, 2, len(cartesian_events))
    batch = batch_of(cartesian_events, theta)
    model.fit_transforms(batch)
    assert model.generator.streams[0].dense.in_features == 8 + 2  # type: ignore[union-attr]
    assert model.sample(batch.condition[:3], torch.Generator().manual_seed(0)).shape == (3, cartesian.n_channels)
    with pytest.raises(ConfigError, match="says where they go"):
        build(cartesian, ("energy", "theta"), augment=True)


def test_mirrored_showers_keep_their_energy_and_go_together(cartesian: Calorimeter, cartesian_events: Events) -> None:
    model = build(cartesian, augment=True)
    images = model._images(torch.tensor(cartesian_events.signals))
    doubled = [images[0], images[0]]
    one, other = model._mirror(doubled, torch.Generator().manual_seed(0))
    assert torch.equal(one, other)
    torch.testing.assert_close(one.sum(dim=(1, 2)), images[0].sum(dim=(1, 2)))
    moved = (one != images[0]).any(dim=(1, 2)).double().mean().item()
    assert 0.5 < moved < 0.9  # three in four


def mixed(events: Events) -> Batch:
    """Two particles: one whose totals hardly spread, one of which anything may be seen."""
    rng = np.random.default_rng(0)
    kinds = rng.choice([-11.0, 211.0], len(events))
    wanted = np.where(kinds < 0, 1 + 1e-3 * rng.normal(size=len(events)), rng.uniform(0.1, 0.9, len(events)))
    signals = events.signals * (wanted * events.energy / events.signals.sum(axis=1))[:, None]
    condition = np.stack([events.energy, kinds], axis=1)
    return Batch(torch.tensor(condition), torch.tensor(signals.astype(np.float32)))


def build_layered(detector: Calorimeter, batch: Batch, **settings: object) -> CaloGAN:
    config = CaloGANConfig.model_validate({**SMALL, "layers": True, "scaled": False, "threshold": 1.0, **settings})
    torch.manual_seed(0)
    model = CaloGAN(config, BuildContext(detector, ("energy", "pdg_id"), (-11, 211)))
    model.fit_transforms(batch)
    return model


def test_layers_are_made_first_and_cells_share_them(cartesian: Calorimeter, cartesian_events: Events) -> None:
    batch = mixed(cartesian_events)
    model = build_layered(cartesian, batch).eval()
    assert model.stage is not None
    latent = model.draw_latent(batch.condition, torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = model.decode(latent, batch.condition)
        state = model.stage.make(latent[:, : model.stage.width], batch.condition)
    found = model.stage.measure(made)
    assert torch.equal(found.counts, state.counts)
    torch.testing.assert_close(found.energies, state.energies, rtol=1e-5, atol=1e-3)


def test_each_particle_has_its_own_response(cartesian: Calorimeter, cartesian_events: Events) -> None:
    """After a short training of the first stage alone: the narrow one stays narrow, the wide one wide and centred."""
    batch = mixed(cartesian_events)
    model = build_layered(cartesian, batch, layer_width=32, layer_blocks=2)
    layers = model.objectives()[2]
    optimizer, rng = torch.optim.Adam(layers.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    for _ in range(300):
        optimizer.zero_grad()
        layers.loss(batch, rng).total.backward()
        optimizer.step()
    made = model.eval().sample(batch.condition.repeat(5, 1), rng).sum(dim=1).double()
    response = (made / batch.condition[:, 0].repeat(5)).reshape(5, -1)
    truth = batch.signals.sum(dim=1).double() / batch.condition[:, 0]
    narrow, wide = batch.condition[:, 1] < 0, batch.condition[:, 1] > 0
    assert float(response[:, narrow].mean()) == pytest.approx(1, abs=0.005)
    assert float(response[:, narrow].std()) < 0.02
    assert float(response[:, wide].mean()) == pytest.approx(float(truth[wide].mean()), abs=0.05)
    assert float(response[:, wide].std()) == pytest.approx(float(truth[wide].std()), rel=0.2)


def test_with_layers_nothing_forces_the_total_to_the_incident_energy(
    cartesian: Calorimeter, cartesian_events: Events
) -> None:
    batch = mixed(cartesian_events)
    for layers, as_much in ((False, False), (True, True)):
        totals = []
        for weight in (0.0, 5.0):
            model = build_layered(cartesian, batch, layers=layers, energy_weight=weight)
            totals.append(float(model.objectives()[1].loss(batch, torch.Generator().manual_seed(0)).total.detach()))
        assert (totals[0] == totals[1]) == as_much


def test_the_networks_exchange_normal_numbers(cartesian: Calorimeter, cartesian_events: Events) -> None:
    """Of real showers, of which they say all, and of generated ones, before anything is learned."""
    batch = mixed(cartesian_events)
    model = build_layered(cartesian, batch)
    rng = torch.Generator().manual_seed(0)
    real, condition, state = model._real(batch, rng)
    assert state is not None
    for images in (real, model._fake(batch, rng)[0]):
        scores = torch.cat([image.flatten(1) for image in images], dim=1).detach()
        assert abs(float(scores.mean())) < 0.1
        assert float(scores.std()) == pytest.approx(1, abs=0.15)
    assert model.stage is not None
    back = model.stage.decode_cells(condition, torch.cat([image.flatten(1) for image in real], dim=1), state)
    cut = model.stage.cut(batch.signals)
    assert torch.equal(back > 0, cut > 0)
    assert float(((back - cut).abs().sum(dim=1) / cut.sum(dim=1).clamp(min=1)).median()) < 0.02


def test_each_particle_has_tables_of_its_own(cartesian: Calorimeter, cartesian_events: Events) -> None:
    """The same numbers are another shower for another particle."""
    batch = mixed(cartesian_events)
    model = build_layered(cartesian, batch)
    assert model.stage is not None
    state = model.stage.measure(model.stage.cut(batch.signals))
    scores = torch.randn(batch.signals.shape, generator=torch.Generator().manual_seed(0))
    other = batch.condition.clone()
    other[:, 1] = torch.where(other[:, 1] < 0, 211.0, -11.0)
    one, two = (model.stage.decode_cells(condition, scores, state) for condition in (batch.condition, other))
    assert not torch.allclose(one, two)


def test_a_latent_that_is_not_scaled_varies_as_much_at_low_energy(
    cartesian: Calorimeter, cartesian_events: Events
) -> None:
    batch = batch_of(cartesian_events)

    def spread(energy: float, scaled: bool) -> float:
        model = build(cartesian, scaled=scaled)
        model.fit_transforms(batch)
        joined = []
        model.generator.register_forward_pre_hook(lambda _, given: joined.append(given[0]))
        model.eval().sample(torch.full((500, 1), energy, dtype=torch.float64), torch.Generator().manual_seed(0))
        return float(joined[0][:, :8].std())

    assert spread(1e3, True) == pytest.approx(spread(100e3, True) / 100, rel=1e-3)
    assert spread(1e3, False) == pytest.approx(spread(100e3, False), rel=1e-3)
    told = build(cartesian, scaled=False).generator.streams[0].dense.in_features  # type: ignore[union-attr]
    assert told == 8 + 5  # the energy is an input instead


def test_other_detectors_are_refused(polar: Calorimeter) -> None:
    with pytest.raises(ConfigError, match="Cartesian"):
        build(polar)
