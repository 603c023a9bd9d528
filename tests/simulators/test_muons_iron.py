"""Muons in iron: textbook numbers, closed forms, and quantiles of Geant4."""

from __future__ import annotations

import numpy as np
import pytest

from moliere.simulators.muons import Flux, cross
from moliere.simulators.muons.beam_dump import BACK
from moliere.simulators.muons.flux import MUON_MASS
from moliere.simulators.muons.iron import (
    collision_loss,
    draw_collision_loss,
    draw_landau,
    draw_radiated_share,
    largest_transfer,
    scattering_angle,
)

#: Geant4 11.4.1, G4EmStandard, cut 100 mm: mu- straight through 5 m of iron; 800 of 300 GeV, else 1500. Kinetic energy
#: in GeV → loss in MeV at 5, 16, 50, 84 and 95 %
GEANT4 = {
    15: (6834, 7019, 7492, 8352, 9580),
    50: (7136, 7416, 8163, 10119, 13790),
    100: (7409, 7802, 8849, 11970, 19562),
    300: (8297, 9202, 11632, 18252, 33586),
}
#: the same, standard deviation of the place behind the iron in mm; scored in cells of 10 mm
GEANT4_WIDTHS = {15: 58.6, 50: 15.2}


def straight(energy: float, n: int, length: float = 5000.0) -> Flux:
    """Muons of one kinetic energy in MeV that start so far before the absorber's end."""
    p = np.sqrt((energy + MUON_MASS) ** 2 - MUON_MASS**2)
    position, momentum = np.tile([0.0, 0.0, BACK - length], (n, 1)), np.tile([0.0, 0.0, p], (n, 1))
    return Flux(np.ones(n, np.int64), position, momentum, np.ones(n), np.zeros(n, np.int64))


def losses(energy: float, n: int) -> np.ndarray:
    end, is_out = cross(straight(energy, n), np.random.default_rng(0))
    assert is_out.mean() > 0.99
    return energy + MUON_MASS - np.hypot(end.p, MUON_MASS)


def test_bethes_minimum_is_the_tables() -> None:
    p = np.geomspace(100, 1e5, 20_000)
    loss = collision_loss(p) * 10 / 7.874  # MeV cm²/g
    assert loss.min() == pytest.approx(1.451, rel=2e-3)
    assert p[loss.argmin()] == pytest.approx(358, rel=0.02)


def test_the_largest_transfer_is_that_of_a_head_on_collision() -> None:
    """Boost the electron at rest into the centre of mass, turn it round and boost it back."""
    p, m = 10e3, 0.51099895
    energy = np.hypot(p, MUON_MASS)
    beta = p / (energy + m)
    gamma = 1 / np.sqrt(1 - beta**2)
    at_rest, moving = gamma * m, gamma * beta * m
    assert largest_transfer(np.array([p]))[0] == pytest.approx(gamma * (at_rest + beta * moving) - m, rel=1e-6)


def test_landaus_law_has_its_median_and_its_mode() -> None:
    values = draw_landau(np.full(400_000, np.inf), np.random.default_rng(0))
    assert np.median(values) == pytest.approx(1.355780, abs=0.02)
    density, edges = np.histogram(values, 24, (-1.4, 1.0))
    peak = np.polyfit(edges[:-1] + 0.05, density, 4)
    grid = np.linspace(-1, 0.6, 1601)
    assert grid[np.polyval(peak, grid).argmax()] == pytest.approx(-0.2228, abs=0.04)


@pytest.mark.parametrize("p", [5e3, 20e3, 200e3])
def test_straggling_keeps_bethes_mean(p: float) -> None:
    momenta, thickness = np.full(200_000, p), np.full(200_000, 1250.0)
    drawn = draw_collision_loss(momenta, thickness, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(collision_loss(momenta[:1])[0] * 1250, rel=0.02)


def test_radiation_does_not_depend_on_how_a_path_is_cut() -> None:
    rng, n = np.random.default_rng(0), 200_000
    whole = draw_radiated_share(np.full(n, 4000.0), rng)
    left = np.prod([1 - draw_radiated_share(np.full(n, 1000.0), rng) for _ in range(4)], axis=0)
    levels = [0.5, 0.9, 0.98]
    np.testing.assert_allclose(np.quantile(1 - left, levels), np.quantile(whole, levels), rtol=0.06)


def test_highlands_angle_is_the_formulas() -> None:
    """A hundred radiation lengths at 20 GeV: 13.6/20000 · 10 · (1 + 0.038 ln 100) = 7.99 mrad."""
    thickness = np.array([100 * 13.84 / 7.874 * 10])
    assert scattering_angle(np.array([20e3]), thickness, thickness)[0] == pytest.approx(7.99e-3, rel=1e-3)


@pytest.mark.parametrize("energy", list(GEANT4))
def test_losses_are_geant4s(energy: int) -> None:
    found = np.percentile(losses(energy * 1e3, 30_000), [5, 16, 50, 84, 95])
    np.testing.assert_allclose(found[:-1], GEANT4[energy][:-1], rtol=0.05)
    np.testing.assert_allclose(found[-1], GEANT4[energy][-1], rtol=0.15)


@pytest.mark.parametrize("energy", list(GEANT4_WIDTHS))
def test_muons_are_displaced_as_in_geant4(energy: int) -> None:
    end, _ = cross(straight(energy * 1e3, 30_000), np.random.default_rng(1))
    width = np.subtract(*np.percentile(end.position[:, 0], [84, 16])) / 2
    assert width == pytest.approx(GEANT4_WIDTHS[energy], rel=0.15)


def test_slow_muons_stop_and_are_said_to() -> None:
    end, is_out = cross(straight(5e3, 200), np.random.default_rng(0))
    assert not is_out.any()
    assert np.isfinite(end.momentum).all()
    _, is_out = cross(straight(5e3, 200, length=1000.0), np.random.default_rng(0))
    assert is_out.all()


def test_what_starts_at_the_end_goes_on_as_it_is() -> None:
    flux = straight(20e3, 50, length=0.0)
    end, is_out = cross(flux, np.random.default_rng(0))
    assert is_out.all()
    np.testing.assert_allclose(end.position, flux.position, atol=1e-3)
    np.testing.assert_allclose(end.momentum, flux.momentum, rtol=1e-4, atol=5)
