"""Pairs of a flux's columns, what users count of it, and its rarest events."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from moliere.detectors import PhaseSpace, catalog
from moliere.errors import InvalidEvents
from moliere.evaluation import Report, evaluate
from moliere.evaluation.classifier import classifier_test
from moliere.evaluation.distances import Floats
from moliere.evaluation.finding import Metric
from moliere.evaluation.findings.planes import Plane, Planes
from moliere.evaluation.findings.shares import Share, Shares, share_of
from moliere.evaluation.samples import Samples, Sources
from moliere.evaluation.suites import find_suite
from moliere.events import Events
from moliere.simulators import Muons
from moliere.units import GeV


def muons(n: int, seed: int) -> Events:
    detector = catalog.get("ship-muons")
    assert isinstance(detector, PhaseSpace)
    return Muons(detector).simulate({"energy": np.full(n, 400 * GeV)}, np.random.default_rng(seed))


def harder(events: Events, factor: float) -> Events:
    """With larger transverse momenta."""
    signals = events.signals.copy()
    signals[:, 4:6] *= factor
    return Events(events.detector, {}, signals, events.weights)


@dataclass(frozen=True)
class Found:
    """What two samples give."""

    shares: tuple[Share, ...]
    planes: tuple[Plane, ...]
    rarest: Metric


def compare(reference: Events, generated: Events) -> Found:
    suite = find_suite("default", reference.detector)[1]
    samples = Samples.read(Sources(reference, generated), suite, 100_000, 0, None, match_incident=False)
    shares, found = Shares.look(samples), Planes.look(samples)
    assert shares is not None
    assert found is not None
    return Found(shares.rows, found.planes, *found.metrics)


@pytest.fixture(scope="module")
def same() -> Found:
    return compare(muons(20_000, 0), muons(20_000, 1))


@pytest.fixture(scope="module")
def other() -> Found:
    return compare(muons(20_000, 0), harder(muons(20_000, 1), 1.5))


def test_equal_fluxes_agree_in_what_users_count(same: Found) -> None:
    assert [share.label for share in same.shares][:2] == ["p above 50 GeV", "p above 100 GeV"]
    for share in same.shares:
        assert abs(share.generated - share.reference) < 5 * np.hypot(share.generated_error, share.reference_error)
        assert share.p_value > 1e-4


def test_shares_are_those_of_the_events(same: Found) -> None:
    reference = muons(20_000, 0)
    p = np.linalg.norm(reference.signals[:, 4:].astype(np.float64), axis=1)
    share, error = share_of(p > 50 * GeV, reference.weights)
    found = next(share for share in same.shares if share.label == "p above 50 GeV")
    assert found.reference == pytest.approx(share, abs=4 * np.hypot(error, found.reference_error))


def test_larger_transverse_momenta_are_found(other: Found) -> None:
    worst = min(other.shares, key=lambda share: share.p_value)
    assert worst.label.startswith("pt above")
    assert worst.generated > 1.5 * worst.reference
    assert worst.p_value < 1e-10


def test_the_rarest_come_too_often_where_momenta_are_larger(same: Found, other: Found) -> None:
    assert same.rarest.value < 5 * same.rarest.error
    assert other.rarest.value > 100
    assert other.rarest.verdict != "at the floor"


def test_planes_hold_all_that_is_inside_of_them(same: Found) -> None:
    assert [plane.names for plane in same.planes][:2] == [("p", "pt"), ("x", "y")]
    assert len(same.planes) == 1 + 15
    for plane in same.planes:
        shape = len(plane.x_edges) - 1, len(plane.y_edges) - 1
        for table in (np.array(plane.reference), np.array(plane.generated)):
            assert table.shape == shape
            assert 0.97 < table.sum() <= 1.0001


def test_rareness_rises_with_the_transverse_momentum(same: Found) -> None:
    plane = same.planes[0]
    distance, share = np.array(plane.reference_rareness), np.array(plane.reference)
    at = int(share.sum(axis=1).argmax())
    row = distance[at][share[at] > 0]
    assert row[-1] > 2 * row.min()
    assert not same.planes[1].reference_rareness


def test_momenta_are_compared_though_only_one_sample_has_protons() -> None:
    bare = muons(400, 1)
    report = evaluate(muons(400, 0), Events(bare.detector, {}, bare.signals), classifier_seeds=0)
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
    assert not [warning for warning in report.warnings if "incident energies" in warning]
    assert report.reference.energy_range[1] < 400 * GeV


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 3.0, 2.0])])
def test_error_of_a_share_is_its_spread(weights: Floats | None) -> None:
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(400):
        rows = rng.integers(4, size=200)
        draws.append(share_of(rows == 2, None if weights is None else weights[rows]))
    values, errors = np.array(draws).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)


def test_the_classifier_of_the_muon_gans_knows_equal_from_different() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 1040, 3)).astype(np.float32)
    assert classifier_test("bdt", one, two, seeds=1).auc == pytest.approx(0.5, abs=0.07)
    assert classifier_test("bdt", one, 1.5 * two, seeds=1).auc > 0.6


def test_the_suite_of_the_muon_gans_has_one_classifier() -> None:
    report = evaluate(muons(400, 0), harder(muons(400, 1), 2), suite="ship", classifier_seeds=1)
    names = [metric.name for metric in report.metrics if metric.name.startswith("auc-")]
    assert names == ["auc-polar-bdt"]
    assert report.metric("auc-polar-bdt").value > 0.6


def test_weights_that_nothing_can_be_drawn_by_are_refused() -> None:
    events = muons(100, 0)
    broken = Events(events.detector, {}, events.signals, np.zeros(100))
    with pytest.raises(InvalidEvents, match="weights run from 0 to 0"):
        evaluate(broken, events, classifier_seeds=0)
