"""Mean showers by energy and angle, against sums made one event at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from moliere.detectors import Calorimeter, CartesianGrid, Layer, PolarGrid
from moliere.evaluation import evaluate
from moliere.evaluation.findings.inclined_showers import InclinedShower, InclinedShowers
from moliere.events import Events
from moliere.report.drawing.inclined_showers import draw_inclined

GRID = CartesianGrid(tuple(range(-3, 3)), tuple(range(-4, 5)))
DETECTOR = Calorimeter("block", tuple(Layer(k, GRID, z=(float(k), k + 1.0)) for k in range(4)))
N = 400


def events(seed: int, detector: Calorimeter = DETECTOR, **columns: np.ndarray) -> Events:
    """One cell a layer, further along y the flatter the particle flies."""
    rng = np.random.default_rng(seed)
    incident = {"energy": rng.uniform(1e3, 9e3, N), "theta": rng.uniform(math.radians(60), math.radians(120), N)}
    incident = {name: columns.get(name, values) for name, values in incident.items()}
    signals = np.zeros((N, detector.n_channels), np.float32)
    for k, (start, grid) in enumerate(zip(detector.boundaries, detector.grids, strict=False)):
        y = (k + 0.5) / np.tan(incident["theta"])
        signals[np.arange(N), start + grid.cells_at(np.zeros(N), y)] = incident["energy"] * rng.uniform(0.5, 1.5, N)
    return Events(detector, {name: v for name, v in incident.items() if v is not None}, signals)


def look(one: Events, other: Events) -> InclinedShowers | None:
    report = evaluate(one, other, classifier_seeds=0, threads=1)
    return next((finding for finding in report.findings if isinstance(finding, InclinedShowers)), None)


@pytest.fixture(scope="module")
def found() -> InclinedShowers:
    found = look(events(0), events(1))
    assert found is not None
    return found


def test_showers_are_averaged_by_energy_and_angle(found: InclinedShowers) -> None:
    one, other = events(0), events(1)
    assert len(found.showers) == 6
    for shower in found.showers:
        for sample, n, sides in (
            (one, shower.n_reference, shower.reference),
            (other, shower.n_generated, shower.generated),
        ):
            energy, theta = sample.energy, sample.incident["theta"]
            rows = (energy >= shower.energy[0]) & (energy <= shower.energy[1])
            rows &= (theta >= shower.theta[0]) & (theta <= shower.theta[1])
            assert n == rows.sum()
            expected = np.zeros((5, 8)), np.zeros((4, 5)), np.zeros((4, 8))
            for signals in sample.signals[rows]:
                layers = signals.reshape(4, 5, 8) / n
                for plane, axis in zip(expected, (0, 2, 1), strict=True):
                    plane += layers.sum(axis)
            for values, plane in zip(sides, expected, strict=True):
                np.testing.assert_allclose(values, plane.ravel(), rtol=2e-3, atol=1e-3)


def test_the_side_view_leans_with_the_angle(found: InclinedShowers) -> None:
    flat, straight, back = (np.reshape(shower.generated[2], (4, 8)) for shower in found.showers[:3])
    middles = [float((part[3] * np.arange(8)).sum() / part[3].sum()) for part in (flat, straight, back)]
    assert middles[0] > middles[1] + 0.7 > middles[2] + 1.4


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_without_a_range_of_angles_there_is_nothing(spread: float) -> None:
    theta = 1.5 + spread * np.random.default_rng(0).uniform(size=N)
    assert look(events(0, theta=theta), events(1, theta=theta)) is None


def test_rings_are_not_projected() -> None:
    rings = Calorimeter("rings", tuple(Layer(k, PolarGrid((0.0, 1.0, 4.0), 4), z=(k, k + 1.0)) for k in range(4)))
    assert look(events(0, rings), events(1, rings)) is None


def test_each_bin_is_a_picture(found: InclinedShowers) -> None:
    pictures = draw_inclined(DETECTOR, found.showers[:2])
    assert len(pictures) == 2
    assert "60 to 70 degrees" in pictures[0].title
    assert pictures[0].table is not None
    total = sum(pictures[0].table["reference (MeV)"])
    assert total == pytest.approx(3 * sum(found.showers[0].reference[0]), rel=1e-2)


def test_a_single_layer_has_no_sides() -> None:
    shower = InclinedShower((1.0, 2.0), (1.0, 2.0), 9, 9, ((1.0,), (1.0,), (1.0,)), ((1.0,), (1.0,), (1.0,)))
    single = Calorimeter("single", (Layer(0, CartesianGrid((0.0, 1.0), (0.0, 1.0)), z=(0.0, 1.0)),))
    assert draw_inclined(single, [shower]) == ()
