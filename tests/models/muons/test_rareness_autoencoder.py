"""Rareness of a flux, and its auto-encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from moliere.detectors import catalog
from moliere.errors import ConfigError, InvalidEvents
from moliere.events import Events
from moliere.models import Batch, BuildContext, RarenessAutoencoder, RarenessAutoencoderConfig
from moliere.preprocess import rareness_flux


def make(events: Events) -> RarenessAutoencoder:
    torch.manual_seed(0)
    model = RarenessAutoencoder(RarenessAutoencoderConfig(width=(32, 32)), BuildContext(events.detector, ()))
    model.fit_transforms(Batch(torch.zeros(len(events), 0), torch.tensor(events.signals)))
    return model


def test_rareness_of_a_flux_is_half_gaussian_in_each_quantity(muon_events: Events, rareness_events: Events) -> None:
    assert rareness_events.weights is not None
    for column in rareness_events.signals.T.astype(np.float64):
        assert np.average(column**2, weights=rareness_events.weights) == pytest.approx(1, abs=0.1)
    p = np.linalg.norm(muon_events.signals[:, 4:], axis=1)
    hardest = np.argsort(p)[-20:]
    assert rareness_events.signals[hardest, 3].min() > 1.5


def test_both_forms_are_as_rare(rareness_events: Events, polar_muon_events: Events) -> None:
    again = rareness_flux(polar_muon_events)
    assert again.signals == pytest.approx(rareness_events.signals, abs=0.05)


def test_what_is_encoded_comes_back_when_trained(rareness_events: Events) -> None:
    """Reconstruction alone, of the same muons, to a third of the spread."""
    model = make(rareness_events)
    signals = torch.tensor(rareness_events.signals[:128])
    model.adversarial_weight = 0.0
    objective = model.objectives()[1]
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    batch = Batch(torch.zeros(len(signals), 0), signals)
    for _ in range(600):
        optimizer.zero_grad()
        objective.loss(batch, torch.Generator().manual_seed(0)).total.backward()
        optimizer.step()
    with torch.no_grad():
        back = model.decode(model.encode(signals), batch.condition)
    assert float((back - signals).std()) < 0.33 * float(signals.std())


def test_nothing_is_rarer_than_in_training(rareness_events: Events) -> None:
    model = make(rareness_events)
    made = model.sample(torch.zeros(500, 0), torch.Generator().manual_seed(0))
    assert (made >= 0).all()
    assert (made <= torch.tensor(rareness_events.signals).amax(0)).all()


def test_other_events_are_refused(rareness_events: Events) -> None:
    with pytest.raises(ConfigError, match="needs a detector of kind phase-space"):
        RarenessAutoencoder(RarenessAutoencoderConfig(), BuildContext(catalog.get("3dgan"), ()))
    model = make(rareness_events)
    for wrong in (-torch.ones(3, 4), torch.zeros(3, 4)):
        with pytest.raises(InvalidEvents, match="make such events with: moliere prepare rareness"):
            model.fit_transforms(Batch(torch.zeros(3, 0), wrong))
    with pytest.raises(InvalidEvents, match="expected muons with columns"):
        rareness_flux(rareness_events)
