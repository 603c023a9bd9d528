"""Kinds of particles are judged one by one: what agrees in the sum of all kinds may not in one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from moliere.evaluation import Report, evaluate
from moliere.evaluation.findings.particles import Particles
from moliere.events import Events


def of_kinds(events: Events, kinds: np.ndarray) -> Events:
    return replace(events, incident={**events.incident, "pdg_id": np.asarray(kinds, dtype=np.int64)})


def test_a_kind_that_is_wrong_is_found_beside_one_that_is_right(mini: Events) -> None:
    one, other = mini.take(slice(0, 400)), mini.take(slice(400, 800))
    kinds = np.where(np.arange(400) % 4 == 0, 211, 22)
    wrong = np.where(kinds == 211, 1.3, 1.0)[:, None] * other.signals
    report = evaluate(of_kinds(one, kinds), of_kinds(replace(other, signals=wrong), kinds), classifier_seeds=0)
    found = report.find(Particles)
    assert found is not None
    assert [row.pdg_id for row in found.rows] == [22, 211]  # the commoner kind first
    right, bad = found.rows
    assert (right.n_reference, bad.n_generated) == (300, 100)
    assert right.agreement.worst_p_value > 0.01 > bad.agreement.worst_p_value
    assert bad.reference is not None
    assert bad.generated is not None
    assert bad.generated.mean / bad.reference.mean > 1.2
    assert Report.from_dict(report.to_dict()).find(Particles) == found
    (listing,) = found.listings
    assert [row[0] for row in listing.rows] == ["gamma", "pi+"]
    assert len(listing.header) == len(listing.rows[0])


def test_one_kind_is_no_finding_and_other_shares_are_a_warning(mini: Events) -> None:
    one, other = mini.take(slice(0, 200)), mini.take(slice(200, 400))
    photons = np.full(200, 22)
    alone = evaluate(of_kinds(one, photons), of_kinds(other, photons), classifier_seeds=0)
    assert alone.find(Particles) is None
    mixed = np.where(np.arange(200) < 100, 22, 211)
    report = evaluate(of_kinds(one, mixed), of_kinds(other, photons), classifier_seeds=0)
    assert any("kinds of incident particles" in warning for warning in report.warnings)
    assert not any("kinds of incident particles" in warning for warning in alone.warnings)
