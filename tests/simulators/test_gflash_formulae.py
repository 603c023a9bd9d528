"""The shower formulae against textbook numbers, closed forms and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import gamma

from moliere.detectors import materials
from moliere.detectors.calorimeter import Plate
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.simulators.gflash.deposit import throw_spots
from moliere.simulators.gflash.longitudinal import (
    Moments,
    Profile,
    average_profile,
    draw_profiles,
    log_scaled_energy,
    moments,
)
from moliere.simulators.gflash.medium import Medium, effective_medium, homogeneous_medium
from moliere.simulators.gflash.radial import RadialLaw, cell_shares, radial_law

ENERGIES = np.array([1e3, 1e4, 1e5])
SI_W = (Plate("G4_W", 1.4), Plate("G4_Si", 0.3, 0, active=True)) * 20


def block(name: str) -> Medium:
    return homogeneous_medium(materials.get(name))


@pytest.mark.parametrize("name", ["G4_Pb", "G4_W", "G4_Fe", "G4_Si", "G4_PbWO4", "G4_Cu"])
def test_critical_energy_is_near_that_of_the_particle_data_group(name: str) -> None:
    assert block(name).critical_energy == pytest.approx(materials.get(name).critical_energy, rel=0.1)


def test_moliere_radii_of_the_particle_data_group() -> None:
    assert block("G4_PbWO4").moliere_radius_mm == pytest.approx(19.6, rel=0.12)
    assert block("G4_Pb").moliere_radius_mm == pytest.approx(16.0, rel=0.05)


def test_effective_medium_of_one_material_is_that_material() -> None:
    split = effective_medium([Plate("G4_Pb", 3.0, 0, active=True), Plate("G4_Pb", 40.0, 0, active=True)])
    for name in ("z", "a", "density", "radiation_length", "critical_energy"):
        assert getattr(split, name) == pytest.approx(getattr(block("G4_Pb"), name))
    assert not split.is_sampling


def test_effective_medium_of_silicon_and_tungsten_by_hand() -> None:
    medium = effective_medium(SI_W)
    mass = np.array([1.4 * 19.3, 0.3 * 2.329])
    share = mass / mass.sum()
    assert medium.radiation_length == pytest.approx(1 / (share[0] / 6.76 + share[1] / 21.82))
    assert medium.density == pytest.approx(mass.sum() / 1.7)
    assert medium.sampling_frequency == pytest.approx(medium.radiation_length_mm / 1.7)
    assert medium.e_over_mip == pytest.approx(1 / (1 + 0.007 * 60))
    assert medium.critical_energy == pytest.approx(8.2, abs=0.1)


@pytest.mark.parametrize("name", ["G4_Pb", "G4_Fe", "G4_PbWO4"])
def test_shower_maximum_lies_where_the_textbook_says(name: str) -> None:
    medium = block(name)
    expected = np.log(ENERGIES / medium.critical_energy) - 0.5
    assert average_profile(medium, ENERGIES).t_max == pytest.approx(expected, abs=0.45)
    assert moments(medium, ENERGIES).t == pytest.approx(expected, abs=0.45)


def test_profile_integrates_to_the_gamma_distribution() -> None:
    profile = Profile.peaking_at(np.array([6.0]), np.array([4.0]))
    depths = np.array([2.0, 6.0, 12.0, 25.0])
    assert profile.contained(depths)[0] == pytest.approx(gamma.cdf(depths, 4.0, scale=1 / profile.beta[0]))
    assert profile.t_max == pytest.approx(6.0)
    assert profile.mean_depth == pytest.approx(8.0)
    assert profile.contained(np.array([-1.0]))[0, 0] == 0


def test_fluctuations_have_the_stated_means_widths_and_correlation() -> None:
    n = 100_000
    ones = np.ones(n)
    profile = draw_profiles(
        Moments(t=8 * ones, alpha=5 * ones, sigma_t=0.1 * ones, sigma_alpha=0.15 * ones, rho=0.6 * ones),
        np.random.default_rng(2),
    )
    ln_t, ln_alpha = np.log(profile.t_max), np.log(profile.alpha)
    assert ln_t.mean() == pytest.approx(np.log(8), abs=0.002)
    assert ln_alpha.mean() == pytest.approx(np.log(5), abs=0.002)
    assert np.array([ln_t.std(), ln_alpha.std()]) == pytest.approx([0.1, 0.15], rel=0.02)
    assert np.corrcoef(ln_t, ln_alpha)[0, 1] == pytest.approx(0.6, abs=0.01)


def test_many_samplings_of_equal_materials_are_a_homogeneous_medium() -> None:
    medium = block("G4_Pb")
    fine = Medium(medium.z, medium.a, medium.density, medium.radiation_length, medium.critical_energy, 1e9)
    assert moments(fine, ENERGIES).t == pytest.approx(moments(medium, ENERGIES).t)
    assert moments(fine, ENERGIES).alpha == pytest.approx(moments(medium, ENERGIES).alpha)


def test_moments_of_sampling_showers_by_hand() -> None:
    medium, energy = effective_medium(SI_W), np.array([1e4])
    ln_y = log_scaled_energy(medium, energy)[0]
    assert ln_y == pytest.approx(np.log(1e4 / medium.critical_energy))
    found = moments(medium, energy)
    transition = 1 - medium.e_over_mip
    assert found.t[0] == pytest.approx(ln_y - 0.812 - 0.55 / medium.sampling_frequency - 0.69 * transition)
    shape = 0.81 + (0.458 + 2.26 / medium.z) * ln_y - 0.476 / medium.sampling_frequency
    assert found.alpha[0] == pytest.approx(shape)
    assert found.sigma_t[0] == pytest.approx(1 / (-2.5 + 1.25 * ln_y))
    assert found.rho[0] == pytest.approx(0.784 - 0.023 * ln_y)


def test_nine_tenths_of_a_shower_lie_within_about_a_moliere_radius() -> None:
    """Geant4 finds 1.27 R_M for PbWO4 and 1.18 R_M for Pb where the rule of thumb says 1."""
    medium = block("G4_PbWO4")
    energy, radii = np.array([[1e4]]), np.linspace(0.1, 3, 300) * medium.moliere_radius_mm
    profile = average_profile(medium, energy[0])
    depth = np.linspace(0, 25, 251)
    weight = np.diff(profile.contained(depth))[0]
    law = radial_law(medium, energy, ((depth[1:] + depth[:-1]) / 2 / profile.t_max)[None])
    inside = np.array([law.contained(r)[0] @ weight for r in radii]) / weight.sum()
    r90 = radii[np.searchsorted(inside, 0.9)] / medium.moliere_radius_mm
    assert 0.8 < r90 < 1.35


def density(law: RadialLaw, r: float) -> float:
    """Energy per area, written down a second time."""
    core, tail, p = float(law.core[0]), float(law.tail[0]), float(law.core_share[0])
    return (p * core**2 / (r * r + core**2) ** 2 + (1 - p) * tail**2 / (r * r + tail**2) ** 2) / np.pi


LAW = RadialLaw(np.array([4.0]), np.array([20.0]), np.array([0.7]))


def test_ring_shares_are_the_integral_of_the_density() -> None:
    shares = cell_shares(PolarGrid((1.0, 3.0, 30.0), 4), LAW).reshape(4, 2)
    for ring, (low, high) in enumerate([(1.0, 3.0), (3.0, 30.0)]):
        expected = quad(lambda r: 2 * np.pi * r * density(LAW, r), low, high)[0] / 4
        assert shares[:, ring] == pytest.approx(expected, rel=1e-6)


def test_rectangle_shares_are_the_integral_of_the_density() -> None:
    grid = CartesianGrid((-7.0, 2.0, 11.0), (-3.0, 0.0, 9.0))
    shares = cell_shares(grid, LAW).reshape(2, 2)
    for i, j in np.ndindex(2, 2):
        expected = dblquad(
            lambda y, x: density(LAW, float(np.hypot(x, y))),
            *grid.x_edges[i : i + 2],
            *grid.y_edges[j : j + 2],
        )[0]
        assert shares[i, j] == pytest.approx(expected, rel=1e-5)


def test_the_whole_plane_holds_everything() -> None:
    wide = CartesianGrid((-1e6, 0.0, 1e6), (-1e6, 1e6))
    assert cell_shares(wide, LAW).sum() == pytest.approx(1, abs=1e-8)
    assert LAW.contained(1e6)[0] == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize(
    "grid",
    [PolarGrid((0.0, 2.0, 5.0, 30.0, 100.0), 10), CartesianGrid((-30.0, -5.0, 3.0, 50.0), (-8.0, 1.0, 40.0))],
)
def test_spots_fall_as_the_integral_says(grid: PolarGrid | CartesianGrid) -> None:
    n = 400_000
    energies = throw_spots(grid, LAW_2D, np.array([[100.0]]), np.array([[n]]), np.random.default_rng(4))[0]
    expected = cell_shares(grid, LAW)[0] * 100
    error = 100 * np.sqrt(expected / 100 / n)
    assert np.abs(energies - expected).max() < 5 * error.max()
    assert np.sum(((energies - expected) / error) ** 2) < 2.5 * len(expected)


LAW_2D = RadialLaw(LAW.core[:, None], LAW.tail[:, None], LAW.core_share[:, None])
