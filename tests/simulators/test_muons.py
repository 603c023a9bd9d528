"""The muon flux: columns, cut, weights, and the fast source against an independent run of Pythia."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from moliere.detectors import Detector, PhaseSpace, catalog
from moliere.detectors.phase_space import Column
from moliere.errors import ConfigError, DetectorError, MissingExtra, UnsupportedIncident
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.production import produce
from moliere.simulators import Muons, Production, build_simulator
from moliere.simulators.muons import Flux
from moliere.simulators.muons.beam_dump import BACK, FRONT, interaction_depths
from moliere.simulators.muons.decays import KAON, PION, Meson, muon_momenta
from moliere.simulators.muons.flux import FAMILIES, MUON_MASS
from moliere.simulators.muons.table import shipped

N = 100_000

#: 200,000 muons of ``Muons(source="pythia")``, another seed than the tables': weighted quantiles of p and pt in GeV and
#: of the depth of production in mm, at these levels
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
PYTHIA = {
    "p": (10.4358, 12.637, 17.1067, 26.996, 59.7408, 101.9735, 178.4307),
    "pt": (0.0846, 0.2068, 0.3419, 0.5332, 0.9616, 1.414, 2.047),
    "depth": (18.1, 92.2, 200.5, 364.3, 705.4, 1021.3, 1479.2),
}
#: the same of pt at levels 0.1, 0.5, 0.9, 0.99 between these momenta in GeV
PYTHIA_PT = {
    (10, 15): (0.114, 0.316, 0.704, 1.231),
    (15, 25): (0.121, 0.340, 0.765, 1.386),
    (25, 50): (0.131, 0.376, 0.865, 1.530),
    (50, 100): (0.144, 0.409, 0.947, 1.741),
}
#: and the shares of families, both charges together
PYTHIA_SHARES = (0.4294, 0.1558, 0.2558, 0.1590)


def build(detector: str = "ship-muons", **settings: Any) -> Muons:
    simulator = build_simulator("muons", catalog.get(detector), settings)
    assert isinstance(simulator, Muons)
    return simulator


def protons(n: int) -> dict[str, np.ndarray]:
    return {"energy": np.full(n, 400e3)}


def run(n: int = 2000, seed: int = 1, detector: str = "ship-muons", **settings: Any) -> Events:
    return build(detector, **settings).simulate(protons(n), np.random.default_rng(seed))


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    order = np.argsort(values)
    return np.interp(levels, np.cumsum(weights[order]) / weights.sum(), values[order])


@pytest.fixture(scope="module")
def fast() -> Flux:
    return build().draw(N, np.random.default_rng(3))[0]


def test_muons_fill_the_columns_of_the_detector() -> None:
    events = run()
    charge, _, _, z, px, py, pz = events.signals.T.astype(np.float64)
    assert set(charge.tolist()) == {-1.0, 1.0}
    assert ((z >= FRONT - 0.01) & (z <= BACK)).all()
    assert (np.sqrt(px**2 + py**2 + pz**2) > 9999).all()
    assert (pz > 0).all()
    assert (pz < 400e3).all()
    assert events.incident["pdg_id"].tolist() == [2212] * 2000


def test_the_polar_form_is_the_same_muons() -> None:
    cartesian, polar = run(), run(detector="ship-muons-polar")
    _, x, y, _, px, py, _ = cartesian.signals.T
    np.testing.assert_allclose(polar.signals[:, 1] * np.sin(polar.signals[:, 2]), x, atol=1e-3)
    np.testing.assert_allclose(polar.signals[:, 1] * np.cos(polar.signals[:, 2]), y, atol=1e-3)
    np.testing.assert_allclose(polar.signals[:, 4] * np.sin(polar.signals[:, 5]), px, atol=0.1)
    np.testing.assert_allclose(polar.signals[:, 4], np.hypot(px, py), rtol=1e-5)
    assert np.array_equal(polar.signals[:, [0, 3, 6]], cartesian.signals[:, [0, 3, 6]])


def test_same_seed_same_muons_other_seed_others() -> None:
    assert np.array_equal(run(seed=5).signals, run(seed=5).signals)
    assert not np.array_equal(run(seed=5).signals, run(seed=6).signals)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_muons_are_as_many_as_asked_for(n: int) -> None:
    events = run(n)
    assert events.signals.shape == (n, 7)
    assert events.weights is not None
    assert events.weights.shape == (n,)


def test_it_says_what_it_stands_in_for() -> None:
    metadata = run(5000).metadata
    assert metadata["stands_in_for"] == "FairShip's production"
    assert metadata["muons_per_proton"] == pytest.approx(7.25e-4, rel=0.05)
    assert "Pythia 8" in metadata["fitted_by"]


@pytest.mark.parametrize("name", ["p", "pt", "depth"])
def test_the_fast_source_has_pythias_spectra(fast: Flux, name: str) -> None:
    values = {"p": fast.p / 1e3, "pt": fast.pt / 1e3, "depth": fast.position[:, 2] - FRONT}[name]
    found = weighted_quantiles(values, fast.weight, LEVELS)
    np.testing.assert_allclose(found[:-1], PYTHIA[name][:-1], rtol=0.025)
    np.testing.assert_allclose(found[-1], PYTHIA[name][-1], rtol=0.08)


@pytest.mark.parametrize("between", list(PYTHIA_PT))
def test_transverse_momentum_depends_on_momentum_as_in_pythia(fast: Flux, between: tuple[int, int]) -> None:
    low, high = between
    at = (fast.p > low * 1e3) & (fast.p < high * 1e3)
    found = weighted_quantiles(fast.pt[at] / 1e3, fast.weight[at], (0.1, 0.5, 0.9, 0.99))
    np.testing.assert_allclose(found[:-1], PYTHIA_PT[between][:-1], rtol=0.06)
    np.testing.assert_allclose(found[-1], PYTHIA_PT[between][-1], rtol=0.1)


@pytest.mark.parametrize("prompt_share", [0.2, 0.55, 0.9])
def test_weights_undo_the_share_of_prompt_muons(prompt_share: float) -> None:
    flux = shipped().draw(N, prompt_share, np.random.default_rng(0))
    assert abs((flux.family >= FAMILIES.index("light-meson")).mean() - prompt_share) < 0.01
    assert flux.weight.min() > 0
    assert flux.weight.mean() == pytest.approx(1, abs=0.02)
    shares = np.bincount(flux.family, flux.weight) / flux.weight.sum()
    np.testing.assert_allclose(shares, PYTHIA_SHARES, atol=0.01)


def test_prompt_muons_start_on_the_ring_and_the_others_beside_it(fast: Flux) -> None:
    r = fast.column("r")
    prompt = fast.family >= FAMILIES.index("light-meson")
    assert kstest(r[prompt][:20_000], "norm", (50, 8)).pvalue > 1e-4
    assert r[~prompt].std() > 8.2
    flown = fast.position[~prompt, 2].mean() - fast.position[prompt, 2].mean()
    assert flown == pytest.approx(183, rel=0.03)  # mm, the mesons' interaction length


def test_protons_interact_along_the_target() -> None:
    depths = interaction_depths(50_000, np.random.default_rng(0)) - FRONT
    assert kstest(depths, "expon", (0, 153.0)).pvalue > 1e-4
    assert depths.min() >= 0


@pytest.mark.parametrize("meson", [PION, KAON])
def test_muons_of_a_two_body_decay_have_a_flat_energy_spectrum(meson: Meson) -> None:
    p = 50e3
    parents = p * np.tile([[0.6, 0.0, 0.8]], (20_000, 1))
    muons = muon_momenta(parents, meson, np.random.default_rng(0))
    energy = np.sqrt((muons**2).sum(axis=1) + MUON_MASS**2)
    gamma = np.hypot(1, p / meson.mass)
    middle, half = gamma * np.hypot(meson.kick, MUON_MASS), p / meson.mass * meson.kick
    assert kstest(energy, "uniform", (middle - half, 2 * half)).pvalue > 1e-4
    across = muons - np.outer(muons @ [0.6, 0.0, 0.8], [0.6, 0.0, 0.8])
    assert np.linalg.norm(across, axis=1).max() == pytest.approx(meson.kick, rel=1e-3)


def test_mesons_decay_before_they_interact_as_often_as_a_race_says() -> None:
    """At 20 MeV the decay length is 1.1 m, so that the race is close enough to be run."""
    rng, p = np.random.default_rng(0), np.full(400_000, 20.0)
    decay, interaction = rng.exponential(20 / PION.mass * PION.lifetime, 400_000), rng.exponential(183.0, 400_000)
    won = decay < interaction
    assert PION.muon_probabilities(p[:1])[0] == pytest.approx(won.mean(), rel=0.02)
    assert PION.paths(p, rng).mean() == pytest.approx(decay[won].mean(), rel=0.02)


def test_behind_the_absorber_muons_are_slower_and_farther_out() -> None:
    start, end = run(20_000), run(20_000, plane="absorber")
    assert np.allclose(end.signals[:, 3], BACK)
    loss = np.median(start.signals[:, 6]) - np.median(end.signals[:, 6])
    assert 7e3 < loss < 11e3  # MeV, in about six metres of iron
    assert np.abs(end.signals[:, 1]).mean() > 2 * np.abs(start.signals[:, 1]).mean()
    # beyond the published range, and kept
    assert np.abs(end.signals[:, 1]).max() > 150


def test_a_long_run_is_joined_with_its_weights(tmp_path: Path) -> None:
    produce(Production(build(), protons(1000), 5, tmp_path / "flux.h5"))
    events = read_events(tmp_path / "flux.h5")
    assert events.detector.name == "ship-muons"
    assert events.weights is not None
    assert 0.9 < events.weights.mean() < 1.1


def test_a_phase_space_of_ones_own_takes_what_muons_have() -> None:
    own = PhaseSpace("own", (Column("pt", "MeV"), Column("z", "mm")))
    events = Muons(own).simulate(protons(100), np.random.default_rng(1))
    assert events.signals.shape == (100, 2)
    assert (events.signals[:, 1] < 0).all()


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        (
            catalog.get("calochallenge-2"),
            "the simulation of muons needs a detector of kind phase-space, but 'calochallenge-2' is a calorimeter",
        ),
        (PhaseSpace("own", (Column("p_t"),)), "muons have no column 'p_t'; did you mean 'pt'"),
    ],
)
def test_detectors_that_muons_cannot_fill_are_refused(detector: Detector, words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        build_simulator("muons", detector)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source": "pytia"}, "no 'pytia'; did you mean 'pythia'"),
        ({"plane": "exit"}, "known: absorber, start"),
        ({"prompt_share": 1.0}, "above 0 and below 1"),
        ({"prompt": 0.5}, "no setting 'prompt'; did you mean 'prompt_share'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(**settings)


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        ({"energy": np.array([400e3, 100e3])}, "protons of 400 GeV, got 100 GeV; give all of them 400 GeV"),
        ({"energy": np.array([400e3]), "pdg_id": np.array([211])}, "name no particle, or the proton"),
        ({"energy": np.array([400e3]), "theta": np.array([1.5])}, "leave out theta"),
    ],
)
def test_anything_but_the_beams_protons_is_refused(incident: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(UnsupportedIncident, match=words):
        build().simulate(incident, np.random.default_rng(0))


@pytest.mark.skipif(find_spec("pythia8mc") is not None, reason="Pythia is installed")
def test_without_pythia_its_source_says_how_to_get_it() -> None:
    with pytest.raises(MissingExtra, match=r'pip install "moliere\[muons\]"; source=fast needs none'):
        build(source="pythia")
