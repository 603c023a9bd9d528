"""A fast model inside Geant4 takes the tracks that it knows and no others, and its showers lie where the tracks fly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moliere.detectors import Calorimeter, CartesianGrid, Layer, Plate, PolarGrid, catalog
from moliere.detectors.base import Floats
from moliere.errors import BundleError, ConfigError, DetectorError, InvalidQuantity
from moliere.events.formats import read_events
from moliere.front import build, fast_showers
from moliere.production import produce
from moliere.simulators import Geant4, Production
from moliere.simulators.geant4 import FastCalorimeter, Frame, Tracks
from moliere.simulators.geant4.fast import Reason
from moliere.simulators.geant4.placement import Placement

if find_spec("geant4_pybind") is None:  # not imported: it asks for its data
    pytest.skip("needs the extra geant4", allow_module_level=True)

EXAMPLE = Path(__file__).parents[2] / "examples" / "geant4_with_fast_showers.py"
RINGS = PolarGrid((0.0, 5.0, 15.0, 50.0, 80.0), 8)
SQUARES = CartesianGrid(tuple(range(-60, 61, 5)), tuple(range(-60, 61, 5)))
STRAIGHT = (0.0, 0.0, 1.0)


def toy(*grids: PolarGrid | CartesianGrid) -> Calorimeter:
    """Lead and silicon; the first grid in front, the second behind."""
    plates = [Plate("G4_Pb", 6.0, k) if half == 0 else Plate("G4_Si", 4.0, k, active=True)
              for k in range(len(grids)) for _ in range(8) for half in range(2)]  # fmt: skip
    layers = tuple(Layer(k, grid) for k, grid in enumerate(grids))
    return Calorimeter("toy", layers, tuple(plates), particles=(11,))


@dataclass(frozen=True)
class Needles:
    """Electrons of up to 1 GeV leave all their energy on the axis, in the innermost cells of every layer alike."""

    detector: Calorimeter
    name: str = "needles"
    knows: str = "e- up to 1 GeV"

    def refuses(self, pdg_id: int, energy: float, direction: Sequence[float]) -> Reason | None:
        if pdg_id != 11:
            return "particle"
        if not energy <= 1e3:
            return "energy"
        return None if direction[2] > 0.9 else "direction"

    def axes(self, direction: Floats) -> Floats:
        return np.tile([0.0, 0.0, 1.0], (len(direction), 1))

    def make(self, tracks: Tracks) -> NDArray[np.float32]:
        inner = self.detector.r < 6
        return (tracks.energy[:, None] * inner / inner.sum()).astype(np.float32)


def photons(energy: float, n: int = 1, **columns: object) -> dict[str, NDArray[np.float64]]:
    return {"energy": np.full(n, energy), **{name: np.full(n, value) for name, value in columns.items()}}


def mean_place(detector: Calorimeter, signals: Floats) -> Floats:
    return np.asarray(signals @ detector.centres[:, :2] / signals.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("grid", [PolarGrid(tuple(range(0, 81, 5)), 16), SQUARES])
def test_a_shower_beside_the_axis_is_moved_there_and_keeps_its_energy(grid: PolarGrid | CartesianGrid) -> None:
    detector = toy(grid)
    signals = Needles(detector).make(Tracks(*(np.full(3, 1e3) for _ in range(5))))  # type: ignore[arg-type]
    shift = np.array([[[0.0, 0.0]], [[20.0, -10.0]], [[58.0, 58.0]]])
    placed, beside = Placement(detector).place(signals, shift, np.arange(3)[:, None], np.arange(3), 3)
    np.testing.assert_array_equal(placed[0], signals[0])
    np.testing.assert_allclose(placed.sum(axis=1) + beside[:, 0], 1e3, rtol=1e-5)
    np.testing.assert_allclose(mean_place(detector, placed)[1], [20, -10], atol=1.5)
    assert beside[1, 0] == 0
    assert beside[2, 0] > 100


def test_showers_of_one_event_are_summed() -> None:
    detector = toy(SQUARES)
    signals = np.random.default_rng(1).random((4, detector.n_channels), np.float32)
    shift = np.array([[[0.0, 0.0]], [[7.0, 3.0]], [[0.0, 0.0]], [[7.0, 3.0]]])
    key = np.array([[0], [1], [0], [1]])
    placed, _ = Placement(detector).place(signals, shift, key, np.array([0, 0, 2, 2]), 3)
    assert placed[1].sum() == 0
    alone, _ = Placement(detector).place(signals[1:2], shift[1:2], key[1:2], np.zeros(1, np.int64), 1)
    np.testing.assert_allclose(placed[0], signals[0] + alone[0], rtol=1e-5)


def test_small_signals_stay_whole_so_that_a_moved_shower_lights_no_more_cells() -> None:
    """Each goes to one cell, drawn for its track, and on average where it would have been spread."""
    detector = replace(toy(SQUARES), threshold=1.0)
    middle = int(np.argmin(detector.r))
    signals = np.zeros((400, detector.n_channels), np.float32)
    signals[:, middle] = 10.0
    signals[0, middle] = 1e3
    shift, key = np.full((400, 1, 2), 2.5), np.arange(400)[:, None]
    placed, _ = Placement(detector).place(signals, shift, key, np.arange(400), 400)
    assert (placed[0] > 0).sum() == 4
    assert ((placed[1:] > 0).sum(axis=1) == 1).all()
    np.testing.assert_allclose(
        mean_place(detector, placed[1:]).mean(axis=0), detector.centres[middle, :2] + 2.5, atol=0.5
    )
    again, _ = Placement(detector).place(signals[::-1], shift, key[::-1], np.arange(400), 400)
    np.testing.assert_array_equal(again[::-1], placed)


def test_tracks_are_taken_inside_the_guard_only_and_counted_by_the_reason() -> None:
    calorimeter = FastCalorimeter(Needles(toy(SQUARES)), 200.0)
    slanted = (0.8, 0.0, 0.6)
    offers = {
        "taken": (11, 500.0, (10.0, 0.0, -5.0), STRAIGHT),
        "another particle": (22, 500.0, (0.0, 0.0, -5.0), STRAIGHT),
        "too hard": (11, 5e3, (0.0, 0.0, -5.0), STRAIGHT),
        "no energy": (11, float("nan"), (0.0, 0.0, -5.0), STRAIGHT),
        "too slanted": (11, 500.0, (0.0, 0.0, -5.0), slanted),
        "at the edge": (11, 500.0, (170.0, 0.0, -5.0), STRAIGHT),
        "beside it": (11, 500.0, (210.0, 0.0, -5.0), STRAIGHT),
        "behind the front": (11, 500.0, (0.0, 0.0, 5.0), STRAIGHT),
        "flies away": (11, 500.0, (0.0, 0.0, -5.0), (0.0, 0.0, -1.0)),
    }
    assert [name for name, offer in offers.items() if calorimeter.offer(*offer, 1)] == ["taken"]
    assert dict(calorimeter.counts) == {"replaced": 1, "particle": 1, "energy": 2, "direction": 1, "edge": 1}
    assert calorimeter.words.startswith(
        "1 of 6 tracks (16.7 %) were replaced by showers of needles; in full: 1 of anot"
    )


def test_a_turned_calorimeter_takes_tracks_in_its_own_frame_and_deposits_lie_in_the_world() -> None:
    """Its axis is the world's x, its front 300 mm away."""
    frame = Frame(at=(300.0, 0.0, 0.0), axes=((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    calorimeter = FastCalorimeter(Needles(toy(SQUARES)), 200.0, frame=frame)
    assert not calorimeter.offer(11, 500.0, (0.0, 0.0, 0.0), STRAIGHT, 1)
    assert calorimeter.offer(11, 500.0, (0.0, 20.0, -30.0), (1.0, 0.0, 0.0), 2)
    made = calorimeter.finish(0)
    deposits = made.deposits()
    assert deposits[:, 3].sum() == pytest.approx(500)
    middle = deposits[:, :3].T @ deposits[:, 3] / 500
    np.testing.assert_allclose(middle, [340, 20, -30], atol=1e-3)
    np.testing.assert_allclose(mean_place(made.detector, made.in_cells()[0]), [[20, -30]], atol=1)


def test_axes_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidQuantity, match="no rotation matrix"):
        Frame(axes=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)))


def test_a_slanted_shower_is_sheared_along_the_depth() -> None:
    detector = toy(SQUARES, SQUARES)
    calorimeter = FastCalorimeter(Needles(detector), 200.0)
    slope = np.array([0.2, -0.1])
    direction = np.array([*slope, 1.0]) / np.linalg.norm([*slope, 1.0])
    calorimeter.offer(11, 500.0, (0.0, 0.0, 0.0), direction.tolist(), 1)
    made = calorimeter.finish(0)
    np.testing.assert_allclose(made.shift[0], detector.depths.mean(axis=1)[:, None] * slope)


def test_an_event_without_showers_is_empty() -> None:
    calorimeter = FastCalorimeter(fast_showers("photons"), 500.0)
    made = calorimeter.finish(7)
    assert len(made) == 0
    assert made.deposits().shape == (0, 4)
    signals, beside = made.in_cells()
    assert (signals.shape, beside.shape) == ((1, 368), (1, 5))
    assert signals.sum() == beside.sum() == 0
    assert calorimeter.words == "no track entered the calorimeter, so none was replaced"


def test_a_shower_depends_on_run_event_and_track_and_on_nothing_beside_it() -> None:
    """Alone, with others, in another order: the same; another event, track or run: another one."""
    energies = np.array([1e3, 8e3, 2e3])

    def made(event: int, order: Sequence[int], run: int = 3) -> Floats:
        calorimeter = FastCalorimeter(fast_showers("photons"), 500.0, run=run)
        for k in order:
            calorimeter.offer(22, energies[k], (0.0, 0.0, 0.0), STRAIGHT, track=k + 1)
        signals = calorimeter.finish(event).signals
        return signals[np.argsort(order)]

    whole = made(5, [0, 1, 2])
    np.testing.assert_allclose(made(5, [2, 0, 1]), whole, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(made(5, [1])[0], whole[1], rtol=1e-5, atol=1e-3)
    assert np.abs(made(6, [0, 1, 2]) - whole).max(axis=1).min() > 1
    assert np.abs(made(5, [0, 1, 2], run=4) - whole).max(axis=1).min() > 1


def test_a_moved_shower_keeps_its_response_above_the_threshold_and_lights_as_many_cells_as_geant4() -> None:
    """Spread evenly, 1.2 % would fall below the threshold, in a quarter more cells; Geant4: 119.6 cells, seed 44."""
    calorimeter = FastCalorimeter(fast_showers("photons"), 2000.0)
    totals, cells = [], calorimeter.showers.detector.slices[1:3]
    for x in (0.0, 25.0):
        for event in range(64):
            calorimeter.offer(22, 4096.0, (x, 0.0, 0.0), STRAIGHT, 1)
            calorimeter.end_event(event)
        signals, _ = calorimeter.make().in_cells()
        signals[signals < 1.0] = 0
        totals.append(signals.sum())
    assert totals[1] / totals[0] == pytest.approx(1, abs=0.004)
    assert sum((signals[:, cell] > 0).sum() for cell in cells) / 64 == pytest.approx(119.6, rel=0.12)


def test_what_the_model_does_not_know_is_simulated_as_without_it() -> None:
    """Bit for bit: photons below the range, seeds as ever."""
    simulator = Geant4(catalog.get("calochallenge-1-photons"))  # type: ignore[arg-type]
    full = simulator.simulate(photons(150.0, 3), np.random.default_rng(2))
    fast = replace(simulator, fast=fast_showers("photons")).simulate(photons(150.0, 3), np.random.default_rng(2))
    assert np.array_equal(full.signals, fast.signals)
    assert fast.metadata["tracks"] == {"energy": 3}
    assert full.signals.sum() > 0


def test_fast_showers_are_added_to_what_full_simulation_left() -> None:
    """A 60 MeV electron beside photons that are replaced: only the electron leaves energy in plates without readout."""
    energy = np.array([[16e3, 60.0], [4e3, 60.0]])
    incident = {"energy": energy, "pdg_id": np.array([[22, 11]] * 2)}
    simulator = Geant4(catalog.get("calochallenge-1-photons"), fast=fast_showers("photons"))  # type: ignore[arg-type]
    events = simulator.simulate(incident, np.random.default_rng(3))
    assert events.metadata["tracks"] == {"replaced": 2, "particle": 2}
    assert ((events.extras["passive"] > 1) & (events.extras["passive"] < 60)).all()
    np.testing.assert_allclose(events.response, 1, atol=0.15)
    again = simulator.simulate({name: column[:1] for name, column in incident.items()}, np.random.default_rng(3))
    np.testing.assert_allclose(again.signals[0], events.signals[0], rtol=1e-5, atol=1e-3)


def test_counts_add_up_over_blocks_and_the_result_does_not_depend_on_workers(tmp_path: Path) -> None:
    simulator = Geant4(toy(SQUARES), fast=Needles(toy(SQUARES)))
    energy = np.linspace(900, 1100, 25)
    for workers in (1, 2):
        produce(Production(simulator, {"energy": energy}, 8, tmp_path / f"{workers}.h5"), workers=workers)
    one, two = (read_events(tmp_path / f"{workers}.h5") for workers in (1, 2))
    assert one.metadata["tracks"] == two.metadata["tracks"] == {"replaced": 13, "energy": 12}
    assert np.array_equal(one.signals, two.signals)


def test_a_model_of_another_calorimeter_is_refused_and_the_difference_is_named() -> None:
    detector = toy(SQUARES)
    showers = Needles(detector)
    thick = replace(detector, stack=(Plate("G4_Pb", 7.0, 0), *detector.stack[1:]))
    moved = replace(detector, layers=(Layer(0, replace(SQUARES, x_edges=tuple(range(-120, 121, 10)))),))
    for other, message in (
        (thick, "plate 1 is 6 mm of G4_Pb in one and 7 mm of G4_Pb in the other"),
        (replace(detector, stack=detector.stack[:-2]), "one has 16 plates, the other 14"),
        (moved, "the cells of toy differ"),
        (toy(RINGS), "toy has 576 channels, toy 32"),
    ):
        with pytest.raises(DetectorError, match=message):
            Geant4(other, fast=showers)


def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.bundle").write_text("not a bundle")
    with pytest.raises(BundleError, match="truncated or not a bundle"):
        build("geant4", "calochallenge-1-photons", {"fast": tmp_path / "notes.bundle"})
    with pytest.raises(ConfigError, match="gflash has no setting 'fast'"):
        build("gflash", "calochallenge-1-photons", {"fast": "photons"})


def test_the_guard_of_a_bundle_is_its_training() -> None:
    showers = fast_showers("photons", tolerance="2deg")
    near, far = ((0.0, float(np.sin(angle)), float(np.cos(angle))) for angle in np.radians([1.9, 2.1]))
    assert showers.knows == "gamma of 256 MeV – 32.8 GeV, within 2° of straight in"
    assert [showers.refuses(*track) for track in ((22, 256.0, STRAIGHT), (22, 32768.0, near))] == [None, None]
    assert showers.refuses(11, 1e3, STRAIGHT) == "particle"
    assert [showers.refuses(22, energy, STRAIGHT) for energy in (250.0, 33e3, float("nan"))] == ["energy"] * 3
    assert showers.refuses(22, 1e3, far) == "direction"


@pytest.mark.slow
def test_the_example_takes_tracks_behind_a_tracker() -> None:
    """The door in a geometry of one's own, with material in front."""
    result = subprocess.run([sys.executable, str(EXAMPLE), "2"], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    energies = [float(line.split(", ")[1].split()[0]) for line in lines if line.startswith("event ")]
    assert len(energies) == 2
    assert all(100 < energy < 210 for energy in energies)
    assert "were replaced by showers of photons; in full: " in lines[-1]
