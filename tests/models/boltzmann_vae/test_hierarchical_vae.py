from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from moliere.detectors import Calorimeter, Layer, PolarGrid
from moliere.detectors.atlas import eta_slice
from moliere.errors import ConfigError, InvalidEvents, UnsupportedIncident
from moliere.evaluation import evaluate
from moliere.events import Events
from moliere.generation import generate
from moliere.models import Batch, BuildContext, Bundle, HierarchicalVAE, HierarchicalVAEConfig, Loss
from moliere.models.boltzmann_vae.level_figures import forget, level_figures
from moliere.models.boltzmann_vae.voxel_decoder import HierarchicalDecoder

TINY: dict[str, Any] = {
    "levels": (6, 6, 6),
    "channels": (4, 8),
    "width": 32,
    "chains": 64,
    "sampler_settings": {"steps": 5},
    "sharpness": (1, 5),
    "sharpen_steps": 100,
}


def build(detector: Calorimeter, columns: tuple[str, ...] = ("energy",), **settings: Any) -> HierarchicalVAE:
    torch.manual_seed(0)
    return HierarchicalVAE(HierarchicalVAEConfig(**(TINY | settings)), BuildContext(detector, columns))


def to_batch(events: Events) -> Batch:
    return Batch(torch.tensor(events.energy)[:, None], torch.tensor(events.signals))


def fitted(events: Events, **settings: Any) -> tuple[HierarchicalVAE, Batch]:
    assert isinstance(events.detector, Calorimeter)
    model, batch = build(events.detector, **settings), to_batch(events)
    model.fit_transforms(batch)
    return model, batch


def learn(loss: Loss) -> None:
    """What the loop does once the weights have moved."""
    if loss.learn is not None:
        loss.learn()


def train(model: HierarchicalVAE, batch: Batch, steps: int, rate: float = 5e-3) -> None:
    optimizers = [torch.optim.Adam(o.parameters(), lr=rate) for o in model.objectives()]
    rng = torch.Generator().manual_seed(1)
    for _ in range(steps):
        rows = torch.randint(len(batch), (64,), generator=rng)
        for objective, optimizer in zip(model.objectives(), optimizers, strict=True):
            optimizer.zero_grad()
            loss = objective.loss(batch[rows], rng)
            loss.total.backward()
            optimizer.step()
            learn(loss)
    model.eval()


@pytest.mark.parametrize("eta", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.55, 0.6, 0.7, 0.85, 0.9, 0.95])
@pytest.mark.parametrize("settings", [{"decoder": "plain"}, {}, {"slices": False}])
def test_every_eta_slice_has_its_shape(eta: float, settings: dict[str, Any]) -> None:
    """Forwards and backwards through all 14 × 24 cells of 5 to 14 layers."""
    detector = eta_slice(eta)
    model = build(detector, threshold=1.0, **settings)
    rng = torch.Generator().manual_seed(0)
    energy = torch.tensor([1e3, 1e5], dtype=torch.float64).repeat_interleave(6)[:, None]
    shares = torch.rand(12, detector.n_channels, generator=rng) ** 8
    batch = Batch(energy, (shares / shares.sum(dim=1, keepdim=True) * energy).float())
    model.fit_transforms(batch)
    model.objectives()[0].loss(batch, rng).total.backward()
    made = model.eval().sample(energy, rng)
    assert made.shape == (12, 336 * len(detector.layers))
    assert made.isfinite().all()
    assert (made.sum(dim=1) > 0).all()


@pytest.mark.parametrize("decoder", ["plain", "hierarchical"])
def test_the_mean_response_is_right_at_every_discrete_energy(regular_events: Events, decoder: str) -> None:
    model, batch = fitted(regular_events, decoder=decoder)
    train(model, batch, 60)
    rng = torch.Generator().manual_seed(2)
    for energy in np.unique(regular_events.energy):
        truth = regular_events.response[regular_events.energy == energy]
        condition = torch.full((2000, 1), energy, dtype=torch.float64)
        response = model.sample(condition, rng).sum(dim=1).double() / energy
        assert float(response.mean()) == pytest.approx(float(truth.mean()), rel=0.02)
        assert float(response.std()) == pytest.approx(float(truth.std()), rel=0.35)


def test_training_makes_the_prior_follow_the_encoder(regular_events: Events) -> None:
    """The means of the prior's bits become those of the posterior's."""
    model, batch = fitted(regular_events)
    train(model, batch, 100)
    rng = torch.Generator().manual_seed(3)
    for _ in range(150):  # the prior alone
        optimizer = torch.optim.SGD(model.machine.parameters(), lr=0.5)
        optimizer.zero_grad()
        model.objectives()[1].loss(batch, rng).total.backward()
        optimizer.step()
    shower = model.see(batch, rng)
    logits, _ = model.encode(shower, lambda level: (level > 0).float())
    posterior = torch.cat(logits, dim=1).sigmoid().mean(dim=0)
    bits = model.draw_latent(batch.condition, rng)[:, : model.machine.n_free]
    assert float((bits.mean(dim=0) - posterior.detach()).abs().mean()) < 0.1


def test_layer_energies_are_those_of_the_head(regular_events: Events) -> None:
    """Cells only share what their layer has, and as many answer as it says."""
    model, batch = fitted(regular_events)
    model.eval()
    rng = torch.Generator().manual_seed(0)
    condition = batch.condition[:20]
    latent = model.draw_latent(condition, rng)
    with torch.no_grad():
        made = model.decode(latent, condition)
        bits, noise, _ = latent.split([18, model.coder.width, 2 * 120], dim=1)
        assert model.head is not None
        told = torch.cat([bits, model.encoding(condition)], dim=1)
        state = model.coder.decode(model.head(told, noise), condition[:, 0])
    measured = model.coder.measure(made)
    torch.testing.assert_close(measured.energies, state.energies, rtol=1e-4, atol=1e-3)
    assert (measured.counts <= state.counts).all()
    assert float((measured.counts == state.counts).double().mean()) > 0.5


def test_cells_scatter_as_far_as_they_did_in_training(regular_events: Events) -> None:
    """Nothing scatters before it is learned how far; then what is decoded moves, and layers keep their energies."""
    model, batch = fitted(regular_events)
    rng = torch.Generator().manual_seed(0)
    condition = batch.condition[:20]
    model.eval()
    latent = model.draw_latent(condition, rng)
    without = latent.clone()
    without[:, -120:] = 0
    with torch.no_grad():
        assert torch.equal(model.decode(latent, condition), model.decode(without, condition))
        model.train()
        loss = model.objectives()[0].loss(batch, rng)
        assert not (model.cells.spread.squares > 0).any()  # a loss learns nothing by itself
        learn(loss)
        model.eval()
        assert (model.cells.spread.squares > 0).any()
        moved, still = model.decode(latent, condition), model.decode(without, condition)
    assert not torch.allclose(moved, still)
    energies = (model.coder.measure(made).energies for made in (moved, still))
    torch.testing.assert_close(*energies, rtol=1e-4, atol=1e-3)
    published, _ = fitted(regular_events, scatter=False)
    assert published.draw_latent(condition, rng).shape[1] == latent.shape[1] - 120


def test_normal_cells_are_normal_before_anything_is_learned(regular_events: Events) -> None:
    """Nothing is told, all is N(0, 1), and the likelihood is that of a normal distribution."""
    model, batch = fitted(regular_events, cells="normal", decoder="plain")
    model.eval()
    shower = model.see(batch, torch.Generator().manual_seed(0))
    assert shower.cells.mean(dim=0).abs().max() < 0.2
    assert (shower.cells.std(dim=0) - 1).abs().max() < 0.2
    wide, mean = torch.rand(2, *shower.cells.shape, generator=torch.Generator().manual_seed(0))
    law = torch.distributions.Normal(mean, torch.tanh(wide).exp())
    expected = -(law.log_prob(shower.cells) + math.log(2 * math.pi) / 2).sum(dim=1)
    torch.testing.assert_close(model.cells.surprise((wide, mean), shower.cells), expected)


def test_normal_cells_are_given_what_their_layer_holds(regular_events: Events) -> None:
    model, batch = fitted(regular_events, cells="normal")
    train(model, batch, 5)
    rng = torch.Generator().manual_seed(0)
    latent = model.draw_latent(batch.condition[:20], rng)
    with torch.no_grad():
        made = model.decode(latent, batch.condition[:20])
        bits, noise, _ = latent.split([18, model.coder.width, 120], dim=1)
        assert model.head is not None
        told = torch.cat([bits, model.encoding(batch.condition[:20])], dim=1)
        state = model.coder.decode(model.head(told, noise), batch.condition[:20, 0])
    measured = model.coder.measure(made)
    torch.testing.assert_close(measured.energies, state.energies, rtol=1e-4, atol=1e-3)
    assert torch.equal(measured.counts, state.counts)


def test_what_hangs_together_in_normal_cells_reaches_the_bits(regular_events: Events) -> None:
    """Showers on one side or on the other: their own bits make their cells likelier than those of another shower."""
    cells = regular_events.signals.reshape(-1, 5, 6, 4).copy()
    left = np.arange(len(cells)) % 2 == 0
    cells[left, :, :3] /= 20
    cells[~left, :, 3:] /= 20
    model, batch = fitted(replace(regular_events, signals=cells.reshape(regular_events.signals.shape)), cells="normal")
    assert float(model.cells.spreads[0]) > 3  # the sides are what varies most
    train(model, batch, 40)
    shower = model.see(batch, torch.Generator().manual_seed(0))
    _, bits = model.encode(shower, lambda level: (level > 0).float())
    with torch.no_grad():
        own, other = (model.explain(shower, found)[1].mean() for found in (bits, [level.roll(1, 0) for level in bits]))
    assert float(own) > float(other) + 5


def test_showers_are_turned_in_training_alone(regular_events: Events) -> None:
    model, batch = fitted(regular_events, augment=True)
    rng = torch.Generator().manual_seed(0)
    turned = model._turn(batch, rng).signals
    assert not torch.equal(turned, batch.signals)
    rings = [signals.view(-1, 5, 6, 4).sort(dim=2).values for signals in (turned, batch.signals)]
    assert torch.equal(*rings)
    assert torch.equal(model.eval()._turn(batch, rng).signals, batch.signals)
    still, _ = fitted(regular_events)
    assert torch.equal(still._turn(batch, rng).signals, batch.signals)


def test_a_bundle_from_before_cells_had_names_still_loads(regular_events: Events) -> None:
    model, batch = fitted(regular_events)
    learn(model.objectives()[0].loss(batch, torch.Generator().manual_seed(0)))
    old = model.state_dict()
    old["spread.squares"] = old.pop("cells.spread.squares")
    again = build(model.detector)
    again.load_state_dict(old)
    assert torch.equal(again.cells.spread.squares, model.cells.spread.squares)
    assert (again.cells.spread.squares > 0).any()


def test_bits_sharpen_as_training_goes_on(regular_events: Events) -> None:
    model, batch = fitted(regular_events)
    assert model.sharpness == 1
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        model.steps += 1
    loss = model.objectives()[0].loss(batch[:4], rng)
    assert int(model.steps) == 50  # a loss counts nothing by itself
    learn(loss)
    assert model.sharpness == pytest.approx(1 + 4 * 51 / 100)
    model.eval().objectives()[0].loss(batch[:4], rng)
    assert int(model.steps) == 51
    model.steps += 1000
    assert model.sharpness == 5


def test_the_weight_of_the_divergence_rises(regular_events: Events) -> None:
    model, batch = fitted(regular_events, kl_weight=0.5, kl_steps=10)
    weights = []
    for _ in range(12):
        weights.append(model.kl_weight)
        learn(model.objectives()[0].loss(batch[:2], torch.Generator().manual_seed(0)))
    assert weights == pytest.approx([0.05 * min(k, 10) for k in range(12)])
    assert build(model.detector, kl_weight=0.5, kl_steps=10).eval().kl_weight == 0.5


def test_the_evidence_bound_is_put_together_as_the_formula_says(regular_events: Events) -> None:
    """Weight by weight, with hard bits and a machine that says nothing."""
    model, batch = fitted(regular_events, kl_weight=0.0, hit_weight=0.0, layer_weight=0.0, voxel_weight=0.25)
    model.eval()
    rng = torch.Generator().manual_seed(0)
    shower = model.see(batch[:8], rng)
    _, bits = model.encode(shower, lambda level: (level > 0).float())
    _, activations = model.decoder(bits, shower.condition)
    away = (shower.x - activations) ** 2 * torch.exp(0.5 * shower.x)
    expected = -0.25 * (away * (shower.x > 0)).sum(dim=1)
    torch.testing.assert_close(model.explain(shower, bits)[1], expected)


def test_forgetting_leaves_later_levels() -> None:
    own, prior = ([torch.full((2, 1), value)] * 3 for value in (1.0, 0.0))
    assert [float(level[0]) for level in forget(own, prior, 2)] == [0, 0, 1]
    assert [float(level[0]) for level in forget(own, prior, 0)] == [1, 1, 1]


def test_a_reward_changes_nothing_at_inference(regular_events: Events) -> None:
    plain, batch = fitted(regular_events)
    rewarded, _ = fitted(regular_events, reward=1.0)
    left = rewarded.load_state_dict(plain.state_dict(), strict=False)
    assert left.missing_keys
    assert all(name.startswith("skips.") for name in left.missing_keys)
    assert [o.name for o in rewarded.objectives()] == ["vae", "prior"]
    made = [m.eval().sample(batch.condition[:5], torch.Generator().manual_seed(0)) for m in (plain, rewarded)]
    assert torch.equal(*made)


def test_a_head_sees_its_level_and_those_after_it(regular_events: Events) -> None:
    model, batch = fitted(regular_events, reward=1.0)
    train(model, batch, 20)
    shower = model.see(batch[:8], torch.Generator().manual_seed(0))
    _, bits = model.encode(shower, lambda level: (level > 0).float())
    for head in range(3):
        for changed in range(3):
            other = [1 - level if k == changed else level for k, level in enumerate(bits)]
            same = torch.equal(*(model.log_likelihood_from(head, found, shower) for found in (bits, other)))
            assert same == (changed < head)


def test_the_reward_has_no_weight_that_does_nothing(regular_events: Events) -> None:
    """Half of the weight is half of what is added to the bound's gradient; its price rises with that of the bound."""

    def slope(**settings: Any) -> torch.Tensor:
        model, batch = fitted(regular_events, **settings)
        model.objectives()[0].loss(batch[:32], torch.Generator().manual_seed(0)).total.backward()
        gradients = [p.grad for p in model.encoder.parameters() if p.grad is not None]
        return torch.cat([g.flatten() for g in gradients])

    none, half, whole = (slope(reward=weight, kl_steps=10) for weight in (0.0, 0.5, 1.0))
    torch.testing.assert_close(whole - none, 2 * (half - none), rtol=1e-3, atol=1e-3)
    assert (half - none).abs().max() > 1e-2


def test_the_priors_means_are_those_at_the_events_energy(regular_events: Events) -> None:
    """A machine whose only coupling is that of a bit to a bit of the energy that some events have."""
    model, batch = fitted(regular_events)
    with torch.no_grad():
        for parameter in model.machine.parameters():
            parameter.zero_()
        model.machine.couplings["01"].weight[8, 2] = 4.0
        model.machine.bias_at_offset[2] = 0.0
    shower = model.see(batch[:50], torch.Generator().manual_seed(0))
    means = model.prior_means(shower, torch.Generator().manual_seed(0))
    assert [level.shape for level in means] == [(50, 6)] * 3
    expected = torch.sigmoid(4 * (shower.clamped[:, 8] - 0.5))
    torch.testing.assert_close(means[0][:, 2], expected)
    assert set(shower.clamped[:, 8].tolist()) == {0.0, 1.0}
    torch.testing.assert_close(means[1], torch.full((50, 6), 0.5))


def test_a_sub_decoder_can_hand_on_all_of_its_voxels(regular_events: Events) -> None:
    small, whole = (fitted(regular_events, carried=carried)[0].decoder for carried in (64, 0))
    assert isinstance(small, HierarchicalDecoder)
    assert isinstance(whole, HierarchicalDecoder)
    inward = small.parts[0].seed.in_features  # bits and condition
    # 5 layers of 24 cells for three sub-decoders: 2, 2 and 1
    assert [part.seed.in_features for part in (*small.parts, small.whole)] == [inward, *[inward + 64] * 3]
    assert [part.seed.in_features for part in (*whole.parts, whole.whole)] == [
        inward,
        *(inward + n for n in (48, 48, 24)),
    ]


def test_the_slope_below_zero_falls_with_training(regular_events: Events) -> None:
    """With the first one at the start, the last one at the end and where events are made."""
    model, batch = fitted(regular_events, slope=(0.5, 0.1))
    plain, _ = fitted(regular_events)
    shower = model.see(batch[:8], torch.Generator().manual_seed(0))
    _, bits = model.encode(shower, lambda level: (level > 0).float())
    with torch.no_grad():
        for each in (model, plain):
            each.decoder.whole.activations.rings.told.bias -= 20  # type: ignore[union-attr,operator]
        below = plain.explain(shower, bits)[0][1]
        assert (below < 0).all()
        torch.testing.assert_close(model.explain(shower, bits)[0][1], 0.5 * below)
        model.steps += 100
        torch.testing.assert_close(model.explain(shower, bits)[0][1], 0.1 * below)
        model.steps.zero_()
        torch.testing.assert_close(model.eval().explain(shower, bits)[0][1], 0.1 * below)


# bad input


def test_energies_beyond_the_bits_are_refused_before_training(regular_events: Events) -> None:
    with pytest.raises(UnsupportedIncident, match=r"11\+17\+17 energy bits hold 1 MeV to 2\.05 GeV, got"):
        fitted(regular_events, energy_bits=(11, 17, 17))


def test_energies_beyond_the_bits_are_refused_in_generation(regular_events: Events) -> None:
    model, _ = fitted(regular_events)
    with pytest.raises(UnsupportedIncident, match="give the energy more bits"):
        model.draw_latent(torch.tensor([[1e9]]), torch.Generator())


def test_a_layer_without_energy_is_named(regular_events: Events) -> None:
    signals = regular_events.signals.copy()
    signals[:, regular_events.detector.slices[3]] = 0  # type: ignore[attr-defined]
    with pytest.raises(InvalidEvents, match=r"layers layer 3 hold no energy in 400 training events; .*data\.detector"):
        fitted(replace(regular_events, signals=signals))


def test_a_cell_with_more_than_the_incident_energy_is_refused(regular_events: Events) -> None:
    batch = to_batch(regular_events)
    signals = batch.signals.clone()
    signals[7, 3] = 2 * float(batch.condition[7, 0])
    model, _ = fitted(regular_events)
    with pytest.raises(InvalidEvents, match=r"1 of 400 .* write a file without them"):
        model.fit_transforms(replace(batch, signals=signals))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": "zephyr", "levels": (6, 6)}, "four partitions, got 3"),
        ({"prior": "zephyr", "levels": (2000, 2000, 2000)}, "no Zephyr chip"),
        ({"clamped_nodes": 20}, "20 nodes cannot hold"),
        ({"levels": (2,) * 6}, "5 layers cannot be shared among 6 sub-decoders"),
    ],
)
def test_sizes_that_fit_nothing_are_refused(regular: Calorimeter, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(regular, **settings)


@pytest.mark.parametrize("settings", [{"layers": False}, {"scatter": False}, {"slope": (0.05, 0.0)}])
def test_published_settings_that_normal_cells_have_not_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match='cells = "normal" needs layers = true and scatter = true, and has no slope'):
        HierarchicalVAEConfig.from_table({"cells": "normal", **settings})


def test_other_calorimeters_are_refused(polar: Calorimeter, cartesian: Calorimeter) -> None:
    for detector in (polar, cartesian):
        with pytest.raises(ConfigError, match="as many rings and sectors as each other"):
            build(detector)


def test_a_slice_with_other_layers_is_not_compared_with_a_bundles_events(regular_events: Events) -> None:
    model, _ = fitted(regular_events)
    bundle = Bundle("toy", model, validity={"energy": (256.0, 2048.0)})
    six = Calorimeter("six", tuple(Layer(id=k, grid=PolarGrid((0.0, 1.0, 2.0, 3.0, 4.0), 6)) for k in range(6)))
    other = Events(six, {"energy": np.array([300.0, 400.0])}, np.ones((2, 144)))
    made = generate(bundle, other.incident)
    with pytest.raises(
        InvalidEvents,
        match=r"has 6 layers, .* 5\); both must be of the same detector|both must be of the same detector",
    ):
        evaluate(other, made)


def test_a_sampler_that_cannot_be_had_is_replaced_only_when_asked(
    regular_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moliere.errors import MissingExtra
    from moliere.models.boltzmann_vae.boltzmann import samplers

    def broken() -> Any:
        raise MissingExtra("the chip is in the post")

    monkeypatch.setitem(samplers._entries, "chip", broken)
    asked: dict[str, Any] = {"sampler": "chip", "sampler_settings": {}}
    model, batch = fitted(regular_events, **asked)
    with pytest.raises(MissingExtra, match="in the post"):
        model.sample(batch.condition[:2], torch.Generator())
    model, batch = fitted(regular_events, sampler_fall_back=True, **asked)
    with pytest.warns(UserWarning, match="sampling with gibbs instead"):
        assert len(model.sample(batch.condition[:2], torch.Generator())) == 2


def test_a_level_that_is_not_used_shows(regular_events: Events) -> None:
    """The second level's logits cut off from the shower: no active unit, no divergence, nothing lost without it."""
    model, batch = fitted(regular_events, decoder="plain")
    with torch.no_grad():
        first, second, third = (level[2] for level in model.encoder.levels)
        for level, width in ((first, 3.0), (second, 0.0), (third, 3.0)):
            level.weight.mul_(width * 10)
            level.bias.zero_()
    figures = level_figures(model.eval(), batch, torch.Generator().manual_seed(0))
    assert [figure.units for figure in figures] == [6, 6, 6]
    assert figures[1].active == 0
    assert figures[0].active > 0
    # the untrained machine's bits are coins, from whose means 400 rows differ a little
    assert figures[1].divergence == pytest.approx(0, abs=0.05)
    assert figures[0].divergence > 0.5


def test_later_levels_tell_less_than_all(regular_events: Events) -> None:
    model, batch = fitted(regular_events, decoder="plain", kl_weight=0.1)
    train(model, batch, 150, 1e-2)
    figures = level_figures(model, batch, torch.Generator().manual_seed(0))
    assert figures[0].log_likelihood > figures[2].log_likelihood
    for figure in figures:
        assert 0.5 < figure.hit_accuracy <= 1
