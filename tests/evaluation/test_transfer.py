"""What a classifier of particles learns from generated events; and an event's nearest neighbour."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.errors import InvalidEvents
from moliere.evaluation import evaluate
from moliere.evaluation.findings.examples import Examples
from moliere.evaluation.transfer import transfer
from moliere.events import Events


@pytest.fixture(scope="module")
def pions(mini: Events) -> Events:
    """Events of another kind: as much energy, deeper in the calorimeter."""
    signals = np.array(mini.signals)
    moved = signals[:, :40] * 0.7
    signals[:, :40] -= moved
    signals[:, -10:] += moved.sum(axis=1, keepdims=True) / 10
    return Events(mini.detector, mini.incident, signals)


def test_good_events_teach_as_the_reference_does_and_bad_ones_do_not(mini: Events, pions: Events) -> None:
    good = {"reference": (mini[:1500], pions[:1500]), "generated": (mini[1500:3000], pions[1500:3000])}
    rows = {(row.trained_on, row.tested_on): row for row in transfer(good)}
    assert len(rows) == 4
    assert min(row.auc for row in rows.values()) > 0.95
    # a generator that takes one kind for the other teaches the wrong thing
    bad = {"reference": (mini[:1500], pions[:1500]), "generated": (pions[1500:3000], mini[1500:3000])}
    wrong = {(row.trained_on, row.tested_on): row.auc for row in transfer(bad)}
    assert wrong["reference", "reference"] > 0.95
    assert wrong["generated", "reference"] < 0.1
    with pytest.raises(InvalidEvents, match="too few to train"):
        list(transfer({"reference": (mini[:20], pions[:20])}))


def test_nearest_neighbours_are_the_nearest(mini: Events) -> None:
    one, other = mini[:300], mini[300:900]
    report = evaluate(one, other, classifier_seeds=0)
    examples = report.find(Examples)
    assert examples is not None
    pairs = [event for event in examples.events if event.nearest]
    assert [event.sample for event in pairs] == ["reference", "generated"] * 4
    first, second = pairs[:2]
    signals = np.zeros(mini.detector.n_channels)
    signals[list(first.channels)] = first.signals
    distances = np.linalg.norm(other.signals - signals, axis=1)
    found = np.zeros_like(signals)
    found[list(second.channels)] = second.signals
    assert np.linalg.norm(found - signals) == pytest.approx(distances.min(), rel=1e-3)
