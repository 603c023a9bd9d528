"""The formulae of the air-shower simulation against closed forms, standard tables and independent drawing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma
from scipy.stats import chi2, ks_2samp, lognorm, norm

from moliere.errors import UnsupportedIncident
from moliere.simulators.airshower.atmosphere import TOP, height_at, vertical_depth
from moliere.simulators.airshower.electronics import record, trigger_threshold
from moliere.simulators.airshower.primaries import mass_numbers
from moliere.simulators.airshower.station import Arrivals, bin_shares, draw_numbers, draw_traces, expect
from moliere.simulators.airshower.xmax import HADRONIC_MODELS, HadronicModel, XmaxLaw, draw_xmax, xmax_law
from moliere.units import EeV, m

EDGES = np.arange(81) * 25.0
#: (X0, D, xi, delta), (p0, p1, p2, a0, a1, b): mean and variance of Xmax by another parametrisation,
#: https://arxiv.org/abs/1301.6637 with the update of E.-J. Ahn, ICRC 2013, for the first two models
MOMENTS = {
    "epos-lhc": ((806.1, 55.6, 0.15, 0.83), (3284, -260, 132, -0.462, -0.0008, 0.059)),
    "qgsjet-ii-04": ((790.4, 54.4, -0.31, 0.24), (3738, -375, -21, -0.397, 0.0008, 0.046)),
    "sibyll-2.1": ((795.1, 57.7, -0.04, -0.04), (2785, -364, 152, -0.368, -0.0049, 0.039)),
}


def one_law(model: HadronicModel = "epos-lhc", energy: float = 10 * EeV, mass: float = 1.0, n: int = 1) -> XmaxLaw:
    return xmax_law(model, np.full(n, energy), np.full(n, mass))


def density(law: XmaxLaw, x: float) -> float:
    """The generalised Gumbel density as the paper writes it."""
    mu, sigma, shape = law.mu[0], law.sigma[0], law.shape[0]
    z = (x - mu) / sigma
    return float(shape**shape / gamma(shape) / sigma * np.exp(-shape * (z + np.exp(-z))))


@pytest.mark.parametrize(
    ("kilometres", "pressure"), [(0, 1013.25), (1.4, 856.0), (5, 540.2), (11, 226.3), (20, 54.75), (30, 11.72)]
)
def test_the_air_above_weighs_what_the_standard_atmosphere_says(kilometres: float, pressure: float) -> None:
    """US standard atmosphere of 1976: pressure in hPa over g, which is 1 % less at 30 km."""
    depth = vertical_depth(np.array(kilometres * 1e3 * m))
    assert depth == pytest.approx(pressure * 1e3 / 980.665, rel=0.015)


def test_the_ends_of_the_atmosphere_are_those_of_the_formula() -> None:
    heights = np.array([0.0, 100e3 * m, TOP, TOP + m])
    assert vertical_depth(heights) == pytest.approx([-149.801663 + 1183.6071, 0.01128292 - 0.01, 0, 0], abs=1e-12)
    assert height_at(np.array([0.0, -1.0])).tolist() == [TOP, TOP]


@pytest.mark.parametrize("kilometres", [-0.1, 0, 1.4, 6.999, 7, 11.4, 20, 37, 99.99, 100, 112])
def test_heights_come_back_from_depths(kilometres: float) -> None:
    height = np.array(kilometres * 1e3 * m)
    # layers meet within some mg/cm², which is centimetres
    assert height_at(vertical_depth(height)) == pytest.approx(height, abs=0.1 * m)


def test_air_thins_out_without_jumps() -> None:
    heights = np.linspace(0, 112e3, 200_001) * m
    depth = vertical_depth(heights)
    assert (np.diff(depth) < 0).all()
    assert np.abs(np.diff(np.log(depth[heights < 90e3 * m]))).max() < 2e-4


@pytest.mark.parametrize("model", HADRONIC_MODELS)
@pytest.mark.parametrize("mass", [1, 56])
@pytest.mark.parametrize("energy", [1, 10, 50])
def test_xmax_has_the_moments_of_another_parametrisation(model: HadronicModel, mass: float, energy: float) -> None:
    (x0, d, xi, delta), (p0, p1, p2, a0, a1, b) = MOMENTS[model]
    e, ln_a = np.log10(energy / 10), np.log(mass)
    mean = x0 + d * e + (xi - d / np.log(10) + delta * e) * ln_a
    variance = (p0 + p1 * e + p2 * e**2) * (1 + (a0 + a1 * e) * ln_a + b * ln_a**2)
    law = one_law(model, energy * EeV, mass)
    assert law.mean[0] == pytest.approx(mean, abs=5)
    assert law.std[0] == pytest.approx(np.sqrt(variance), abs=3)


@pytest.mark.parametrize("mass", [1, 4, 56])
def test_closed_forms_are_integrals_of_the_density(mass: float) -> None:
    law = one_law(mass=mass)
    low, high = law.mean[0] - 500, law.mean[0] + 2500
    moments = [quad(lambda x, k=k: x**k * density(law, x), low, high, limit=200)[0] for k in range(3)]
    assert moments[0] == pytest.approx(1, abs=1e-7)
    assert law.mean[0] == pytest.approx(moments[1], rel=1e-7)
    assert law.std[0] ** 2 == pytest.approx(moments[2] - moments[1] ** 2, rel=1e-5)
    assert law.contained(np.array([850.0]))[0] == pytest.approx(quad(lambda x: density(law, x), low, 850)[0], rel=1e-6)


@pytest.mark.parametrize("model", HADRONIC_MODELS)
@pytest.mark.parametrize("mass", [1, 56])
def test_drawn_xmax_has_the_closed_forms_mean_and_width(model: HadronicModel, mass: float) -> None:
    n = 50_000
    law = one_law(model, 20 * EeV, mass, n)
    xmax = law.draw_above(np.full(n, np.inf), np.random.default_rng(3))
    error = law.std[0] / np.sqrt(n)
    assert xmax.mean() == pytest.approx(law.mean[0], abs=5 * error)
    assert xmax.std() == pytest.approx(law.std[0], rel=0.03)


def test_showers_with_room_are_as_if_drawn_until_they_have_it() -> None:
    n, limit = 20_000, 850.0
    law = one_law(n=n)
    xmax = law.draw_above(np.full(n, limit), np.random.default_rng(4))
    free = law.mu - law.sigma * np.log(np.random.default_rng(5).gamma(law.shape, 1 / law.shape))
    assert xmax.max() < limit
    assert 0.1 < (free > limit).mean() < 0.5
    assert ks_2samp(xmax, free[free < limit]).pvalue > 1e-3


def test_showers_without_room_are_refused() -> None:
    energy = np.array([10.0, 100.0]) * EeV
    law = xmax_law("epos-lhc", energy, np.ones(2))
    with pytest.raises(UnsupportedIncident, match=r"event 1 with 100 EeV: only .* more inclined"):
        draw_xmax(law, energy, np.full(2, 600.0), np.random.default_rng(0))


@pytest.mark.parametrize(("em_fraction", "lateral", "attenuation"), [(0.0, 4.7, 0.1), (1.0, 6.1, 0.4)])
def test_each_kind_of_particle_has_its_laws(em_fraction: float, lateral: float, attenuation: float) -> None:
    distance = np.array([[0.0, 150.0, 1000.0, 2000.0]]) * m

    def signal(depth: float) -> np.ndarray:
        at = expect(np.array([0.1 * EeV]), np.ones(1), em_fraction, distance, np.full_like(distance, depth))
        return (at.muons + at.electromagnetic)[0]

    near, mid, far = signal(1e-20), signal(100), signal(1000)
    assert mid[2] == pytest.approx(9)
    assert mid[0] == mid[1]
    assert mid[2] / mid[3] == pytest.approx(2**lateral)
    assert mid[1] / mid[2] == pytest.approx(0.15**-lateral)
    assert mid[2] / far[2] == pytest.approx(10**attenuation)
    assert near[2] / mid[2] == pytest.approx(10)


def test_heavier_nuclei_have_more_muons_and_the_same_signal() -> None:
    distance, depth = np.array([[1000.0 * m]]), np.array([[100.0]])
    proton, iron = (expect(np.array([10 * EeV]), np.array([a]), 0.7, distance, depth) for a in (1.0, 56.0))
    assert proton.muons.item() == pytest.approx(270)
    assert proton.electromagnetic.item() == pytest.approx(630)
    assert (iron.muons + iron.electromagnetic).item() == pytest.approx(900)
    ratio = iron.muons / iron.electromagnetic / (proton.muons / proton.electromagnetic)
    assert ratio.item() == pytest.approx(56**0.15)


def test_stations_saturate_without_changing_the_mixture() -> None:
    at = expect(np.array([1000 * EeV]), np.ones(1), 0.7, np.array([[0.0]]), np.array([[100.0]]))
    assert (at.muons + at.electromagnetic).item() == pytest.approx(1e7)
    assert (at.electromagnetic / at.muons).item() == pytest.approx(7 / 3 * 0.15**-1.4)


def test_median_times_and_shift_are_the_published_ones() -> None:
    at = expect(np.array([10 * EeV]), np.ones(1), 0.7, np.array([[750.0, 1500.0]]) * m, np.array([[500.0, 500.0]]))
    muons = 50 + 140 * np.array([1, 2**1.4]) * 0.9
    electromagnetic = 80 + 200 * np.array([1, 2**1.4]) * 0.95
    assert at.muon_median[0] == pytest.approx(muons)
    assert at.electromagnetic_median[0] == pytest.approx(electromagnetic)
    assert at.shift[0] == pytest.approx((electromagnetic - muons) / 1.5)


def test_quantiles_of_arrival_times_are_those_of_a_log_normal() -> None:
    """A part q of all particles comes before median * exp(0.7 z_q), shifted."""
    for quantile in (0.1, 0.5, 0.9):
        time = 300 * np.exp(0.7 * norm.ppf(quantile))
        edges = np.array([0.0, time + 40, 1e12])
        assert bin_shares(np.array([300.0]), np.array([40.0]), edges)[0] == pytest.approx([quantile, 1 - quantile])


def test_late_particles_are_lost() -> None:
    shares = bin_shares(np.array([100.0, 5000.0]), np.zeros(2), EDGES)
    assert shares.sum(axis=1) == pytest.approx(lognorm.cdf(2000, 0.7, scale=[100.0, 5000.0]))


def test_numbers_of_particles_have_the_published_moments() -> None:
    numbers = draw_numbers(np.full(100_000, 400.0), np.random.default_rng(1))
    assert numbers.mean() == pytest.approx(399.5, abs=0.3)
    assert numbers.std() == pytest.approx(20, rel=0.01)
    assert (draw_numbers(np.zeros(10), np.random.default_rng(1)) == 0).all()


def arrivals(muons: float, electromagnetic: float, n: int) -> Arrivals:
    """The same station n times; medians 300 and 500 ns, 60 ns of shift."""
    fields = (muons, electromagnetic, 300.0, 500.0, 60.0)
    return Arrivals(*(np.full((n, 1), value) for value in fields))


def test_traces_are_those_of_particles_thrown_one_by_one() -> None:
    """The counts of each bin: means by chi², variances, and the correlation of neighbours that a fixed total makes."""
    n, rng = 3000, np.random.default_rng(7)
    ours = draw_traces(arrivals(60, 90, n), EDGES, 1.0, np.random.default_rng(8))[:, 0]
    theirs = np.empty_like(ours)
    for row in range(n):
        counts = [int(max(s + np.sqrt(s) * rng.normal(), 0)) for s in (60.0, 90.0)]
        times = rng.lognormal(np.log(300), 0.7, counts[0]), 60 + rng.lognormal(np.log(500), 0.7, counts[1])
        theirs[row] = np.histogram(np.concatenate(times), EDGES)[0]
    filled = theirs.sum(axis=0) > 50
    error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0))[filled] / n)
    pulls = (ours.mean(axis=0) - theirs.mean(axis=0))[filled] / error
    assert chi2.sf(pulls @ pulls, filled.sum()) > 1e-4
    assert ours.var(axis=0)[filled].sum() == pytest.approx(theirs.var(axis=0)[filled].sum(), rel=0.03)
    assert ours.sum(axis=1).std() == pytest.approx(theirs.sum(axis=1).std(), rel=0.05)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_fluctuations_scale_in_total_and_in_each_bin(scale: float) -> None:
    plain, scaled = (
        draw_traces(arrivals(5000, 8000, 4000), EDGES, s, np.random.default_rng(2))[:, 0] for s in (1.0, scale)
    )
    assert scaled.sum(axis=1).std() / plain.sum(axis=1).std() == pytest.approx(scale, rel=0.06)
    widths = scaled.std(axis=0) / plain.std(axis=0)
    assert np.median(widths) == pytest.approx(scale, rel=0.03)
    assert scaled.mean() == pytest.approx(plain.mean(), rel=2e-3)


def test_without_fluctuations_traces_are_the_mean() -> None:
    mean = draw_traces(arrivals(500, 800, 1), EDGES, 0.0, np.random.default_rng(0))[0, 0]
    drawn = draw_traces(arrivals(500, 800, 4000), EDGES, 1.0, np.random.default_rng(0))[:, 0]
    assert mean.sum() == pytest.approx(1300, rel=0.03)
    pulls = (drawn.mean(axis=0) - mean) / np.sqrt(mean / 4000)
    # rounding down takes half a particle of each kind
    assert np.abs(pulls).max() < 5


def test_noise_has_its_mean_and_scatter() -> None:
    traces = np.full((40, 50, 80), 100.0)
    noisy = record(traces, np.zeros((40, 50)), 1.0, 0.0, np.random.default_rng(1)).traces
    assert noisy.mean() == pytest.approx(101.2, abs=0.05)
    assert noisy.std() == pytest.approx(np.hypot(0.05 * 100, 0.6), rel=0.01)
    assert (record(traces, np.zeros((40, 50)), 0.0, 0.0, np.random.default_rng(1)).traces == 100).all()


def test_times_are_blurred_the_less_the_more_signal_there_is() -> None:
    for total, width in ((999.0, 120.0), (99_999.0, 80.0)):
        traces = np.full((400, 100, 80), total / 80)
        times = record(traces, np.zeros((400, 100)), 1.0, 0.0, np.random.default_rng(1)).times
        assert times.std() == pytest.approx(width, rel=0.02)
        assert abs(times.mean()) < 5 * width / 200


def test_an_events_clock_is_off_for_all_its_stations() -> None:
    times = record(np.full((20_000, 2, 1), 1e6), np.zeros((20_000, 2)), 0.0, 1.0, np.random.default_rng(1)).times
    assert np.array_equal(times[:, 0], times[:, 1])
    assert np.abs(times).max() <= 50
    assert times.std() == pytest.approx(100 / np.sqrt(12), rel=0.02)


@pytest.mark.parametrize("signal", [0.0, 8.0, 18.0, 28.0, 60.0])
@pytest.mark.parametrize("noise_scale", [1.0, 0.5])
def test_trigger_efficiency_is_that_of_a_normal_sum(signal: float, noise_scale: float) -> None:
    """Noise of 80 bins, cut off below 0 at two standard deviations, and particles rounded down, against 1.2 × noise."""
    n = 4000
    times = np.zeros((n, 1))
    traces = draw_traces(arrivals(signal, 0, n), np.linspace(0, 1e5, 81), 1.0, np.random.default_rng(3))
    heard = np.isfinite(record(traces, times, noise_scale, 1.0, np.random.default_rng(4)).times).mean()
    cut = norm.pdf(2) - 2 * norm.cdf(-2)
    mean = max(signal - 0.5, 0) + 80 * noise_scale * (1.2 + 0.6 * cut)
    # with bins of 1250 ns nearly all signal lies in the first: the relative noise is as that of one bin
    variance = signal + noise_scale**2 * (80 * 0.6**2 + (0.05 * signal) ** 2)
    expected = norm.cdf((mean - trigger_threshold(80, noise_scale)) / np.sqrt(variance))
    assert heard == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("pdg_id", [22, 11, -2212, 1000260570, 1000822080, 1000000000])
def test_other_primaries_are_refused(pdg_id: int) -> None:
    with pytest.raises(UnsupportedIncident, match=f"got PDG identifier {pdg_id}"):
        mass_numbers(np.array([2212, pdg_id]))


def test_nuclei_are_known_by_their_number() -> None:
    assert mass_numbers(np.array([2212, 1000020040, 1000070140, 1000260560])).tolist() == [1, 4, 14, 56]
