"""Overlap, correlations, a baseline, matched energies and interpolation, on samples whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer
from moliere.detectors.base import Floats
from moliere.errors import InvalidEvents
from moliere.evaluation import evaluate
from moliere.evaluation.distances import correlation_matrix, matrix_distance
from moliere.evaluation.findings.interpolation import Interpolation
from moliere.evaluation.scores import bdt, physics, separation
from moliere.events import Events
from moliere.events.judges import judges
from moliere.events.resample import matching_weights, unweighted_rows
from moliere.events.split import split_events


def test_a_correlation_matrix_is_numpys() -> None:
    table = np.random.default_rng(0).normal(size=(3, 500))
    table[1] += table[0]
    sample = dict(zip("abc", table, strict=True))
    assert correlation_matrix(sample, ["a", "b", "c"]) == pytest.approx(np.corrcoef(table))
    assert matrix_distance(np.eye(3), np.eye(3)) == 0


def test_right_histograms_with_wrong_correlations_are_seen(mini: Events, photons: Calorimeter) -> None:
    """Each layer of another event of the same energy: every layer by itself is right."""
    one, other = mini[:2000], mini[2000:4000]
    rng = np.random.default_rng(0)
    signals = other.signals.copy()
    for energy in np.unique(other.energy):
        rows = np.flatnonzero(other.energy == energy)
        for part in photons.slices:
            signals[rows, part] = signals[np.ix_(rng.permutation(rows), np.arange(part.start, part.stop))]
    mixed = Events(photons, other.incident, signals)
    right, wrong = (evaluate(one, x, classifier_seeds=0) for x in (other, mixed))
    assert right.metric("correlations").verdict.startswith("at the floor")
    assert wrong.metric("correlations").value > 1.5 * right.metric("correlations").value
    assert "σ above the floor" in wrong.metric("correlations").verdict
    assert right.metric("coverage").verdict.startswith("at the floor")


def test_events_of_one_kind_only_cover_little(mini: Events) -> None:
    few = mini[2500:].take(np.random.default_rng(0).integers(40, size=2500))
    report = evaluate(mini[:2500], few, classifier_seeds=0)
    assert report.metric("coverage").value < 0.5 * report.metric("coverage").floor
    assert report.metric("recall").value < report.metric("recall").floor
    assert report.metric("precision").verdict.startswith("at the floor")


@pytest.mark.slow
def test_a_baseline_stands_beside(mini: Events) -> None:
    wide = Events(mini.detector, mini.incident, mini.signals * np.float32(1.1))
    report = evaluate(mini[:1500], mini[1500:3000], names=("a", "b", "c"), baseline=wide[3000:4500], classifier_seeds=0)
    assert report.baseline is not None
    assert report.baseline.name == "c"
    figure = report.metric("response-mean")
    assert figure.baseline is not None
    assert figure.baseline == pytest.approx(10, abs=4)
    assert figure.value < 3


@pytest.mark.slow
def test_matched_energies_are_the_references(mini: Events) -> None:
    low = mini.take(np.flatnonzero(mini.energy < 4000))
    plain = evaluate(low, mini, classifier_seeds=0)
    assert any("matching energies" in warning for warning in plain.warnings)
    matched = evaluate(low, mini, classifier_seeds=0, match_incident=True)
    assert not any("incident energies" in warning for warning in matched.warnings)
    assert matched.generated.energy_range[1] < 4000


def test_continuous_energies_are_matched_in_bins() -> None:
    rng = np.random.default_rng(0)
    like, energy = rng.normal(50, 10, 5000), rng.uniform(0, 100, 50_000)
    rows = unweighted_rows(matching_weights(energy, like), rng)
    assert energy[rows].mean() == pytest.approx(50, abs=0.5)
    assert energy[rows].std() == pytest.approx(10, rel=0.05)
    with pytest.raises(InvalidEvents, match="no energy is in both"):
        matching_weights(energy, like + 1000)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_weights_are_refused(bad: float) -> None:
    with pytest.raises(InvalidEvents, match="must be finite, not negative"):
        unweighted_rows(np.array([1.0, bad]), np.random.default_rng(0))


def test_an_energy_left_out_is_only_in_the_test_part(mini: Events) -> None:
    energy = float(np.unique(mini.energy)[3])
    split = split_events(mini, leave_out=(energy, energy))
    seen = np.concatenate([split.train, split.validation])
    assert not (mini.energy[seen] == energy).any()
    assert (mini.energy[split.test] == energy).sum() == (mini.energy == energy).sum()
    assert len(seen) + len(split.test) == len(mini)


@pytest.mark.slow
def test_wrong_showers_at_the_energy_left_out_are_seen(mini: Events) -> None:
    energy = float(np.unique(mini.energy)[3])
    one, other = mini[:2500], mini[2500:]
    factor = np.where(other.energy == energy, 1.2, 1.0).astype(np.float32)
    wrong = Events(mini.detector, other.incident, other.signals * factor[:, None])
    for sample, worse in ((other, False), (wrong, True)):
        found = evaluate(one, sample, classifier_seeds=0, left_out=(energy * 0.999, energy * 1.001)).find(Interpolation)
        assert found is not None
        assert (found.distance > 1.3 * found.seen) == worse
        assert found.seen < 2 * found.floor


def test_scores_are_small_for_equal_samples_and_large_for_others(mini: Events) -> None:
    one, other = mini[:1500], mini[1500:3000]
    wrong = Events(mini.detector, other.incident, other.signals * np.float32(1.2))
    for score in (separation, bdt):
        assert score(one, other)["score"] < 0.05
        assert score(one, wrong)["score"] > 2 * score(one, other)["score"]
    assert set(judges) == {"separation", "bdt", "physics"}


def test_the_physics_score_is_the_sum_of_its_terms(cartesian: Calorimeter, cartesian_events: Events) -> None:
    half = len(cartesian_events) // 2
    same = physics(cartesian_events[:half], cartesian_events[:half])
    assert same["score"] == 0
    bright = Events(cartesian, cartesian_events.incident, cartesian_events.signals * np.float32(2))
    found = physics(cartesian_events[:half], bright[:half])
    assert found["profiles"] == pytest.approx(1, rel=1e-5)  # twice the energy everywhere
    assert found["moments"] == pytest.approx(0, abs=1e-6)
    assert found["score"] == pytest.approx(found["moments"] + found["profiles"] + found["angle"])


def tilted(detector: Calorimeter, theta: Floats) -> Events:
    """Straight lines through a block of cells, tilted towards y by the angle theta, pi / 2 being straight ahead."""
    layers, size = len(detector.grids), detector.grids[0].shape
    block = np.zeros((len(theta), layers, *size), np.float32)
    depth = np.arange(layers) - (layers - 1) / 2
    for event, angle in enumerate(theta):
        y = np.clip(np.rint((size[1] - 1) / 2 + depth / np.tan(angle)), 0, size[1] - 1).astype(int)
        block[event, np.arange(layers), size[0] // 2, y] = 1.0
    incident = {"energy": np.full(len(theta), 1e5), "theta": theta}
    return Events(detector, incident, block.reshape(len(theta), -1))


def test_a_generator_that_knows_one_angle_only_has_a_wrong_one() -> None:
    """Mean angles are symmetric about 90 degrees, and such a generator once scored a quarter of a percent."""
    grid = CartesianGrid(tuple(range(10)), tuple(range(22)))
    detector = Calorimeter("block", tuple(Layer(id=k, grid=grid) for k in range(15)))
    rng = np.random.default_rng(0)
    first, second = (rng.uniform(np.pi / 3, 2 * np.pi / 3, 200) for _ in range(2))
    reference, right = tilted(detector, first), tilted(detector, second)
    straight = tilted(detector, np.full(200, np.pi / 2))
    stubborn = Events(detector, right.incident, straight.signals)
    mirrored = Events(detector, right.incident, tilted(detector, np.pi - second).signals)
    assert physics(reference, right)["angle"] < 0.02
    assert physics(reference, stubborn)["angle"] > 0.1
    assert physics(reference, mirrored)["angle"] > 0.1
