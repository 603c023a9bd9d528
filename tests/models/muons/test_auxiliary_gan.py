"""The GAN that is conditioned on how rare a muon shall be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from moliere.detectors import catalog
from moliere.errors import BundleError, ConfigError, InvalidEvents
from moliere.events import Events
from moliere.generation import generate
from moliere.models import (
    AuxiliaryMuonGAN,
    AuxiliaryMuonGANConfig,
    Batch,
    BuildContext,
    Bundle,
    VanillaMuonGAN,
    VanillaMuonGANConfig,
)
from moliere.models.muons.rareness_flow import to_half_normal, to_normal
from moliere.models.steering import WiderHalfNormal, boost
from moliere.preprocess import to_cartesian, to_polar


def make(events: Events, **settings: Any) -> AuxiliaryMuonGAN:
    small = {"latent": 4, "generator_width": (16,), "discriminator_width": (16,), "reference": 200, **settings}
    torch.manual_seed(0)
    model = AuxiliaryMuonGAN(AuxiliaryMuonGANConfig(**small), BuildContext(events.detector, ()))
    model.fit_transforms(to_batch(events))
    return model


def to_batch(events: Events) -> Batch:
    weights = None if events.weights is None else torch.tensor(events.weights)
    return Batch(torch.zeros(len(events), 0), torch.tensor(events.signals), weights)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("rareness", "width"), [("joint", 1), ("each", 4)])
def test_the_latent_ends_with_half_gaussians(muon_events: Events, rareness: str, width: int) -> None:
    model = make(muon_events, rareness=rareness)
    latent = model.draw_latent(torch.zeros(5000, 0), rng())
    told = latent[:, model.auxiliaries]
    assert told.shape == (5000, width)
    assert (told >= 0).all()
    assert told.square().mean().item() == pytest.approx(1, abs=0.05)
    assert latent[:, :4].mean().item() == pytest.approx(0, abs=0.03)


def test_rareness_of_weighted_muons_is_half_gaussian(muon_events: Events) -> None:
    model = make(muon_events)
    assert muon_events.weights is not None
    rare = model.rareness_of(torch.tensor(muon_events.signals)).numpy()[:, 0]
    assert np.average(rare**2, weights=muon_events.weights) == pytest.approx(1, abs=0.1)
    assert np.average(rare > 2, weights=muon_events.weights) == pytest.approx(0.0455, abs=0.015)


def test_regressors_learn_rareness_and_the_generator_leaves_them_alone(muon_events: Events) -> None:
    model = make(muon_events, dropout=0.0)
    regress = model.objectives()[0]
    assert regress.name == "regressors"
    batch = to_batch(muon_events)
    optimizer = torch.optim.Adam(regress.parameters(), lr=3e-3)
    model.train()
    for _ in range(150):
        optimizer.zero_grad()
        regress.loss(batch, rng()).total.backward()
        optimizer.step()
    assert regress.loss(batch, rng()).total.item() < 0.25  # of a variance of 1 - 2 / π = 0.36
    others = {id(p) for objective in model.objectives()[1:] for p in objective.parameters()}
    assert not others & {id(p) for p in regress.parameters()}


def test_losses_have_their_published_weights(muon_events: Events) -> None:
    model = make(muon_events, rareness="each").eval()
    loss = model.objectives()[2].loss(to_batch(muon_events), rng())
    assert loss.total.item() == pytest.approx(10 * loss.terms["deceit"] + loss.terms["auxiliaries"], rel=1e-6)


def boosted(model: AuxiliaryMuonGAN, n: int = 30_000) -> tuple[Events, Events]:
    bundle = Bundle("aux", model.eval())
    proposal = WiderHalfNormal(model.n_auxiliaries, 1.4)
    return generate(bundle, {}, n_events=n), generate(bundle, {}, n_events=n, seed=1, proposal=proposal)


def test_boosted_and_weighted_is_the_flux(muon_events: Events) -> None:
    model = make(muon_events)
    with torch.no_grad():  # so that rareness decides on something
        model.generator.layers[0].weight[:, -1] = 1.0
    plain, rare = boosted(model)
    assert plain.weights is None
    assert rare.weights is not None
    assert rare.weights.mean() == pytest.approx(1, abs=0.02)
    differ = 0.0
    for k in (3, 4, 6):
        one, other, n = plain.signals[:, k].astype(float), rare.signals[:, k].astype(float), len(plain)
        for f in (one.mean(), np.quantile(one, 0.99)):
            counts, weighted = one > f, (other > f) * rare.weights
            error = np.hypot(counts.std(), weighted.std()) / np.sqrt(n)
            assert abs(counts.mean() - weighted.mean()) < 5 * error
            differ = max(differ, abs(counts.mean() - (other > f).mean()) / error)
    assert differ > 5  # without weights it is another flux


def test_metadata_says_what_weights_are_worth(muon_events: Events) -> None:
    _, rare = boosted(make(muon_events))
    assert rare.metadata["boost"] == "rareness scale 1.4"
    expected = np.sqrt(2 - 1.4**-2) / 1.4
    assert rare.metadata["effective_share"] == pytest.approx(expected, abs=0.01)
    assert rare.weights is not None
    assert rare.weights.sum() ** 2 / (rare.weights**2).sum() / len(rare) == pytest.approx(expected, abs=0.01)


def test_seeds_make_auxiliaries_like_their_own(muon_events: Events) -> None:
    model = make(muon_events)
    bundle = Bundle("aux", model.eval())
    rareness = model.rareness_of(torch.tensor(muon_events.signals))[:, 0].numpy()
    seeds = muon_events[np.argsort(rareness)[-40:]]
    proposal = boost(bundle, seeds=seeds)
    drawn = proposal.draw(5000, rng())
    assert float((drawn > 1.5).float().mean()) > 0.6  # of half-Gaussian numbers 13 %
    made = generate(bundle, {}, n_events=20_000, proposal=proposal)
    assert made.weights is not None
    assert made.weights.mean() == pytest.approx(1, abs=0.05)
    assert made.weights.max() <= 5 + 1e-9


def linked(n: int) -> Events:
    """Muons of which one far out in r is far out in pt, and one deep in z has much pz."""
    draw = np.random.default_rng(0)
    far, deep = draw.exponential(size=(2, n))
    angle, turn = draw.uniform(-np.pi, np.pi, (2, n))
    r, pt = 10 * far * draw.uniform(0.9, 1.1, n), 300 * far * draw.uniform(0.9, 1.1, n)
    z, pz = -70_000 + 400 * deep * draw.uniform(0.9, 1.1, n), 11e3 + 1e4 * deep * draw.uniform(0.9, 1.1, n)
    columns = (draw.choice([-1.0, 1.0], n), r, angle, z, pt, turn, pz)
    polar = Events(catalog.get("ship-muons-polar"), {}, np.stack(columns, axis=1).astype(np.float32))
    return to_cartesian(polar)


def test_four_auxiliaries_are_drawn_as_they_hang_together() -> None:
    """Each is half-Gaussian as before; r with pt and z with pz as in the flux, which independent ones are not."""
    events = linked(4000)
    model, batch = make(events, rareness="each", together=True, reference=1000), to_batch(events)
    objective = model.objectives()[-1]
    assert objective.name == "rareness"
    optimizer, seeds = torch.optim.Adam(objective.parameters(), lr=3e-3), rng(1)
    truth = model.rareness(model.columns(batch.signals)).float()
    assert model.dependence is not None
    for _ in range(300):
        optimizer.zero_grad()
        model.dependence.loss(truth[torch.randint(4000, (512,), generator=seeds)], seeds).backward()
        optimizer.step()
    latent = model.draw_latent(torch.zeros(8000, 0), rng())
    asked, independent = model.asked_for(latent), latent[:, model.auxiliaries]
    found, expected, before = (np.corrcoef(x.double().numpy().T) for x in (asked, truth, independent))
    assert expected[0, 2] > 0.5
    assert expected[1, 3] > 0.5
    assert abs(before[0, 2]) < 0.05
    assert np.abs(found - expected).max() < 0.1
    for k in range(4):
        assert stats.ks_2samp(asked[:, k].numpy(), truth[:, k].numpy()).statistic < 0.06
    # seeds are looked up where the latent is
    with torch.no_grad():
        back = model.dependence.inverse(asked)
    assert float((back - independent).abs().median()) < 0.05


def test_the_generator_is_told_what_hangs_together(muon_events: Events) -> None:
    """Weights of steered muons are those of independent half-Gaussians, and the regressors are to read the others."""
    model = make(muon_events, rareness="each", together=True).eval()
    assert model.dependence is not None
    latent = model.draw_latent(torch.zeros(50, 0), rng())
    assert [part.law for part in model.latent][-1] == "half-normal"
    with torch.no_grad():
        torch.testing.assert_close(model.asked_for(latent), latent[:, -4:], atol=1e-4, rtol=1e-4)  # it starts at rest
        plain = model.decode(latent, torch.zeros(50, 0))
        model.dependence.velocity.outward.bias += 1.0  # type: ignore[union-attr,operator]
        assert (model.asked_for(latent) > latent[:, -4:]).all()
        moved = model.decode(latent, torch.zeros(50, 0))
        latent[:, -4:] = model.asked_for(latent)
    assert not torch.equal(plain, moved)
    with pytest.raises(ConfigError, match="but there is one"):
        make(muon_events, together=True)


def test_normal_scores_of_half_gaussians_go_there_and_back() -> None:
    half = torch.linspace(1e-4, 4.8, 1000)
    torch.testing.assert_close(to_half_normal(to_normal(half)), half, rtol=1e-4, atol=1e-5)
    many = torch.randn(50_000, generator=rng()).abs()
    assert stats.kstest(to_normal(many).numpy(), "norm").pvalue > 1e-4


def test_what_cannot_be_boosted_is_refused(muon_events: Events) -> None:
    bundle = Bundle("aux", make(muon_events))
    with pytest.raises(ConfigError, match="not both and not none"):
        boost(bundle)
    with pytest.raises(ConfigError, match="not both and not none"):
        boost(bundle, 1.2, muon_events)
    with pytest.raises(InvalidEvents, match="give seeds with the columns"):
        boost(bundle, seeds=to_polar(muon_events))
    plain = VanillaMuonGAN(VanillaMuonGANConfig(latent=2), BuildContext(muon_events.detector, ()))
    with pytest.raises(BundleError, match="has no input for how rare"):
        boost(Bundle("plain", plain), 1.2)
    with pytest.raises(BundleError, match="has no input for how rare"):
        generate(Bundle("plain", plain), {}, n_events=3, proposal=WiderHalfNormal(1, 1.2))


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_weights_that_are_not_positive_are_refused(muon_events: Events, weight: float) -> None:
    assert muon_events.weights is not None
    batch = to_batch(muon_events)
    assert batch.weights is not None
    batch.weights[5] = weight
    model = AuxiliaryMuonGAN(AuxiliaryMuonGANConfig(), BuildContext(muon_events.detector, ()))
    with pytest.raises(InvalidEvents, match=r"not above 0 \(first: row 5"):
        model.fit_transforms(batch)


def test_too_few_muons_for_their_neighbours_are_refused(muon_events: Events) -> None:
    with pytest.raises(InvalidEvents, match="rareness with 3 neighbours needs at least 4"):
        make(muon_events[:3])
    with pytest.raises(ConfigError, match="more muons than neighbours"):
        make(muon_events, reference=3)


def test_muons_that_come_again_count_once(muon_events: Events) -> None:
    """A source file that is used twice makes no muon its own neighbour."""
    bare = Events(muon_events.detector, {}, muon_events.signals)
    once, twice = make(bare), make(Events.concatenate([bare, bare]))
    signals = torch.tensor(bare.signals)
    one, two = once.rareness_of(signals), twice.rareness_of(signals)
    assert float((one - two).abs().max()) < 0.02
