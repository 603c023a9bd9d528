from __future__ import annotations

import numpy as np
import pytest

from moliere.detectors import Calorimeter
from moliere.errors import InvalidEvents
from moliere.evaluation.observables.fastcalosim import ETA_EDGES, energy_by_eta, eta_asymmetry
from moliere.events import Events

EDGES = np.array([0.0, 1.0, 2.0])


def uniform(detector: Calorimeter, energies: np.ndarray) -> np.ndarray:
    """Layer energies (n, n_layers) spread evenly over each layer's cells."""
    cells = np.diff(detector.boundaries)
    return (energies / cells)[:, detector.layer_of_channel].astype(np.float32)


def test_means_by_hand(polar: Calorimeter) -> None:
    energies = np.array([[10.0, 1, 0], [20, 3, 0], [40, 5, 8], [7, 7, 7]])
    sides = energy_by_eta(polar, uniform(polar, energies), np.array([0.5, 0.0, -0.9, 1.5]), EDGES)
    assert sides.mean.shape == (2, 2, 3)
    assert sides[0].mean == pytest.approx(np.array([[15, 2, 0], [7, 7, 7]]))
    assert sides[1].mean == pytest.approx(np.array([[40, 5, 8], [np.nan] * 3]), nan_ok=True)
    together = sides[0] + sides[1]
    assert together.mean == pytest.approx(np.array([[70 / 3, 3, 8 / 3], [7, 7, 7]]))
    assert together.error[0] == pytest.approx(energies[:3].std(axis=0, ddof=1) / 3**0.5)
    asymmetry, error = eta_asymmetry(sides)
    assert asymmetry[0] == pytest.approx([-25 / 55, -3 / 7, -1])
    assert np.isnan(asymmetry[1]).all()
    assert np.isnan(error).all()  # one event at -eta has no spread


def test_error_of_the_asymmetry_has_its_closed_form(polar: Calorimeter) -> None:
    energies = np.array([[9.0, 4, 1], [11, 6, 1], [28, 5, 0], [32, 5, 0]])
    asymmetry, error = eta_asymmetry(
        energy_by_eta(polar, uniform(polar, energies), np.array([0.5, 0.5, -0.5, -0.5]), EDGES)
    )
    # means 10 ± 1 and 30 ± 2; 5 ± 1 and 5 ± 0; 1 ± 0 and 0 ± 0
    assert asymmetry[0] == pytest.approx([-0.5, 0, 1], abs=1e-6)
    expected = [2 * np.hypot(30 * 1, 10 * 2) / 1600, 2 * 5 * 1 / 100, 0]
    assert error[0] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_asymmetry_of_a_symmetric_sample_is_zero_within_its_error(polar: Calorimeter) -> None:
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        energies = rng.gamma(4.0, 5.0, (60, 3))
        sides = energy_by_eta(polar, uniform(polar, energies), np.where(np.arange(60) % 3, 0.2, -0.2), EDGES)
        asymmetry, error = eta_asymmetry(sides)
        pulls.append(asymmetry[0] / error[0])
    # 600 pulls: mean 0 ± 0.04, spread 1 ± 0.03
    assert np.mean(pulls) == pytest.approx(0, abs=0.16)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


def test_pieces_add_up(polar_events: Events) -> None:
    detector, signals = polar_events.detector, polar_events.signals
    assert isinstance(detector, Calorimeter)
    eta = np.random.default_rng(1).uniform(-2, 2, len(signals))
    whole, *parts = (
        energy_by_eta(detector, signals[part], eta[part], EDGES) for part in (slice(None), slice(100), slice(100, None))
    )
    together = parts[0] + parts[1]
    assert together.mean == pytest.approx(whole.mean)
    assert together.error == pytest.approx(whole.error)


def test_lower_edges_belong_to_their_slice(polar: Calorimeter) -> None:
    """Slices are named by their lower edge: 0.15 is 0.15000000000000002 among the edges, and 3 * 0.05 beside 0.15."""
    eta = np.concatenate([np.arange(100) / 20, -np.arange(1, 100) * 0.05])
    sides = energy_by_eta(polar, np.ones((len(eta), polar.n_channels), np.float32), eta)
    assert len(ETA_EDGES) == 101
    assert (sides.count[0] == 1).all()
    assert (sides.count[1, 1:] == 1).all()


def test_events_outside_are_not_dropped_in_silence(polar: Calorimeter) -> None:
    with pytest.raises(InvalidEvents, match=r"1 events lie outside .* from 0 to 2, up to 2\.5"):
        energy_by_eta(polar, np.ones((2, polar.n_channels), np.float32), np.array([0.1, -2.5]), EDGES)


def test_neither_side_with_energy_has_no_asymmetry(polar: Calorimeter) -> None:
    sides = energy_by_eta(polar, np.zeros((4, polar.n_channels), np.float32), np.array([0.1, 0.2, -0.1, -0.2]), EDGES)
    asymmetry, error = eta_asymmetry(sides)
    assert np.isnan(asymmetry).all()
    assert np.isnan(error).all()
