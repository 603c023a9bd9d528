"""Smearing scales energies and signals alike, by factors that only the seed and the event decide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from moliere import samples
from moliere.detectors import catalog
from moliere.errors import InvalidEvents, InvalidQuantity
from moliere.events import Events
from moliere.events.smear import smear


def test_energies_spread_uniformly_in_the_logarithm_and_signals_follow() -> None:
    events = samples.open("photons-mini")
    spread = Events.concatenate(list(smear(events, seed=7)))
    change = np.log(spread.energy / events.energy)
    assert kstest(change, "uniform", (-0.5, 1.0)).pvalue > 1e-3
    np.testing.assert_allclose(spread.response, events.response, rtol=1e-5)
    assert spread.metadata["smeared_seed"] == 7
    assert spread.metadata["geant4"] == events.metadata["geant4"]


def test_the_seed_decides() -> None:
    events = samples.open("photons-mini")[:2500]
    one, same, other = (Events.concatenate(list(smear(events, seed))) for seed in (1, 1, 2))
    assert np.array_equal(one.signals, same.signals)
    assert (one.energy != other.energy).all()
    # the first events have the same factors, however many follow
    assert np.array_equal(next(smear(events[:1500], 1)).energy, one.energy[:1000])


def test_a_file_of_no_events_becomes_one(polar_events: Events) -> None:
    (piece,) = smear(polar_events[:0], 1)
    assert len(piece) == 0


@pytest.mark.parametrize("width", [0.0, -1.0, np.inf])
def test_a_width_that_makes_no_sense_is_refused(width: float, polar_events: Events) -> None:
    with pytest.raises(InvalidQuantity, match="width"):
        next(smear(polar_events, 1, width))


def test_positions_of_muons_are_not_smeared() -> None:
    muons = Events(catalog.get("ship-muons"), {"energy": np.ones(3)}, np.ones((3, 7)))
    with pytest.raises(InvalidEvents, match=r"records charge, x, y, .*do not grow with the incident energy"):
        next(smear(muons, 1))
