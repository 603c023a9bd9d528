from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from moliere.detectors import catalog
from moliere.detectors.calorimeter import Calorimeter, Layer, Plate
from moliere.detectors.grids import CartesianGrid, PolarGrid
from moliere.errors import ConfigError, DetectorError, UnknownName, UnsupportedIncident
from moliere.events import Events
from moliere.events.formats import read_events
from moliere.simulators import Gflash
from moliere.simulators.gflash import Tuning
from moliere.simulators.gflash.profiles import energy_bands, largest_deviation, layer_profile, ring_profile

DATA = Path(__file__).parents[1] / "data" / "geant4"
WIDE = PolarGrid((0.0, 1e4), 1)


def lead_block(n_layers: int = 10, thickness: float = 50.0) -> Calorimeter:
    """0.5 m of lead, all of it read out: nothing can get lost."""
    layers = tuple(Layer(k, WIDE) for k in range(n_layers))
    return Calorimeter("lead", layers, tuple(Plate("G4_Pb", thickness, k, active=True) for k in range(n_layers)))


def sandwich(n: int = 60) -> Calorimeter:
    """Lead and scintillator, deep enough for 10 GeV."""
    stack = (Plate("G4_Pb", 3.0), Plate("G4_POLYSTYRENE", 3.0, 0, active=True)) * n
    return Calorimeter("sandwich", (Layer(0, WIDE),), stack)


def showers(simulator: Gflash, energy: float, n: int, seed: int = 1, pdg_id: int = 11) -> Events:
    incident = {"energy": np.full(n, energy), "pdg_id": np.full(n, pdg_id)}
    return simulator.simulate(incident, np.random.default_rng(seed))


@pytest.mark.parametrize("method", ["spots", "analytic"])
@pytest.mark.parametrize("pdg_id", [11, -11, 22])
def test_a_big_block_takes_up_all_energy(method: str, pdg_id: int) -> None:
    events = showers(Gflash(lead_block(), method=method), 10e3, 20, pdg_id=pdg_id)  # type: ignore[arg-type]
    assert events.response == pytest.approx(1, abs=2e-3)


def test_sampling_fluctuations_have_the_variance_asked_for() -> None:
    tuning = Tuning(resolution=0.2)
    events = showers(Gflash(sandwich(), method="analytic", tuning=tuning), 10e3, 4000)
    assert events.response.std() / events.response.mean() == pytest.approx(0.2 / np.sqrt(10), rel=0.05)


def test_sampling_fraction_is_near_that_of_ionising_particles() -> None:
    """By dE/dx: 3 mm of scintillator take up 0.62 MeV, 3 mm of lead 3.8 MeV; e/mip lowers the share."""
    events = showers(Gflash(sandwich()), 10e3, 500)
    ionising = 0.62 / (0.62 + 3.8)
    assert events.response.mean() / ionising == pytest.approx(1 / (1 + 0.007 * (82 - 5.6)), rel=0.15)


def test_sampling_fraction_of_the_layer_scales_its_signal() -> None:
    detector = sandwich()
    calibrated = replace(detector, layers=(replace(detector.layers[0], sampling_fraction=0.1),))
    raw, scaled = (showers(Gflash(d), 1e3, 20).signals for d in (detector, calibrated))
    assert scaled == pytest.approx(raw * 10, rel=1e-5)


def test_layers_that_are_not_read_out_keep_their_energy() -> None:
    detector = lead_block(4, 15.0)
    blind = replace(detector, layers=(detector.layers[0], Layer(1, None), *detector.layers[2:]))
    seen, part = (showers(Gflash(d), 1e3, 20).signals for d in (detector, blind))
    assert part[:, 0] == pytest.approx(seen[:, 0])
    assert part.shape == (20, 3)


def test_photons_start_later_than_electrons() -> None:
    simulator = Gflash(lead_block(100, 5.0))
    depth = np.arange(100) * 5.0 / 5.61
    electron, photon = (
        np.average(depth, weights=showers(simulator, 5e3, 500, pdg_id=pdg_id).signals.mean(axis=0))
        for pdg_id in (11, 22)
    )
    # a conversion after 9/7 X0, then showers of e^-1/2 of the energy, which go less deep by about 1/2 X0
    assert photon - electron == pytest.approx(9 / 7 - 0.5, abs=0.3)


def test_the_two_methods_have_the_same_mean() -> None:
    detector = catalog.get("calochallenge-2")
    spots, smooth = (Gflash(detector, method=m) for m in ("spots", "analytic"))  # type: ignore[arg-type]
    profiles = [ring_profile(showers(s, 20e3, 400), join_layers=True) for s in (spots, smooth)]
    assert largest_deviation(profiles[0], profiles[1]) < 0.03


def test_spots_in_a_cartesian_detector() -> None:
    grid = CartesianGrid((-200.0, -20.0, 0.0, 20.0, 200.0), (-200.0, 0.0, 50.0, 200.0))
    detector = replace(sandwich(), layers=(Layer(0, grid),))
    spots, smooth = (Gflash(detector, method=m) for m in ("spots", "analytic"))  # type: ignore[arg-type]
    found, expected = (showers(s, 10e3, 400).signals.mean(axis=0) for s in (spots, smooth))
    assert found == pytest.approx(expected, rel=0.05, abs=0.003 * float(expected.sum()))


def test_without_fluctuations_smooth_showers_are_alike() -> None:
    simulator = Gflash(sandwich(), method="analytic", fluctuations=False)
    signals = showers(simulator, 10e3, 5).signals
    assert (signals == signals[0]).all()


def test_chunks_leave_no_seams() -> None:
    """Far more events than one chunk takes: the last ones are as the first."""
    response = showers(Gflash(sandwich()), 10e3, 1500).response
    assert response[:700].mean() == pytest.approx(response[-700:].mean(), rel=0.01)


def test_signals_below_threshold_are_zero() -> None:
    signals = showers(Gflash(replace(catalog.get("calochallenge-2"), threshold=5.0)), 5e3, 10).signals
    assert signals[signals > 0].min() >= 5.0


def test_the_particle_is_an_argument_or_the_detector_s_own() -> None:
    detector = catalog.get("calochallenge-1-photons")
    incident = {"energy": np.array([1e3])}
    for simulator, pdg_id in (
        (Gflash(detector), 22),
        (Gflash(detector, particle="e+"), -11),
        (Gflash(sandwich()), 11),
    ):
        assert simulator.simulate(incident, np.random.default_rng(0)).incident["pdg_id"].tolist() == [pdg_id]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("energy", 50.0, "covers 100 MeV – 10 TeV, got 50 MeV"),
        ("energy", 2e7, "1 of 2 events are outside"),
        ("energy", np.nan, "got"),
        ("pdg_id", 211, r"simulates e-, e\+, gamma, got pi\+"),
        ("theta", 0.1, "along the axis"),
    ],
)
def test_what_it_does_not_cover_is_refused(column: str, value: float, message: str) -> None:
    incident = {"energy": np.full(2, 1e3), "pdg_id": np.full(2, 11), "theta": np.full(2, np.pi / 2)}
    incident[column] = incident[column].copy()
    incident[column][1] = value
    with pytest.raises(UnsupportedIncident, match=message):
        Gflash(sandwich()).simulate(incident, np.random.default_rng(0))


def test_a_detector_without_stack_is_refused() -> None:
    with pytest.raises(DetectorError, match="no stack"):
        Gflash(Calorimeter("bare", (Layer(0, WIDE),)))
    blind = (Plate("G4_Pb", 5.0, 1, active=True),)
    with pytest.raises(DetectorError, match="no active plate of the stack belongs to layer 0"):
        Calorimeter("blind", (Layer(0, WIDE), Layer(1, None)), blind)
    with pytest.raises(DetectorError, match="gflash needs a detector of kind calorimeter"):
        Gflash(catalog.get("airshower-9x9"))  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="particle"):
        Gflash(sandwich(), particle="electron").simulate({"energy": np.array([1e3])}, np.random.default_rng(0))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'spots'"):
        Gflash(sandwich(), method="spot")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="for 2 layers, but 'sandwich' reads out 1"):
        Gflash(sandwich(), tuning=Tuning(visible=(1.0, 1.0)))


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Gflash(sandwich()).method = "analytic"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "file"),
    [("calochallenge-2", "electrons.h5"), ("calochallenge-1-photons", "photons.h5")],
)
def test_mean_profiles_are_those_of_geant4(name: str, file: str) -> None:
    """The benchmark's figure, with room for the statistics of a few hundred showers."""
    detector = catalog.get(name)
    events = read_events(DATA / file, detector)
    reference = Events(detector, events.incident, np.where(events.signals < detector.threshold, 0, events.signals))
    for band in energy_bands(reference.energy, 3):
        truth = reference[band]
        # ten showers for each of Geant4's: only Geant4's statistics is left
        incident = {column: np.tile(values, 10) for column, values in truth.incident.items()}
        simulated = Gflash(detector).simulate(incident, np.random.default_rng(3))
        assert largest_deviation(layer_profile(simulated), layer_profile(truth)) < 0.12
        rings = [ring_profile(sample, join_layers=True) for sample in (simulated, truth)]
        assert largest_deviation(rings[0], rings[1]) < 0.2


def plates(passive: str, thickness: float, active: str, gap: float, n: int) -> Calorimeter:
    """A sandwich, a layer for each active plate."""
    pairs = [(Plate(passive, thickness), Plate(active, gap, k, active=True)) for k in range(n)]
    return Calorimeter(
        "plates", tuple(Layer(k, WIDE) for k in range(n)), tuple(plate for pair in pairs for plate in pair)
    )


#: Geant4 11.4.1, option 0, 300 e- of 10 GeV: response, its width over its mean, mean layer
SANDWICHES = {
    ("G4_W", 7.0, "G4_Si", 0.5, 20): (0.01017, 0.096, 3.20),
    ("G4_W", 3.5, "G4_Si", 0.5, 30): (0.02010, 0.057, 7.29),
    ("G4_W", 1.4, "G4_Si", 0.3, 70): (0.03187, 0.040, 19.74),
    ("G4_Pb", 2.0, "G4_lAr", 4.0, 70): (0.18885, 0.022, 20.11),
    ("G4_Pb", 10.0, "G4_POLYSTYRENE", 5.0, 16): (0.04693, 0.066, 3.56),
    ("G4_Fe", 20.0, "G4_POLYSTYRENE", 5.0, 25): (0.03663, 0.059, 5.24),
    ("G4_Pb", 3.0, "G4_POLYSTYRENE", 3.0, 45): (0.09769, 0.031, 14.11),
    ("G4_W", 3.5, "G4_Si", 0.1, 30): (0.00487, 0.089, 7.48),
    ("G4_W", 3.5, "G4_POLYSTYRENE", 2.0, 30): (0.03754, 0.055, 7.27),
}


@pytest.mark.parametrize(("stack", "truth"), SANDWICHES.items(), ids=["-".join(map(str, key)) for key in SANDWICHES])
def test_plates_that_nobody_tuned_are_those_of_geant4(
    stack: tuple[str, float, str, float, int], truth: tuple[float, float, float]
) -> None:
    simulator = Gflash(plates(*stack))
    signals = showers(simulator, 1e4, 1500).signals.astype(np.float64)
    total = signals.sum(axis=1) / 1e4
    assert total.mean() == pytest.approx(truth[0], rel=0.06)
    assert total.std() / total.mean() == pytest.approx(truth[1], rel=0.3)
    assert np.average(np.arange(stack[-1]), weights=signals.sum(axis=0)) == pytest.approx(truth[2], rel=0.05)
    assert not simulator.warning


@pytest.mark.parametrize(
    "stack",
    [
        ("G4_W", 14.0, "G4_Si", 0.5, 10),
        ("G4_Pb", 30.0, "G4_POLYSTYRENE", 5.0, 8),
        ("G4_W", 2.0, "G4_Si", 0.05, 40),
        ("G4_Fe", 60.0, "G4_POLYSTYRENE", 30.0, 10),
        ("G4_Pb", 0.5, "G4_POLYSTYRENE", 1.0, 200),
    ],
)
def test_plates_unlike_all_that_were_tested_are_warned_of(stack: tuple[str, float, str, float, int]) -> None:
    simulator = Gflash(plates(*stack))
    assert "not tested in such plates" in simulator.warning
    assert showers(simulator, 1e3, 2).metadata["warning"] == simulator.warning


def test_a_tuning_of_ones_own_and_blocks_are_not_warned_of() -> None:
    assert not Gflash(lead_block()).warning
    assert not Gflash(plates("G4_W", 14.0, "G4_Si", 0.5, 10), tuning=Tuning()).warning
    assert not Gflash(catalog.get("calochallenge-2")).warning  # type: ignore[arg-type]


#: Geant4 11.4.1, option 0, 300 e- of 2 GeV: mean layer
FEW_GEV = {
    ("G4_Fe", 10.0, "G4_Si", 1.0, 44): 8.55,
    ("G4_W", 3.0, "G4_lAr", 1.0, 30): 6.71,
    ("G4_Pb", 8.0, "G4_POLYSTYRENE", 3.0, 18): 3.67,
}


@pytest.mark.parametrize(("stack", "layer"), FEW_GEV.items(), ids=["-".join(map(str, key)) for key in FEW_GEV])
def test_depth_in_plates_that_nobody_tuned_follows_the_energy(
    stack: tuple[str, float, str, float, int], layer: float
) -> None:
    signals = showers(Gflash(plates(*stack)), 2e3, 1000).signals.astype(np.float64)
    assert np.average(np.arange(stack[-1]), weights=signals.sum(axis=0)) == pytest.approx(layer, rel=0.06)
