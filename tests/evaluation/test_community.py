"""The community's classifier follows its protocol, and its table has its names."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.evaluation.classifier import split_parts
from moliere.evaluation.evaluate import evaluate
from moliere.evaluation.findings.observables import Observables
from moliere.evaluation.mlp import CALOCHALLENGE, Protocol, train_mlp
from moliere.evaluation.reading import community_table
from moliere.evaluation.suites import suites
from moliere.events import Events


def test_the_protocol_is_the_published_one() -> None:
    assert Protocol(2048, 2e-4, 0.0, 1000, 50, None, "accuracy") == CALOCHALLENGE
    assert suites["calochallenge"].inputs == ("voxels", "normed-voxels", "observables")
    parts = split_parts(np.zeros((500, 2), np.float32), np.ones((500, 2), np.float32), 0, (0.6, 0.2))
    assert [len(part[1]) for part in (parts.train, parts.stop, parts.test)] == [600, 200, 200]


def test_a_protocol_can_be_small_and_still_learns() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(900, 2)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    protocol = Protocol(width=16, learning_rate=1e-2, batch=100, epochs=8, patience=None, select="accuracy")
    parts = [(features[a:b], labels[a:b]) for a, b in ((0, 500), (500, 700))]
    _, scores = train_mlp(parts[0], parts[1], features[700:], 1, protocol)
    assert ((scores > 0.5) == labels[700:]).mean() > 0.95


def test_the_table_averages_separations_over_layers(polar_events: Events) -> None:
    report = evaluate(polar_events[:300], polar_events[300:], classifier_seeds=0, threads=1)
    table = dict(community_table(report))
    observed = report.find(Observables)
    assert observed is not None
    layers = [pair.separation for pair in observed.histograms if pair.name.startswith("layer_energy[")]
    assert len(layers) == 3
    assert float(table["separation power E_layer"]) == pytest.approx(np.mean(layers), abs=1e-5)
    assert not [name for name in table if name.startswith("cls-")]
