"""The flow of muons that is told how rare a muon shall be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from moliere.errors import InvalidEvents
from moliere.events import Events
from moliere.models import Batch, BuildContext, MuonFlow, MuonFlowConfig
from moliere.models.muons.requests import Requests


def make(events: Events, **settings: Any) -> MuonFlow:
    torch.manual_seed(0)
    small = {"width": 16, "blocks": 1, "reference": 300, **settings}
    model = MuonFlow(MuonFlowConfig(**small), BuildContext(events.detector, ()))
    model.fit_transforms(to_batch(events))
    return model


def to_batch(events: Events) -> Batch:
    weights = None if events.weights is None else torch.tensor(events.weights)
    return Batch(torch.zeros(len(events), 0), torch.tensor(events.signals), weights)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def one_sided(events: Events) -> Events:
    """Positive muons are spread out ten times as far as negative ones, so that their rareness is of another size."""
    signals = np.array(events.signals)
    signals[signals[:, 0] > 0, 1:3] *= 10
    return replace(events, signals=signals)


def test_rareness_is_half_gaussian_for_each_charge(muon_events: Events) -> None:
    events = one_sided(muon_events)
    model = make(events)
    rare = model.rareness_of(torch.tensor(events.signals)).numpy()[:, 0]
    assert events.weights is not None
    for charge in (-1, 1):
        alike = events.signals[:, 0] == charge
        assert np.average(rare[alike] ** 2, weights=events.weights[alike]) == pytest.approx(1, abs=0.15)


def test_what_is_asked_for_is_what_training_calls_it(muon_events: Events) -> None:
    """A flow that has learned makes rarer muons where rarer ones are asked for, of either charge."""
    model, batch = make(muon_events, width=48), to_batch(muon_events)
    objective, seeds = model.objectives()[0], rng()
    optimizer = torch.optim.Adam(objective.parameters(), lr=4e-3)
    for _ in range(250):
        optimizer.zero_grad()
        objective.loss(batch[torch.randint(len(batch), (512,), generator=seeds)], seeds).total.backward()
        optimizer.step()
    latent = model.draw_latent(torch.zeros(2000, 0), rng())
    made = []
    for asked in (0.3, 2.5):
        latent[:, model.auxiliaries] = asked
        with torch.no_grad():
            made.append(model.rareness_of(model.decode(latent, torch.zeros(2000, 0))).median())
    assert made[0] < 0.8
    assert made[1] > 1.6


def test_requests_are_corrected_by_how_rare_muons_come_out() -> None:
    """Muons scatter about what the flow is told, and 0.1 above it: requests are lowered, and the tail is right."""
    requests, seeds = Requests(), np.random.default_rng(0)
    asked = np.abs(seeds.normal(size=400_000))

    def made() -> np.ndarray:
        told = requests(torch.tensor(asked)).numpy()
        return np.asarray(told + 0.1 + 0.3 * seeds.normal(size=len(told)))

    edge = 2.8  # 0.5 % of half-Gaussian numbers lie above
    before = (made() > edge).mean()
    for _ in range(3):
        requests.correct(made(), np.ones(len(asked)))
    assert before > 1.4 * 0.00511
    assert (made() > edge).mean() == pytest.approx(0.00511, rel=0.1)
    told = requests(torch.tensor([0.0, 2.0, 3.0, 4.0, 40.0]))
    assert (told.diff() > 0).all()


def test_a_flow_that_does_not_obey_is_told_nearly_what_is_asked_for() -> None:
    requests, asked = Requests(), torch.linspace(0, 5, 100)
    assert torch.allclose(requests(asked), asked)
    requests.correct(np.full(1000, 1.0), np.ones(1000))
    assert (requests(asked) - asked).abs().max() <= 0.5 + 1e-6


def test_flows_from_before_are_told_what_is_asked_for(muon_events: Events) -> None:
    model = make(muon_events)
    old = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("requests")}
    again = MuonFlow(model.settings, model.context)
    again.load_state_dict(old)
    assert torch.allclose(again.requests(torch.tensor([3.0])), torch.tensor([3.0]))


def test_rarer_than_the_rarest_of_the_training_is_as_rare_as_that(muon_events: Events) -> None:
    model = make(muon_events)
    with torch.no_grad():
        model.velocity.outward.weight.normal_(generator=rng())
        latent = model.draw_latent(torch.zeros(20, 0), rng())
        made = []
        for asked in (3.0, 8.0, 80.0):
            latent[:, model.auxiliaries] = asked
            made.append(model.decode(latent, torch.zeros(20, 0)))
    assert not torch.equal(made[0], made[1])
    torch.testing.assert_close(made[1], made[2])


def test_a_flux_of_one_charge_is_learned_and_the_other_is_unknown(muon_events: Events) -> None:
    events = muon_events[muon_events.signals[:, 0] > 0]
    model = make(events)
    assert (model.draw_latent(torch.zeros(50, 0), rng())[:, -2] == 1).all()
    assert torch.isfinite(model.rareness_of(torch.tensor(events.signals))).all()
    with pytest.raises(InvalidEvents, match="no reference sample"):
        model.rareness_of(torch.tensor(muon_events.signals))
