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


def test_other_detectors_are_refused(polar: Calorimeter) -> None:
    with pytest.raises(ConfigError, match="Cartesian"):
        build(polar)
